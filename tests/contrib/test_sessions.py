"""Sessions in documents: what Django's own tests ask of every back end, and of that in a database,
under the same names; and what documents add to it."""

from __future__ import annotations

import logging
import string
from datetime import timedelta
from functools import partial

import pytest
from asgiref.sync import async_to_sync
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.signing import JSONSerializer
from django.http import HttpResponse
from django.utils import timezone

from django_cbtools.checks import check_stores
from django_cbtools.contrib import entries
from django_cbtools.contrib.sessions import PREFIX, SessionStore
from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.sync_gateway import SyncGateway

ENGINE = "django_cbtools.contrib.sessions"


class Pickled:
    """What is no JSON."""


class DatesAsTexts(JSONSerializer):
    """JSON of another kind."""


@pytest.fixture
def session(db):
    return SessionStore()


class Awaited:
    """A session whose twins for async code are called."""

    def __init__(self, session):
        self._session = session

    def __getattr__(self, name):
        twin = getattr(type(self._session), f"a{name}", None)
        if twin is None:
            return getattr(self._session, name)
        return async_to_sync(getattr(self._session, f"a{name}"))

    def __getitem__(self, key):
        return self.get(key)

    def __setitem__(self, key, value):
        self.set(key, value)


@pytest.fixture(params=["sync", "async"])
def store(request, session):
    """A function that makes sessions, of which all twins are asked the same."""
    if request.param == "sync":
        return SessionStore
    return lambda key=None: Awaited(SessionStore(key))


def stored():
    rows = SyncGateway.all_docs([], really_all=True)["rows"]
    return {row["id"]: row["doc"] for row in rows if row["id"].startswith(PREFIX)}


def test_new_session(session):
    assert not session.modified
    assert not session.accessed
    assert session.is_empty()


def test_store_pop_update_clear(store):
    session = store()
    assert session.get("cat") is None
    session["cat"] = "dog"
    assert session.modified
    assert session.pop("cat") == "dog"
    assert session.pop("some key", "does not exist") == "does not exist"
    assert session.setdefault("foo", "bar") == "bar"
    assert session.setdefault("foo", "baz") == "bar"
    session.update({"update key": 1})
    assert session.has_key("update key")
    assert list(session.keys()) == ["foo", "update key"]
    assert list(session.values()) == ["bar", 1]
    assert dict(session.items()) == {"foo": "bar", "update key": 1}
    session.clear()
    assert list(session.items()) == []


def test_save_and_load(store):
    session = store()
    assert session.session_key is None
    session["a"] = {"b": [1, None, "é"]}
    session.save()
    assert session.exists(session.session_key)
    assert store(session.session_key).load() == {"a": {"b": [1, None, "é"]}}
    assert not store().exists("x" * 32)


def test_delete_and_flush(store):
    session = store()
    session.save()
    session.delete(session.session_key)
    assert not session.exists(session.session_key)
    session.delete(session.session_key)
    store().delete()
    session = store()
    session["foo"] = "bar"
    session.save()
    key = session.session_key
    session.flush()
    assert not session.exists(key)
    assert session.session_key is None
    assert session.modified
    assert stored() == {}


def test_cycle(store):
    session = store()
    session["a"], session["b"] = "c", "d"
    session.save()
    key, data = session.session_key, list(session.items())
    session.cycle_key()
    assert session.session_key != key
    assert list(session.items()) == data
    assert not session.exists(key)
    session.save()
    assert dict(store(session.session_key).load()) == {"a": "c", "b": "d"}
    assert len(stored()) == 1


def test_cycle_with_no_session_cache(store):
    session = store()
    session["a"] = "c"
    session.save()
    other = store(session.session_key)
    other.cycle_key()
    assert dict(other.items()) == {"a": "c"}


@pytest.mark.parametrize("key", ["1", "", None])
def test_invalid_key(store, key):
    session = store(key)
    assert session.session_key is None
    session.save()
    assert len(session.session_key) == 32


