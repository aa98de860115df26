"""The CB views, while somebody else, a phone mostly, saves the document."""

from __future__ import annotations

from typing import Any

import pytest
from django import forms
from django.contrib.messages.views import SuccessMessageMixin
from django.template import engines
from django.urls import path

from django_cbtools import views
from django_cbtools.forms import DocumentForm
from django_cbtools.models.writing import saving
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayConflict
from tests.admin.browser import fields
from tests.forms.sending import phone_saves, stored
from tests.testapp.models import CBArticle

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

PAGE = engines["django"].from_string(
    '{% for message in messages %}{{ message }}{% endfor %}<form id="f">{{ form }}</form>'
)


class ModelForm(forms.ModelForm):
    class Meta:
        model = CBArticle
        fields = ["title", "year_published"]


class PlainForm(forms.Form):
    title = forms.CharField(max_length=45)


class Page:
    model = CBArticle
    success_url = "/done/"

    def get_template_names(self):
        return PAGE


class Create(Page, views.CBCreateView):
    fields = ["title", "year_published"]

    def get_extra_data(self):
        return {"channels": ["c"]}


class Update(SuccessMessageMixin, Page, views.CBUpdateView):
    fields = ["title", "year_published"]
    success_message = "%(title)s is saved."

    def get_extra_data(self):
        return {"editor": "me"}


class ModelFormUpdate(Update):
    fields = None
    form_class = ModelForm


class PlainUpdate(Page, views.CBUpdateView):
    form_class = PlainForm

    def get_form_kwargs(self):
        kwargs = super().get_form_kwargs()
        del kwargs["instance"]
        return kwargs


class Delete(Page, views.CBDeleteView):
    prefix = "sure"


urlpatterns = [
    path("new/", Create.as_view()),
    path("<pk>/fields/", Update.as_view()),
    path("<pk>/modelform/", ModelFormUpdate.as_view()),
    path("<pk>/plain/", PlainUpdate.as_view()),
    path("<pk>/delete/", Delete.as_view()),
]
UPDATES = ["/a/fields/", "/a/modelform/", "/a/plain/"]


@pytest.fixture(autouse=True)
def article():
    article = CBArticle(uid="a", title="Base", channels=["c"])
    article.save()
    return article


@pytest.mark.parametrize("page", UPDATES)
@pytest.mark.parametrize("revision", [None, "", "1-x", "null"])
def test_a_post_without_its_revision_is_refused(client, page, revision):
    sent = {**fields(client.get(page), "f"), "title": "Mine"}
    sent |= {"revision": revision} if revision is not None else {}
    if revision is None:
        del sent["revision"]
    response = client.post(page, sent)
    assert response.status_code == 200
    assert "Nothing has been saved" in response.text
    assert stored()["title"] == "Base"
    again = fields(response, "f")
    assert again["title"] == "Mine"
    assert client.post(page, again).status_code == 302
    assert stored()["title"] == "Mine"


@pytest.mark.parametrize("page", UPDATES)
def test_what_clashes_is_shown_and_saved_by_the_next_save(client, page):
    sent = {**fields(client.get(page), "f"), "title": "Mine"}
    phone_saves(title="Theirs")
    response = client.post(page, sent)
    assert "Somebody else has changed this" in response.text
    assert "is saved" not in response.text
    again = fields(response, "f")
    assert again["title"] == "Mine"
    assert client.post(page, again).status_code == 302
    assert stored()["title"] == "Mine"


@pytest.mark.parametrize("page", UPDATES[:2])
def test_what_does_not_clash_is_merged(client, page):
    sent = {**fields(client.get(page), "f"), "title": "Mine"}
    phone_saves(year_published=1999, colour="red")
    assert client.post(page, sent).status_code == 302
    now = stored()
    assert (now["title"], now["year_published"], now["colour"]) == ("Mine", 1999, "red")
    assert now["editor"] == "me"
    for _ in range(2):
        assert client.post(page, sent).status_code == 302
    assert stored()["_rev"] == now["_rev"]


@pytest.mark.parametrize("page", UPDATES)
@pytest.mark.parametrize("theirs", [{"title": "Theirs"}, {"colour": "red"}])
def test_a_rival_just_before_the_save(client, monkeypatch, page, theirs):
    sent = {**fields(client.get(page), "f"), "title": "Mine"}
    save = SyncGateway.save_document

    def save_after_the_phone(document: Any) -> None:
        monkeypatch.setattr(SyncGateway, "save_document", staticmethod(save))
        phone_saves(**theirs)
        save(document)

    monkeypatch.setattr(SyncGateway, "save_document", staticmethod(save_after_the_phone))
    response = client.post(page, sent)
    is_merged = "colour" in theirs and "plain" not in page
    assert response.status_code == (302 if is_merged else 200)
    assert {key: stored()[key] for key in theirs} == theirs
    if not is_merged:
        assert "is saved" not in response.text
        assert client.post(page, fields(response, "f")).status_code == 302
    assert stored()["title"] == "Mine"


def test_rivals_without_end(client, monkeypatch):
    def refuse(document: Any) -> None:
        raise SyncGatewayConflict("Document update conflict", uid="a")

    sent = {**fields(client.get(UPDATES[0]), "f"), "title": "Mine"}
    monkeypatch.setattr(SyncGateway, "save_document", staticmethod(refuse))
    monkeypatch.setattr(saving, "MERGE_DELAY", 0)
    response = client.post(UPDATES[0], sent)
    assert "Nothing has been saved" in response.text
    assert fields(response, "f")["title"] == "Mine"


def test_one_that_somebody_else_has_deleted(client):
    sent = {**fields(client.get(UPDATES[0]), "f"), "title": "Mine"}
    CBArticle("a").delete()
    assert client.get(UPDATES[0]).status_code == 404
    assert client.post(UPDATES[0], {**sent, "revision": ""}).status_code == 404
    for _ in range(2):
        response = client.post(UPDATES[0], sent)
        assert "It is deleted." in response.text
        sent = fields(response, "f")
        assert sent["title"] == "Mine"
    assert stored()["title"] == "Base"


def test_a_new_one_that_is_sent_twice_is_made_once(client):
    sent = {**fields(client.get("/new/"), "f"), "title": "New"}
    for _ in range(2):
        assert client.post("/new/", sent).status_code == 302
    assert CBArticle.objects.filter(title="New").count() == 1
    client.post("/new/", {**sent, "title": "Other"})
    client.post("/new/", {"title": "Third", "year_published": "1"})
    assert CBArticle.objects.count() == 4


def test_deleting_asks_again_where_it_has_changed(client):
    sent = fields(client.get("/a/delete/"), "f")
    assert list(sent) == ["sure-revision"]
    phone_saves(title="Theirs")
    response = client.post("/a/delete/", sent)
    assert response.status_code == 200
    assert "Nothing has been saved" in response.text
    assert not stored()["st_deleted"]
    sent = fields(response, "f")
    for _ in range(2):  # the second time it is done
        assert client.post("/a/delete/", sent).status_code == 302
        assert stored()["_rev"].startswith("3-")
    assert stored()["st_deleted"]
    assert client.post("/a/delete/").status_code == 404


def test_forms_are_documents_forms(client):
    for page in UPDATES[:2]:
        form = client.get(page).context["form"]
        assert isinstance(form, DocumentForm)
        assert list(form.fields) == ["title", "year_published", "revision"]
