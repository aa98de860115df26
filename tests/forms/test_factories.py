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
from tests.forms.sending import sent
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
