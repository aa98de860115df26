"""Caches and sessions in documents, as a gateway keeps them."""

from __future__ import annotations

import time

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import caches

from django_cbtools.contrib.sessions import SessionStore
from django_cbtools.sync_gateway import SyncGateway

from .conftest import eventually


@pytest.fixture
def cache(gateway, settings):
    backend = "django_cbtools.contrib.cache.DocumentCache"
    settings.CACHES = {"default": {"BACKEND": backend}}
    return caches["default"]


def stored():
    return SyncGateway.all_docs([], really_all=True)["rows"]


def test_a_cache(cache):
    assert cache.add("a", 1)
    assert not cache.add("a", 2)
    cache.set_many({"a": 3, "b": 2**70, "c": {"d": [1.0, "\ud800\0é"]}})
    assert cache.get_many("abcd") == {"a": 3, "b": 2**70, "c": {"d": [1.0, "\ud800\0é"]}}
    assert (cache.incr("a"), cache.incr("b", -1)) == (4, 2**70 - 1)
    assert cache.touch("a", 1000)
    assert cache.delete("a")
    assert cache.add("a", 5)
    assert cache.get("a") == 5
    SyncGateway.save_json("other", {"channels": ["c"]})
    cache.clear()
    eventually(lambda: [row["id"] for row in stored()], ["other"])


def test_expiry(cache):
    cache.set("a", 1, 1)
    cache.set("b", 1, 1000)
    assert cache.get("a") == 1
    time.sleep(1.1)
    assert cache.get_many("ab") == {"b": 1}
    assert cache.add("a", 2)
    assert cache.get("a") == 2


def test_phones_do_not_get_it(cache, user):
    cache.set("a", 1)
    (row,) = stored()
    ann = SyncGateway.as_user(user("ann", admin_channels=["public", "!", "c"]), "secret")
    assert ann.all_docs([row["id"]])["rows"][0]["status"] == 403
    assert row["id"] not in [change.uid for change in ann.changes()]


def test_sessions(gateway):
    session, past = SessionStore(), SessionStore()
    session["a"] = 1
    session.save()
    other = SessionStore(session.session_key)
    other["a"] = 2
    other.save()
    session.cycle_key()
    session["b"] = 3
    session.save()
    assert SessionStore(session.session_key).load() == {"a": 1, "b": 3}
    with pytest.raises(UpdateError):
        other.save()
    past.set_expiry(-1)
    past.save()
    SessionStore.clear_expired()
    eventually(lambda: [row["id"] for row in stored()], [SessionStore._uid(session.session_key)])
