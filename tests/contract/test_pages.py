"""The generic views and their forms."""

from __future__ import annotations

import pytest

from django_cbtools.models import load_objects
from django_cbtools.signals import cb_post_save
from tests.forms.sending import sent
from tests.testapp.models import CBArticle, CBAuthor


@pytest.fixture
def article(gateway):
    saved = CBArticle(title="First", channels=["c"], extra={"kept": 1})
    saved.save()
    return saved


@pytest.fixture
def created(gateway):
    """The uids of articles that are made."""
    uids = []

    def note(instance, created, **kwargs):
        if created:
            uids.append(instance.uid)

    cb_post_save.connect(note, CBArticle)
    yield uids
    cb_post_save.disconnect(note, CBArticle)


def test_list_of_the_models_own_choice(client, article, monkeypatch):
    def get_list(request):
        return load_objects(request.GET.getlist("uid"), CBArticle)

    monkeypatch.setattr(CBArticle, "get_list", get_list, raising=False)
    assert "First," in client.get(f"/articles/?uid={article.uid}").content.decode()
    assert "First," not in client.get("/articles/").content.decode()


def test_detail(client, article):
    assert client.get(f"/articles/{article.uid}/").content.decode().startswith("First|")


@pytest.mark.parametrize("page", ["", "edit/", "delete/", "title/"])
def test_missing_and_foreign_documents_are_404(client, article, page):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    article.delete()
    method = client.post if page == "title/" else client.get
    for uid in ("missing", author.uid, "_user", article.uid):
        assert method(f"/articles/{uid}/{page}", {"title": "x"}).status_code == 404, uid
    assert CBAuthor(author.uid).name == "Ann"


@pytest.mark.parametrize("url", ["/articles/new/", "/articles/plain/"])
def test_create(client, created, url):
    answer = client.post(url, {"title": "New", "year_published": "1999"})
    assert answer.status_code == 302, answer.content
    (uid,) = created
    loaded = CBArticle(uid)
    assert (loaded.title, loaded.channels) == ("New", ["from-the-view"])


@pytest.mark.parametrize("url", ["/articles/new/", "/articles/plain/"])
def test_nothing_is_made_of_a_form_with_errors(client, created, url):
    answer = client.post(url, {"title": "x" * 46, "year_published": "1999"})
    assert "at most 45" in answer.content.decode()
    assert created == []


def test_update(client, article):
    url = f"/articles/{article.uid}/edit/"
    form = sent(client.get(url).context["form"])
    assert client.post(url, {**form, "title": "Second"}).status_code == 302
    changed = CBArticle(article.uid)
    assert (changed.title, changed.extra, changed.channels) == ("Second", {"kept": 1}, ["c"])


def test_an_update_says_what_it_was_made_from(client, article):
    sent = {"title": "Second", "year_published": "1"}
    answer = client.post(f"/articles/{article.uid}/edit/", sent)
    assert "does not say which revision" in answer.content.decode()
    assert CBArticle(article.uid).title == "First"


def test_conflict_is_a_form_error(client, article, monkeypatch):
    url = f"/articles/{article.uid}/edit/"
    form = sent(client.get(url).context["form"])
    real_save, rivals = CBArticle.save, iter(["Somebody else's"])

    def save_after_somebody_else(self, *args, **kwargs):
        for title in rivals:
            other = CBArticle(self.uid)
            other.title = title
            real_save(other)
        real_save(self, *args, **kwargs)

    monkeypatch.setattr(CBArticle, "save", save_after_somebody_else)
    answer = client.post(url, {**form, "title": "Mine"})
    assert answer.status_code == 200
    assert "Somebody else has changed this" in answer.content.decode()
    assert CBArticle(article.uid).title == "Somebody else's"


@pytest.mark.parametrize("page", ["edit", "delete"])
def test_page_that_was_open_while_somebody_else_saved(client, article, page):
    url = f"/articles/{article.uid}/{page}/"
    form = sent(client.get(url).context["form"])
    article.title = "Somebody else's"
    article.save()
    answer = client.post(url, {**form, "title": "Mine"})
    assert "Somebody else has changed this" in answer.content.decode()
    loaded = CBArticle(article.uid)
    assert (loaded.title, loaded.st_deleted) == ("Somebody else's", False)


def test_delete(client, article):
    url = f"/articles/{article.uid}/delete/"
    assert client.get(url).status_code == 200
    assert client.post(url).status_code == 302
    assert CBArticle(article.uid).st_deleted


def test_form_beside_a_document(client, article):
    assert client.post(f"/articles/{article.uid}/title/", {"title": "x"}).status_code == 302
    assert CBArticle(article.uid).title == "x"
