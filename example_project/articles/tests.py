"""Tests of the articles' pages. Documents are rolled back after each test, as rows are."""

from unittest import mock

from django.contrib.admin.utils import quote
from django.contrib.auth.models import Permission, User
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
        """What the form of the article sends, but for what somebody changes in it."""
        form = self.get("update", self.article.uid).context["form"]
        shown = {name: form[name].value() for name in form.fields}
        return {name: value for name, value in shown.items() if value} | changes

    def test_list(self):
        for number in range(20):
            CBArticle(title=f"Draft {number}", channels=[CHANNEL_PUBLIC]).save()
        with mock.patch.object(SyncGateway, "bulk_get", wraps=SyncGateway.bulk_get) as bulk_get:
            first, second = self.get("list"), self.get("list", page=2)
        # Nothing to load for drafts without an author, one request for the authors of page 2.
        bulk_get.assert_called_once_with([self.ada.uid])
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

    def test_failure(self):
        self.client.raise_request_exception = False
        failing = mock.patch.object(SyncGateway, "bulk_get", side_effect=ZeroDivisionError)
        with failing, self.assertLogs("django.request", "ERROR"):
            response = self.get("detail", self.article.uid, status=500)
        self.assertContains(response, "Something went wrong", status_code=500)

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

    def test_years(self):
        for year, problem in ((99999999, "less than or equal to"), (0, "greater than or equal to")):
            response = self.post("create", title="New", year_published=year)
            self.assertContains(response, f"Ensure this value is {problem}")
        assert CBArticle.objects.count() == 1

    def test_ways_out_of_a_form(self):
        self.assertContains(self.get("create"), f'href="{reverse("articles:list")}">Cancel')
        page = self.get("update", self.article.uid)
        self.assertContains(page, f'href="{self.article.get_absolute_url()}">Cancel')
        self.assertContains(page, f'href="{reverse("articles:author_create")}" target="_blank"')
        self.assertContains(
            self.get("author_create"), f'href="{reverse("articles:authors")}">Cancel'
        )

    def test_icon(self):
        self.assertRedirects(
            self.client.get("/favicon.ico"), "/static/icon.svg", fetch_redirect_response=False
        )

    def test_edit(self):
        response = self.post("update", self.article.uid, **self.form_data(title="Changed"))
        self.assertRedirects(response, self.article.get_absolute_url())
        assert CBArticle(self.article.uid).title == "Changed"

    def test_conflict(self):
        """Two people open the form; the second to save sees what the first one has saved."""
        first, second = self.form_data(title="First"), self.form_data(title="Second")
        self.post("update", self.article.uid, **first)
        response = self.post("update", self.article.uid, **second)
        self.assertContains(response, "Somebody else has changed this")
        self.assertNotContains(response, "is saved")
        assert CBArticle(self.article.uid).title == "First"
        again = self.form_data() | {"title": "Second"}
        again["revision"] = response.context["form"]["revision"].value()
        self.post("update", self.article.uid, **again)
        assert CBArticle(self.article.uid).title == "Second"

    def test_no_conflict(self):
        """Two people change different things: both are saved."""
        first, second = self.form_data(title="First"), self.form_data(year_published=1843)
        self.post("update", self.article.uid, **first)
        self.assertContains(self.post("update", self.article.uid, **second), "is saved")
        article = CBArticle(self.article.uid)
        assert (article.title, article.year_published) == ("First", 1843)

    def test_delete(self):
        page = self.get("delete", self.article.uid)
        self.assertContains(page, "Delete “Notes”?")
        sent = {"revision": page.context["form"]["revision"].value()}
        phone = CBArticle(self.article.uid)
        phone.title = "Changed"
        phone.save()
        asked = self.post("delete", self.article.uid, **sent)
        self.assertContains(asked, "Nothing has been saved")
        sent = {"revision": asked.context["form"]["revision"].value()}
        self.assertContains(
            self.post("delete", self.article.uid, **sent), "The article is deleted."
        )
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
        revision = self.client.get(url).context["form"]["revision"].value()
        response = self.client.post(url, {"name": "Ada Lovelace", "revision": revision})
        self.assertRedirects(response, "/authors/")
        assert CBAuthor(ada.uid).name == "Ada Lovelace"


