"""How old an answer of a view may be."""

from __future__ import annotations

import time

import pytest

from django_cbtools.embedded.views import viewquery
from django_cbtools.sync_gateway.calls.client import ADMIN, request
from tests.gateway.v8.helpers import BY_N, ids, put_view, write


@pytest.mark.parametrize("stale", ["ok", "update_after", "false"])
def test_first_query_builds(db, stale):
    write({"a": {"n": 1}})
    put_view(BY_N)
    assert ids(stale=stale) == ["a"]


def test_stale_false_sees_what_was_written(db):
    put_view(BY_N)
    write({"a": {"n": 1}, "b": {"n": 2}})
    assert ids(stale="false") == ["a", "b"]
    write({"a": None, "b": {"n": 0}, "c": {"n": 1}})
    assert ids(stale="false") == ["b", "c"]


def test_stale_ok_sees_it_when_the_index_is_old(db, monkeypatch):
    monkeypatch.setattr(viewquery, "AUTO_UPDATE_SECONDS", 1e9)
    put_view(BY_N)
    write({"a": {"n": 1}})
    assert ids(stale="ok") == ["a"]
    write({"b": {"n": 2}})
    assert ids(stale="ok") == ["a"]
    assert ids(stale="ok") == ["a"]
    monkeypatch.setattr(viewquery, "AUTO_UPDATE_SECONDS", 0.0)
    assert ids(stale="ok") == ["a", "b"]


@pytest.mark.parametrize("hours", [-1, 1])
def test_stale_ok_sees_it_where_the_clock_has_been_set(db, monkeypatch, hours):
    put_view(BY_N)
    write({"a": {"n": 1}})
    assert ids(stale="ok") == ["a"]
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + hours * 3600)
    write({"b": {"n": 2}})
    assert ids(stale="ok") == ["a", "b"]


def test_update_after_sees_it_the_next_time(db):
    put_view(BY_N)
    write({"a": {"n": 1}})
    assert ids(stale="update_after") == ["a"]
    write({"b": {"n": 2}})
    assert ids(stale="update_after") == ["a"]
    assert ids(stale="update_after") == ["a", "b"]


def test_update_after_is_the_default_of_the_gateway(db):
    put_view(BY_N)
    write({"a": {"n": 1}})

    def found():
        answer = request(ADMIN, "GET", "_design", "d", "_view", "v").json()
        return [row["id"] for row in answer["rows"]]

    assert found() == ["a"]
    write({"b": {"n": 2}})
    assert found() == ["a"]
    assert found() == ["a", "b"]
