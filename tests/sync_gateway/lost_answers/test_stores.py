"""Caches and sessions whose answers do not come: each change is made once."""

from __future__ import annotations

import secrets

import pytest
from django.core.cache import caches

from django_cbtools.contrib.sessions import SessionStore
from tests.sync_gateway.lost_answers.writes import ARRIVED, NOT_ARRIVED, lost_write


@pytest.fixture
def cache(line, settings):
    backend = "django_cbtools.contrib.cache.DocumentCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": secrets.token_hex(4)}}
    return caches["default"]


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED])
def test_one_of_all_who_add(cache, line, fault):
    line.lose(fault)
    assert cache.add("lock", 1) is True
    assert cache.get("lock") == 1
    # The same value by somebody else is another entry, if he is first.
    uid = cache._uid("next", None)
    same = {"doc_type": "django_cache", "channels": [], "expires": None, "value": "1"}
    lost_write(line, NOT_ARRIVED, lambda: line.rival.save(uid, None, **same))
    assert cache.add("next", 1, timeout=None) is False


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED])
def test_each_is_counted_once(cache, line, fault):
    cache.set("count", 0)
    for number in range(1, 4):
        line.lose(fault)
        assert cache.incr("count") == number
    assert cache.get("count") == 3
    line.lose(fault)
    assert cache.delete("count") is True
    assert cache.get("count") is None


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED])
def test_a_session(line, db, fault):
    session = SessionStore()
    line.lose(fault)
    session.create()
    session["a"] = 1
    line.lose(fault)
    session.save()
    assert SessionStore(session.session_key).load() == {"a": 1}
    line.lose(fault)
    session.delete()
    assert not session.exists(session.session_key)