@pytest.mark.parametrize(
    "key", ["x" * 32, (string.ascii_letters + string.digits) * 20, "/../%2F\0é"]
)
def test_session_load_does_not_create_record(store, key):
    session = store(key)
    assert session.load() == {}
    assert session.session_key is None
    assert stored() == {}


def test_session_key_is_read_only(session):
    with pytest.raises(AttributeError):
        session.session_key = "x" * 32


def test_save_doesnt_clear_data(store):
    session = store()
    session["a"] = "b"
    session.save()
    assert session["a"] == "b"
    session["c"] = "d"
    session.save()
    session.save()
    assert store(session.session_key).load() == {"a": "b", "c": "d"}


def test_create_does_not_overwrite(store, monkeypatch):
    first, second = store(), store()
    first["a"] = "first"
    first.save()
    key = first.session_key
    assert store(key).load() == {"a": "first"}
    with pytest.raises(CreateError):
        store(key).save(must_create=True)
    # A key that is taken between the look and the write is not used either.
    keys = iter([key, "y" * 32])
    monkeypatch.setattr(SessionStore, "_get_new_session_key", lambda self: next(keys))
    second.create()
    assert second.session_key == "y" * 32
    assert store(key).load() == {"a": "first"}


def test_session_save_does_not_resurrect_session_logged_out_in_other_context(store):
    """A session that has been deleted in the meantime is not made again."""
    session = store()
    session["test"] = "data"
    session.save()
    other = store(session.session_key)
    assert other.get("test") == "data"
    store(session.session_key).delete()
    other["test"] = "again"
    with pytest.raises(UpdateError):
        other.save()
    assert store(other.session_key).load() == {}
    assert stored() == {}


def test_who_saves_last_wins(store):
    session = store()
    session["a"] = 1
    session.save()
    one, other = store(session.session_key), store(session.session_key)
    one["a"], other["a"] = 2, 3
    one.save()
    other.save()
    assert store(session.session_key).load() == {"a": 3}


def test_middleware(session, rf, settings):
    settings.SESSION_ENGINE = ENGINE

    def view(request):
        request.session["a"] = request.session.get("a", 0) + 1
        if request.GET:
            SessionStore(request.session.session_key).delete()
        return HttpResponse()

    middleware = SessionMiddleware(view)
    cookie = middleware(rf.get("/")).cookies["sessionid"].value
    rf.cookies["sessionid"] = cookie
    middleware(rf.get("/"))
    assert SessionStore(cookie).load() == {"a": 2}
    with pytest.raises(SessionInterrupted):
        middleware(rf.get("/?log-out=1"))


# ------------------------------------------------------------------------ expiry


def test_default_expiry(store, settings):
    session = store()
    assert session.get_expiry_age() == settings.SESSION_COOKIE_AGE
    session.set_expiry(0)
    assert session.get_expiry_age() == settings.SESSION_COOKIE_AGE
    session.set_expiry(None)
    assert session.get_expiry_age() == settings.SESSION_COOKIE_AGE


@pytest.mark.parametrize("kind", [int, timedelta, "datetime"])
def test_custom_expiry(store, kind):
    session, now = store(), timezone.now()
    moment = now + timedelta(seconds=10_000)
    ten = {int: 10_000, timedelta: timedelta(seconds=10_000)}.get(kind, moment)
    session.set_expiry(ten)
    session.save()
    (document,) = stored().values()
    assert abs(document["expires"] - moment.timestamp()) < 60
    (row,) = SyncGateway.bulk_get([document["_id"]])
    assert row["expires"]
    again = store(session.session_key)
    assert abs(again.get_expiry_date() - moment) < timedelta(seconds=60)


def test_actual_expiry(store):
    session = store()
    session["foo"] = "bar"
    session.set_expiry(-timedelta(seconds=10))
    session.save()
    new = store(session.session_key)
    assert new.load() == {}
    assert new.session_key is None


