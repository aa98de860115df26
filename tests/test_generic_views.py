"""The CB* generic views."""

from __future__ import annotations

import html
import re

import pytest
from django import forms
from django.core.exceptions import ImproperlyConfigured
from django.http import Http404
from django.test import RequestFactory
from django.views import generic

from django_cbtools.admin import DocumentForm
from django_cbtools.exceptions import StaleFormWarning
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.views import CBDeleteView, CBDetailView, CBListView, CBUpdateView
from tests.testapp.models import CBArticle


@pytest.fixture
def article(db):
    saved = CBArticle(title="First", channels=["c"], extra={"kept": 1})
    saved.save()
    return saved


def test_list(client, article):
    assert "First," in client.get("/articles/").content.decode()
    article.delete()
    assert "First," not in client.get("/articles/").content.decode()


@pytest.mark.parametrize("base", [CBDetailView, CBUpdateView, CBDeleteView])
@pytest.mark.parametrize("how", ["queryset", "get_queryset", "get_object"])
def test_only_documents_of_the_views_own_queryset(rf, article, base, how):
    mine = CBArticle.objects.filter(title="First")
    given = {
        "queryset": mine,
        "get_queryset": lambda view: mine,
        "get_object": lambda view: base.get_object(view, mine),
    }[how]
    names = {"model": CBArticle, "template_name": "testapp/page.html", how: given}
    if base is CBUpdateView:
        names["fields"] = ["title"]
    view = type("View", (base,), names).as_view()
    assert view(rf.get("/"), pk=article.uid).status_code == 200
    article.title = "Other"
    article.save()
    for method in ("get",) if base is CBDetailView else ("get", "post"):
        with pytest.raises(Http404):
            view(getattr(rf, method)("/"), pk=article.uid)
    assert not CBArticle(article.uid).st_deleted


@pytest.mark.parametrize("base", [CBDetailView, CBUpdateView, CBDeleteView])
def test_a_slug_and_a_queryset_without_a_model(rf, article, base):
    """As in Django's views, the URL may have a slug, and the queryset has the class."""
    names = {"queryset": CBArticle.objects.all(), "fields": ["title"], "success_url": "/"}
    names |= {"template_name": "testapp/page.html", "slug_field": "title"}
    if base is not CBUpdateView:
        del names["fields"]
    view = type("View", (base,), names).as_view()
    assert view(rf.get("/"), pk=article.uid).context_data["object"] == article
    page = view(rf.get("/"), slug="First").render()
    assert page.context_data["object"] == article
    with pytest.raises(Http404):
        view(rf.get("/"), slug="Other")
    with pytest.raises(AttributeError, match="either an object pk or a slug"):
        view(rf.get("/"))
    if base is not CBDetailView:
        form = page.context_data["form"]
        sent = {"title": "Second", "revision": form["revision"].value()}
        assert view(rf.post("/", sent), slug="First").status_code == 302
        stored = CBArticle.all_objects.get()
        assert (stored.title, stored.st_deleted) in {("Second", False), ("First", True)}
        with pytest.raises(Http404):
            view(rf.post("/", sent), slug="First")


def test_a_list_in_the_order_of_the_view(rf, article):
    CBArticle(title="Second", channels=["c"]).save()
    for names in ({"model": CBArticle}, {"queryset": CBArticle.objects.filter(is_draft=True)}):
        for ordering in ("-title", ["-title", "uid"]):
            view = type("View", (CBListView,), {**names, "ordering": ordering}).as_view()
            titles = [each.title for each in view(rf.get("/")).context_data["object_list"]]
            assert titles == ["Second", "First"]
    with pytest.raises(ImproperlyConfigured, match=r"View\.queryset"):
        type("View", (CBListView,), {}).as_view()(rf.get("/"))


def test_only_true_is_deleted(client, article):
    SyncGateway.save_json(
        article.uid, {**article.to_dict(), "_rev": article.rev, "st_deleted": "yes"}
    )
    assert "First," in client.get("/articles/").content.decode()
    assert client.get(f"/articles/{article.uid}/").status_code == 200
    assert client.get(f"/articles/{article.uid}/edit/").status_code == 200


def test_plain_form_warns_only_where_it_writes_over_a_document(article, recwarn):
    class Update(generic.UpdateView):
        model = CBArticle
        fields = ("title",)
        template_name = "testapp/page.html"
        success_url = "/articles/"

    factory = RequestFactory()
    Update.as_view()(factory.get("/"), pk=article.uid)
    form = forms.modelform_factory(CBArticle, fields=["title"])({"title": "new"})
    assert form.is_valid()
    article.full_clean()
    assert not recwarn
    with pytest.warns(StaleFormWarning, match=r"django_cbtools\.forms\.DocumentForm"):
        Update.as_view()(factory.post("/", {"title": "mine"}), pk=article.uid)
    assert CBArticle(article.uid).title == "mine"


def test_the_admins_form_knows_its_revision(article, recwarn):
    form_class = forms.modelform_factory(CBArticle, form=DocumentForm, fields=["title"])
    revision = form_class(instance=article)["revision"].as_hidden()
    value = html.unescape(re.search(r'value="([^"]*)"', revision)[1])
    form = form_class({"title": "mine", "revision": value}, instance=article)
    assert form.is_valid(), form.errors
    assert not recwarn
