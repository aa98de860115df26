"""Loading documents: many at once, and what they refer to."""

from __future__ import annotations

import datetime

import pytest
from django.core.exceptions import ValidationError
from django.forms import modelform_factory

from django_cbtools.models import (
    dt2ts,
    load_objects,
    load_objects_dict,
    load_related_objects,
    st2dt,
    try_else_return_none_obj,
)
from tests.models.articles import UTC, article
from tests.testapp.models import CBArticle, CBAuthor


def test_load_objects(db, caplog):
    first, second = article(), article()
    assert load_objects([second.uid, "missing", first.uid], CBArticle) == [second, first]
    assert "missing" in caplog.text
    assert load_objects_dict([first.uid], CBArticle) == {first.uid: first}
    for nothing in (None, "", []):
        assert load_objects(nothing, CBArticle) == []
    assert try_else_return_none_obj("missing", CBArticle) is None
    assert try_else_return_none_obj(first.uid, CBArticle) == first


def test_load_related_objects_takes_one_request(db, django_assert_num_queries):
    authors = [CBAuthor(name=str(n), channels=["c"]) for n in range(3)]
    CBAuthor.objects.bulk_create(authors)
    articles = [article(author=author) for author in authors]
    articles += [article(), article(author_uid="aut_gone")]
    articles = load_objects([a.uid for a in articles], CBArticle)
    with django_assert_num_queries(3):
        load_related_objects(articles, "author", CBAuthor)
    assert [a.author for a in articles] == [*authors, None, None]
    assert articles[4].author_uid == "aut_gone"


def test_forward_relation_goes_by_key(db):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    saved = article(author=author)
    assert CBArticle(saved.uid).author == author
    assert CBArticle(saved.uid).author.name == "Ann"
    dangling = article(author_uid="aut_gone")
    with pytest.raises(CBAuthor.DoesNotExist):
        assert dangling.author


@pytest.mark.parametrize(
    "wrong", [{"title": "x" * 46}, {"price": "1234567890.12"}, {"price": "0.123"}], ids=str
)
def test_fields_keep_their_validators(wrong):
    with pytest.raises(ValidationError) as caught:
        CBArticle(channels=["c"], **wrong).full_clean()
    assert set(caught.value.message_dict) == set(wrong)


def test_validation_of_relations_goes_by_key(gateway_by_http):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    CBArticle(author=author, channels=["c"]).full_clean()
    with pytest.raises(ValidationError, match="aut_gone"):
        CBArticle(author_uid="aut_gone", channels=["c"]).full_clean()


def test_model_form(db):
    author = CBAuthor(name="Ann", channels=["c"])
    author.save()
    form_class = modelform_factory(CBArticle, fields="__all__")
    assert set(form_class.base_fields) == {
        "title", "year_published", "is_draft", "author", "published", "price", "tags", "details",
    }  # fmt: skip
    form = form_class({"title": "t", "year_published": "1999", "author": author.uid})
    form.instance.append_channel("c")
    assert form.is_valid(), form.errors
    saved = form.save()
    assert CBArticle(saved.uid).author == author
    assert CBArticle(saved.uid).year_published == 1999
    bad = form_class({"title": "x" * 46, "year_published": "n", "author": "aut_gone"})
    assert set(bad.errors) == {"title", "year_published", "author"}


def test_dates_helpers():
    moment = datetime.datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert st2dt(dt2ts(moment)) == moment
    assert dt2ts(moment.replace(tzinfo=None)) == dt2ts(moment)
    assert abs(dt2ts() - dt2ts(datetime.datetime.now(UTC))) <= 1
