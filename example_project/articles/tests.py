"""Tests of the articles' pages. Documents are rolled back after each test, as rows are."""

from unittest import mock

from django.core.management import call_command
from django.test import TestCase
from django.urls import reverse

from django_cbtools.models import CHANNEL_PUBLIC
from django_cbtools.sync_gateway import SyncGateway

from .models import CBArticle, CBAuthor


class ArticlesTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        call_command("create_cb_views", verbosity=0)
        cls.ada = CBAuthor(name="Ada", channels=[CHANNEL_PUBLIC])
        cls.ada.save()
        cls.article = CBArticle(title="Notes", author=cls.ada, channels=[CHANNEL_PUBLIC])
        cls.article.save()

    def get(self, name, *args, status=200, **query):
        response = self.client.get(reverse(f"articles:{name}", args=args), query)
        assert response.status_code == status
        return response

    def post(self, name, *args, **data):
        return self.client.post(reverse(f"articles:{name}", args=args), data, follow=True)

    def form_data(self, **changes):
        return {"title": "Notes", "year_published": 1843, "_rev": self.article.rev, **changes}

    def test_list(self):
        for number in range(20):
            CBArticle(title=f"Draft {number}", channels=[CHANNEL_PUBLIC]).save()
        with mock.patch.object(SyncGateway, "all_docs", wraps=SyncGateway.all_docs) as all_docs:
            first, second = self.get("list"), self.get("list", page=2)
        # Nothing to load for drafts without an author, one request for the authors of page 2.
        all_docs.assert_has_calls([mock.call([]), mock.call([self.ada.uid])])
        assert all_docs.call_count == 2
        self.assertContains(first, "Draft 19")
        self.assertContains(first, "Page 1 of 2")
        self.assertNotContains(first, "Notes")
        self.assertContains(second, "Notes")
        self.assertContains(second, "Ada ·")

    def test_list_of_an_author(self):
        CBArticle(title="Somebody else's", channels=[CHANNEL_PUBLIC]).save()
        response = self.get("list", author=self.ada.uid)
        self.assertContains(response, "Notes")
        self.assertNotContains(response, "Somebody else")
        self.assertContains(self.get("list", author="aut_none"), "no article by this author")

    def test_empty_list(self):
        self.article.delete()
        self.assertContains(self.get("list"), "There is no article yet")

    def test_detail(self):
        response = self.get("detail", self.article.uid)
        self.assertContains(response, "Draft")
        self.assertContains(response, "Ada</a>")

    def test_missing(self):
        response = self.get("detail", "atl_none", status=404)
        self.assertTemplateUsed(response, "404.html")

    def test_create(self):
        data = {"title": "New", "year_published": 2020, "author": self.ada.uid, "body": "Text"}
        self.assertContains(self.post("create", **data), "“New” is saved.")
        article = CBArticle.objects.get(title="New")
        assert article.author == self.ada
        assert article.channels == [CHANNEL_PUBLIC]
        assert not article.is_draft

    def test_create_with_errors(self):
        response = self.post("create", title="", year_published="soon", author="aut_none")
        self.assertContains(response, "This field is required.")
        self.assertContains(response, "Enter a whole number.")
        self.assertContains(response, "Select a valid choice.")
        assert CBArticle.objects.count() == 1

    def test_edit(self):
        self.assertContains(self.get("update", self.article.uid), self.article.rev)
        response = self.post("update", self.article.uid, **self.form_data(title="Changed"))
        self.assertRedirects(response, self.article.get_absolute_url())
        assert CBArticle(self.article.uid).title == "Changed"

    def test_conflict(self):
        """Two people open the form; the second to save is told of the first."""
        self.post("update", self.article.uid, **self.form_data(title="First"))
        response = self.post("update", self.article.uid, **self.form_data(title="Second"))
        self.assertContains(response, "Somebody else has changed this")
        self.assertNotContains(response, "is saved")
        assert CBArticle(self.article.uid).title == "First"

    def test_delete(self):
        self.assertContains(self.get("delete", self.article.uid), "Delete “Notes”?")
        self.assertContains(self.post("delete", self.article.uid), "The article is deleted.")
        self.get("detail", self.article.uid, status=404)
        assert CBArticle(self.article.uid).st_deleted


class AuthorsTest(TestCase):
    def setUp(self):
        call_command("create_cb_views", verbosity=0)

    def save(self, name, articles=0):
        author = CBAuthor(name=name, channels=[CHANNEL_PUBLIC])
        author.save()
        for _ in range(articles):
            CBArticle(title="One", author=author, channels=[CHANNEL_PUBLIC]).save()
        return author

    def test_list(self):
        self.assertContains(self.client.get("/authors/"), "There is no author yet")
        self.save("Borges", articles=2)
        self.save("Ada")
        authors = self.client.get("/authors/").context["authors"]
        counts = [(author.name, author.article_count) for author in authors]
        assert counts == [("Ada", 0), ("Borges", 2)]

    def test_create_and_edit(self):
        response = self.client.post("/authors/new/", {"name": "Ada"}, follow=True)
        self.assertContains(response, "Ada is saved.")
        ada = CBAuthor.objects.get()
        url = reverse("articles:author_update", args=[ada.uid])
        response = self.client.post(url, {"name": "Ada Lovelace", "_rev": ada.rev})
        self.assertRedirects(response, "/authors/")
        assert CBAuthor(ada.uid).name == "Ada Lovelace"