class AdminTest(TestCase):
    """Documents in Django's admin, as staff drives it."""

    @classmethod
    def setUpTestData(cls):
        cls.boss = User.objects.create_superuser("boss")
        cls.ada, cls.borges = (
            CBAuthor(name=name, channels=[CHANNEL_PUBLIC]) for name in ("Ada", "Borges")
        )
        CBAuthor.objects.bulk_create([cls.ada, cls.borges])
        cls.notes = cls.save("Notes", cls.ada, is_draft=False, year_published=1843)
        cls.fictions = cls.save("Fictions", cls.borges, body="A library of all books")

    @staticmethod
    def save(title, author, **fields):
        article = CBArticle(title=title, author=author, channels=[CHANNEL_PUBLIC], **fields)
        article.save()
        return article

    def setUp(self):
        self.client.force_login(self.boss)

    def url(self, page, *args, model="cbarticle"):
        return reverse(f"admin:articles_{model}_{page}", args=[quote(each) for each in args])

    def listed(self, **query):
        response = self.client.get(self.url("changelist"), query)
        assert response.status_code == 200
        return {article.title for article in response.context["cl"].result_list}

    def form_data(self, **changes):
        """What the form of the article sends back, but for what somebody changes in it."""
        form = self.client.get(self.url("change", self.notes.uid)).context["adminform"].form
        shown = {name: form[name].value() for name in form.fields}
        shown["initial-year_published"] = shown["year_published"]  # its default is a function
        sent = {name: value for name, value in shown.items() if value not in (None, False)}
        return sent | {"channels": CHANNEL_PUBLIC, "revision": form["revision"].value()} | changes

    def test_index(self):
        response = self.client.get("/admin/")
        self.assertContains(response, "Articles")
        self.assertContains(response, self.url("add", model="cbauthor"))

    def test_search_and_filters(self):
        assert self.listed() == {"Notes", "Fictions"}
        assert self.listed(q="library") == {"Fictions"}
        assert self.listed(q="ada") == {"Notes"}
        assert self.listed(q="nothing") == set()
        assert self.listed(is_draft__exact="0") == {"Notes"}
        assert self.listed(year_published="1843") == {"Notes"}

    def test_date_hierarchy(self):
        created = self.notes.created
        day = {"created__year": created.year, "created__month": created.month}
        assert self.listed(**day, created__day=created.day) == {"Notes", "Fictions"}
        assert self.listed(created__year=created.year - 1) == set()
        page = self.client.get(self.url("changelist"))
        self.assertContains(page, f"created__year={created.year}")

    def test_autocomplete(self):
        response = self.client.get(
            reverse("admin:autocomplete"),
            {"app_label": "articles", "model_name": "cbarticle", "field_name": "author",
             "term": "bor"},
        )  # fmt: skip
        assert response.json()["results"] == [{"id": self.borges.uid, "text": "Borges"}]

    def test_add(self):
        url = self.url("add")
        self.assertContains(self.client.get(url), f"{CHANNEL_PUBLIC}</textarea>")
        data = {"title": "New", "year_published": 2020, "author": self.ada.uid}
        response = self.client.post(url, data)
        self.assertContains(response, "one channel at least")
        response = self.client.post(url, data | {"channels": "public, editors"}, follow=True)
        self.assertContains(response, "was added successfully")
        article = CBArticle.objects.get(title="New")
        assert (article.author, article.channels) == (self.ada, ["public", "editors"])

    def test_change(self):
        response = self.client.post(
            self.url("change", self.notes.uid), self.form_data(title="Changed"), follow=True
        )
        self.assertContains(response, "was changed successfully")
        article = CBArticle(self.notes.uid)
        assert (article.title, article.author, article.year_published) == (
            "Changed",
            self.ada,
            1843,
        )
        history = self.client.get(self.url("history", self.notes.uid))
        self.assertContains(history, "Changed Title")
        self.assertContains(history, article.rev)

    def test_conflict(self):
        """A phone saves the article while its form is open."""
        mine = self.form_data(title="Mine")
        theirs = CBArticle(self.notes.uid)
        theirs.title = "Theirs"
        theirs.save()
        response = self.client.post(self.url("change", self.notes.uid), mine)
        assert response.status_code == 200
        (error,) = response.context["adminform"].form.non_field_errors()
        assert "Mine" in error
        assert "Theirs" in error
        assert "Year" not in error
        assert CBArticle(self.notes.uid).title == "Theirs"

    def test_delete_and_undelete(self):
        response = self.client.post(
            self.url("delete", self.notes.uid), {"post": "yes"}, follow=True
        )
        self.assertContains(response, "was deleted successfully")
        assert CBArticle(self.notes.uid).st_deleted
        assert self.listed() == {"Fictions"}
        assert self.listed(st_deleted="only") == {"Notes"}
        self.client.post(self.url("undelete", self.notes.uid))
        assert self.listed() == {"Notes", "Fictions"}

    def test_action(self):
        data = {"action": "delete_selected", "_selected_action": [self.notes.uid], "post": "yes"}
        self.client.post(self.url("changelist"), data)
        assert self.listed() == {"Fictions"}
        assert CBArticle(self.notes.uid).st_deleted

    def test_staff_with_permissions(self):
        staff = User.objects.create_user("staff", is_staff=True)
        staff.user_permissions.add(Permission.objects.get(codename="view_cbarticle"))
        self.client.force_login(staff)
        assert self.listed() == {"Notes", "Fictions"}
        assert self.client.get(self.url("add")).status_code == 403
        assert self.client.post(self.url("delete", self.notes.uid)).status_code == 403
        assert self.client.get(self.url("changelist", model="cbauthor")).status_code == 403


ODD = [5, -0.5, True, None, "", "a/b", ["x"], {"a": 1}]


class OddDocumentsTest(TestCase):
    """Phones may write anything: one odd document breaks no page."""

    @classmethod
    def setUpTestData(cls):
        call_command("create_cb_views", verbosity=0)

    def test_pages(self):
        keys = ["title", "author_uid", "year_published", "is_draft", "body", "created", "updated"]
        pages = ["articles/", "articles/?page=2", "articles/?author=a/b", "authors/"]
        for number, value in enumerate(ODD):
            author = {"doc_type": "author", "channels": ["c"], "name": value}
            SyncGateway.save_json(f"odd/{number}", author)
            pages.append(f"authors/odd/{number}/edit/")
            for key in keys:
                uid = f"odd/{number}/{key}"
                article = {"doc_type": "article", "channels": ["c"], "title": "t", key: value}
                SyncGateway.save_json(uid, article)
                pages += [f"articles/{uid}/{page}" for page in ("", "edit/", "delete/")]
        for page in pages:
            with self.subTest(page):
                assert self.client.get(f"/{page}").status_code == 200