def test_clearsessions_command(session, settings, monkeypatch):
    settings.SESSION_ENGINE = ENGINE
    monkeypatch.setattr(entries, "BULK_COUNT", 2)
    keys = []
    for age in (3600, -3600, 3600, -3600, -3600, 3600):
        each = SessionStore()
        each["foo"] = "bar"
        each.set_expiry(age)
        each.save()
        keys.append(each.session_key)
    SyncGateway.save_json(f"{PREFIX}0", {"channels": ["c"]})
    assert len(stored()) == 7
    call_command("clearsessions")
    assert len(stored()) == 4
    there = [SessionStore(key).exists(key) for key in keys]
    assert there == [True, False, True, False, False, True]
    async_to_sync(SessionStore.aclear_expired)()


# ----------------------------------------------------------- what is not trusted


def test_decode_failure_logged_to_security(session, caplog):
    """A document that a phone has written is no session, whatever it guesses."""
    key = "k" * 32
    forged = {"data": "eyJfYXV0aF91c2VyX2lkIjoxfQ:1:x", "expires": None, "channels": ["c"]}
    SyncGateway.save_json(SessionStore._uid(key), forged)
    with caplog.at_level(logging.WARNING, "django.security.SuspiciousSession"):
        assert SessionStore(key).load() == {}
    assert "corrupted" in caplog.text
    for wrong in (None, 7, [], {"a": 1}):
        (row,) = SyncGateway.all_docs([SessionStore._uid(key)])["rows"]
        SyncGateway.save_json(
            SessionStore._uid(key), {**forged, "data": wrong, "_rev": row["value"]["rev"]}
        )
        assert SessionStore(key).load() == {}


def test_who_reads_documents_learns_no_key(session):
    session["a"] = 1
    session.save()
    assert session.session_key not in str(stored())


def test_phones_do_not_get_it(session):
    session.save()
    (uid,) = stored()
    SyncGateway.put_user("alice", password="secret1", admin_channels=["public", "!"])
    (row,) = SyncGateway.as_user("alice", "secret1").all_docs([uid])["rows"]
    assert row["status"] == 403


def test_json_only(session, settings):
    session["a"] = object()
    with pytest.raises(TypeError):
        session.save()
    settings.SESSION_SERIALIZER = f"{__name__}.Pickled"
    with pytest.raises(ImproperlyConfigured, match="SESSION_SERIALIZER"):
        SessionStore()
    settings.SESSION_SERIALIZER = f"{__name__}.DatesAsTexts"
    assert SessionStore().serializer is DatesAsTexts


# ---------------------------------------------------------------------- requests


def noted(asked, name, call, docs):
    asked.append(name)
    return call(docs)


def test_requests(session, monkeypatch):
    session["a"] = 1
    session.save()
    asked = []
    for name in ("all_docs", "bulk_docs"):
        call = partial(noted, asked, name, getattr(SyncGateway, name))
        monkeypatch.setattr(SyncGateway, name, staticmethod(call))
    again = SessionStore(session.session_key)
    again["a"] = 2
    again.save()
    assert asked == ["all_docs", "bulk_docs"]
    again.delete()
    assert asked == ["all_docs", "bulk_docs"] * 2


def test_others_that_are_always_first(session, monkeypatch):
    session.save()
    monkeypatch.setattr(entries, "DELAY", 0)
    answer = [{"status": 409, "error": "conflict", "reason": "Document exists"}]
    monkeypatch.setattr(SyncGateway, "bulk_docs", staticmethod(lambda docs: answer))
    with pytest.raises(SyncGatewayConflict, match=PREFIX):
        session.save()


def test_checks(settings):
    settings.SESSION_ENGINE = ENGINE
    assert check_stores() == []
    settings.COUCHBASE_DATABASE = "plain"
    (found,) = check_stores()
    assert found.id == "cbtools.E024"
    assert found.msg.startswith("SESSION_ENGINE keeps documents.")
