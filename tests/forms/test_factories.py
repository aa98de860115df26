"""Classes of forms of documents, and sets of them, outside the admin."""

from __future__ import annotations

import pytest
from django import forms

from django_cbtools.forms import (
    ChannelsField,
    DocumentForm,
    documentform_factory,
    documentformset_factory,
    inlinedocumentformset_factory,
)
from tests.forms.sending import phone_saves, sent, stored
from tests.testapp.models import CBArticle, CBAuthor

pytestmark = pytest.mark.django_db


@pytest.fixture
def articles():
    author = CBAuthor(uid="ann", name="Ann", channels=["c"])
    author.save()
    found = [CBArticle(uid=uid, title=uid, author=author, channels=["c"]) for uid in "ab"]
    for article in found:
        article.save()
    return found


def test_channels_are_a_field_where_they_are_named(articles):
    everything = documentform_factory(CBArticle, fields="__all__")(instance=articles[0])
    assert "channels" not in everything.fields
    form_class = documentform_factory(CBArticle, fields=["title", "channels"])
    form = form_class({**sent(form_class(instance=articles[0])), "channels": "c, d"},
                      instance=articles[0])  # fmt: skip
    assert form.save().channels == ["c", "d"]
    assert not form_class({"title": "new"}).is_valid()

    class Own(DocumentForm):
        channels = ChannelsField(required=False)

        class Meta:
            model = CBArticle
            exclude = ["details"]

    assert isinstance(Own().fields["channels"], ChannelsField)


def test_a_set_of_forms_writes_what_was_changed(articles):
    formset_class = documentformset_factory(CBArticle, fields=["title"], extra=0)
    queryset = CBArticle.objects.order_by("uid")
    data = {**sent(formset_class(queryset=queryset)), "form-1-title": "new"}
    formset = formset_class(data, queryset=queryset)
    assert formset.is_valid(), formset.errors
    assert [article.uid for article in formset.save()] == ["b"]
    assert [CBArticle(article.uid).title for article in articles] == ["a", "new"]


def test_documents_of_an_author(articles):
    formset_class = inlinedocumentformset_factory(
        CBAuthor, CBArticle, fields=["title"], widgets={"title": forms.Textarea}, extra=0
    )
    author = CBAuthor("ann")
    data = sent(formset_class(instance=author, queryset=author.articles.order_by("uid")))
    formset = formset_class(
        {**data, "articles-0-title": "new", "articles-1-DELETE": "on"}, instance=author,
        queryset=author.articles.order_by("uid"),
    )  # fmt: skip
    assert formset.is_valid(), formset.errors
    formset.save()
    assert CBArticle("a").title == "new"
    assert CBArticle("b").st_deleted


@pytest.mark.parametrize("theirs", [{"author_uid": "bob"}, {"st_deleted": True}])
def test_what_is_entered_of_a_document_that_is_elsewhere_by_now_is_not_lost(articles, theirs):
    formset_class = inlinedocumentformset_factory(CBAuthor, CBArticle, fields=["title"], extra=0)
    data = sent(formset_class(instance=CBAuthor("ann")))
    phone_saves(**theirs)
    before = stored()

    def posted(**entered):
        return formset_class({**data, **entered}, instance=CBAuthor("ann"))

    for entered in ({"articles-0-title": "mine"}, {"articles-0-DELETE": "on"}):
        formset = posted(**entered)
        assert not formset.is_valid()
        errors, others = formset.errors
        assert "moved or deleted" in errors["__all__"][0]
        assert not others
    assert 'value="mine"' in str(posted(**{"articles-0-title": "mine"})[0]["title"])
    left = posted(**{"articles-1-title": "new"})
    assert left.is_valid(), left.errors
    assert [article.uid for article in left.save()] == ["b"]
    assert stored() == before


def test_a_set_of_forms_tells_of_what_is_elsewhere(articles):
    formset_class = documentformset_factory(CBArticle, fields=["title"], extra=0)
    queryset = CBArticle.objects.order_by("uid")
    data = {**sent(formset_class(queryset=queryset)), "form-0-title": "mine"}
    for without in ({}, {"form-0-revision": ""}):  # as somebody's own page might send it
        formset = formset_class({**data, **without}, queryset=queryset.exclude(pk="a"))
        assert not formset.is_valid()
        assert "moved or deleted" in formset.errors[0]["__all__"][0]
