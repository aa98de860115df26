"""What the system checks say of collections that classes name, and that views are not asked."""

from __future__ import annotations

import pytest
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.checks import check_doc_types, check_keyspaces, check_scopes
from django_cbtools.models import query_objects
from django_cbtools.models.registry import documents
from tests.testapp.models import CBArticle, CBAuthor

SCOPES = {"scopes": {"inv": {"collections": {"a": {}, "b": {}}}}}


def ids(messages: list[checks.CheckMessage]) -> list[str | None]:
    return [message.id for message in messages]


@pytest.mark.parametrize("keyspace", ["a", "a.b.c", ".b", "a.", "a b.c", "_a.b", "", 5])
def test_names_that_no_collection_has(monkeypatch, keyspace):
    monkeypatch.setattr(CBAuthor, "keyspace", keyspace)
    (message,) = check_keyspaces(None)
    assert (message.id, message.obj) == ("cbtools.E026", CBAuthor)
    assert "testapp.CBAuthor" in message.msg


@pytest.mark.parametrize("keyspace", ["inv.a", "_default.a", "_default._default", "a-1.b_%", None])
def test_names_that_collections_have(monkeypatch, keyspace):
    monkeypatch.setattr(CBAuthor, "keyspace", keyspace)
    assert check_keyspaces(None) == []


def test_collections_of_the_settings(monkeypatch, settings):
    assert check_scopes() == []
    monkeypatch.setattr(CBAuthor, "keyspace", "inv.a")
    assert ids(check_scopes()) == ["cbtools.E028"]
    settings.SYNC_GATEWAY_DATABASE = SCOPES
    (message,) = check_scopes()
    assert "'_default._default', which is none of" in message.msg
    for model in documents():
        monkeypatch.setattr(model, "keyspace", "inv.b")
    assert check_scopes() == []
    for wrong in (
        {"scopes": 5},
        {"scopes": {"a": {}}},
        {"scopes": {"a b": {"collections": {"c": 1}}}},
    ):
        settings.SYNC_GATEWAY_DATABASE = wrong
        (message,) = check_scopes()
        assert "cannot be read" in message.msg


def test_several_scopes_of_a_real_gateway(monkeypatch, settings):
    settings.SYNC_GATEWAY_URL = "https://sync.example.com:4984"
    settings.COUCHBASE_DATABASE = "plain"
    monkeypatch.setattr(CBAuthor, "keyspace", "inv.a")
    (message,) = check_scopes()
    assert "in several scopes: _default (" in message.msg


def test_views_are_of_the_default_collection(monkeypatch):
    monkeypatch.setattr(CBAuthor, "keyspace", "inv.a")
    monkeypatch.setattr(CBAuthor, "relation_views", {"author": "by_author"})
    assert ids(check_keyspaces(None)) == ["cbtools.E027"]
    with pytest.raises(ImproperlyConfigured, match=r"CBAuthor is in the keyspace 'inv\.a'"):
        query_objects("by_type", "author", CBAuthor)


def test_a_type_may_be_in_two_collections(monkeypatch):
    monkeypatch.setattr(CBAuthor, "doc_type", CBArticle.type_name())
    before = ids(check_doc_types(None))
    monkeypatch.setattr(CBAuthor, "keyspace", "inv.a")
    assert len(check_doc_types(None)) == len(before) - 1
