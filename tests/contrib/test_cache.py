"""A cache in documents: what Django's caches do, and what documents add to it."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from types import SimpleNamespace

import pytest
from django.core.cache import caches
from django.db import connections
from django.http import HttpResponse, StreamingHttpResponse
from django.template.response import SimpleTemplateResponse
from django.test import RequestFactory
from django.views.decorators.cache import cache_page

from django_cbtools.checks import check_stores
from django_cbtools.contrib import entries
from django_cbtools.contrib.cache.backend import PREFIX
from django_cbtools.exceptions import SyncGatewayForbidden
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, loads, request

BACKEND = "django_cbtools.contrib.cache.DocumentCache"


def key_of_many(key, key_prefix, version):
    return f"{key}!{key_prefix}!{version}"


@pytest.fixture(autouse=True)
def configured(settings):
    settings.CACHES = {
        "default": {"BACKEND": BACKEND},
        "prefix": {"BACKEND": BACKEND, "KEY_PREFIX": "other"},
        "located": {"BACKEND": BACKEND, "LOCATION": "pages", "TIMEOUT": None},
        "v2": {"BACKEND": BACKEND, "VERSION": 2, "KEY_FUNCTION": f"{__name__}.key_of_many"},
        "short": {"BACKEND": BACKEND, "TIMEOUT": 0},
    }


@pytest.fixture
def cache(db):
    return caches["default"]


@pytest.fixture
def asked(monkeypatch):
    """The requests of this test, as methods and paths."""
    from django_cbtools.sync_gateway.calls import asking

    found, ask = [], asking.ask

    def noting(way, asked, *args, **kwargs):
        found.append(f"{asked.method} {asked.path.split('?')[0].split('/')[-1]}")
        return ask(way, asked, *args, **kwargs)

    monkeypatch.setattr(asking, "ask", noting)
    return found


@pytest.fixture
def later(monkeypatch):
    """A function that has time go by for the cache, and not for the gateway."""

    def move(seconds):
        clock = SimpleNamespace(time=lambda: time.time() + seconds, sleep=time.sleep)
        monkeypatch.setattr(entries, "time", clock)

    return move


@pytest.mark.parametrize(
    "value",
    ["text", "", 42, 2**70, -1.5, True, None, [1, [2.0, "x"]], {"a": {"b": [None]}}, "\ud800\0é"],
)
def test_what_json_holds(cache, value):
    cache.set("key", value)
    assert cache.get("key", "default") == value
    assert type(cache.get("key")) is type(value)
    assert "key" in cache
    assert "other" not in cache
    assert cache.get("other", "default") == "default"


@pytest.mark.parametrize(
    "value",
    [b"x", {1}, date(2030, 1, 1), object(), (1, 2), {1: "a"}, {"a": (1,)}, float("nan"),
     [float("inf")], len, StreamingHttpResponse(), SimpleTemplateResponse("x.html")],
)  # fmt: skip
def test_what_json_does_not_hold(cache, value):
    for write in (cache.set, cache.add):
        with pytest.raises(TypeError, match=r"cache key 'my key', a .* cannot be held by JSON"):
            write("my key", value)
    with pytest.raises(TypeError, match="my key"):
        cache.set_many({"first": 1, "my key": value})
    assert "first" not in cache


def test_numbers_and_lists_without_end(cache):
    value: list[object] = []
    value.append(value)
    for each in (value, [10**5000]):
        with pytest.raises(TypeError, match="'key', a list"):
            cache.set("key", each)


@pytest.mark.parametrize(
    "key", ["", " ", "a b\n", "\0", "é" * 500, "x" * 10_000, "\ud800", "_a/../%2F", 7, None]
)
def test_keys(cache, key):
    assert cache.get(key) is None
    assert cache.add(key, 1)
    assert cache.incr(key) == 2
    assert cache.get_many([key, "other"]) == {key: 2}
    assert cache.delete(key)


def test_add(cache):
    assert cache.add("key", 1) is True
    assert cache.add("key", 2) is False
    assert cache.get("key") == 1


def test_delete(cache):
    cache.set_many({"a": 1, "b": 2, "c": 3})
    assert cache.delete("a") is True
    assert cache.delete("a") is False
    assert cache.delete_many(["b", "nothing"]) is None
    assert cache.get_many(iter(["a", "b", "c"])) == {"c": 3}
    assert cache.add("a", 4)
    assert cache.get("a") == 4


def test_incr_and_decr(cache):
    cache.set("key", 41)
    assert (cache.incr("key"), cache.incr("key", 10), cache.decr("key", 2)) == (42, 52, 50)
    for change in (cache.incr, cache.decr, cache.incr_version):
        with pytest.raises(ValueError, match="'nothing' not found"):
            change("nothing")
    cache.set("key", None)
    with pytest.raises(TypeError):
        cache.incr("key")


def test_versions(cache):
    cache.set("key", 1)
    cache.set("key", 2, version=2)
    assert (cache.get("key"), cache.get("key", version=2), cache.get("key", version=3)) == (
        1, 2, None,
    )  # fmt: skip
    assert cache.incr("key", version=2) == 3
    assert cache.incr_version("key", 4) == 5
    assert (cache.get("key"), cache.get("key", version=5)) == (None, 1)
    assert cache.get_many(["key"], version=2) == {"key": 3}
    caches["v2"].set("key", 4)
    assert caches["v2"].get("key", version=2) == 4
    assert cache.get("key", version=2) == 3


def test_get_or_set(cache):
    assert cache.get_or_set("key", lambda: 1) == 1
    assert cache.get_or_set("key", 2) == 1
    assert cache.get_or_set("null", None) is None


def test_timeouts(cache, later):
    cache.set("soon", 1, 10)
    cache.set("float", 1, 10.5)
    cache.set("default", 1)
    cache.set("month", 1, 31 * 24 * 3600)
    cache.set("forever", 1, None)
    caches["located"].set("forever", 1)
    keys = ["soon", "float", "default", "month", "forever"]
    assert list(cache.get_many(keys)) == keys
    later(11)
    # The gateway still has them all.
    assert list(cache.get_many(keys)) == ["default", "month", "forever"]
    assert not cache.has_key("soon")
    assert cache.add("soon", 2, 1000) is True
    assert cache.touch("float") is False
    assert cache.delete("float") is False
    with pytest.raises(ValueError, match="not found"):
        cache.incr("float")
    later(301)
    assert list(cache.get_many(keys)) == ["soon", "month", "forever"]
    later(200 * 366 * 24 * 3600)
    assert list(cache.get_many(keys)) == ["forever"]
    assert caches["located"].get("forever") == 1


@pytest.mark.parametrize("timeout", [0, -1, -0.5])
def test_what_expires_at_once(cache, timeout):
    cache.set("key", 1, timeout)
    assert cache.get("key") is None
    assert cache.add("key", 1, timeout) is True
    assert cache.get("key") is None
    cache.set_many({"key": 1, "other": 2})
    assert cache.add("key", 2, timeout) is False
    assert cache.get("key") == 1
    cache.set_many({"key": 1, "new": 2}, timeout)
    assert cache.touch("other", timeout) is True
    assert cache.get_many(["key", "other", "new"]) == {}
    caches["short"].set("key", 1)
    assert caches["short"].get("key") is None


def test_the_gateway_deletes_what_expires(cache):
    before = int(time.time())
    cache.set("key", 1, 1000)
    cache.set("far", 1, 100 * 365 * 24 * 3600)
    (uid,) = [uid for uid in stored() if exp(uid)]
    assert before + 1000 <= exp(uid) <= before + 1002
    cache.incr("key")
    assert before + 1000 <= exp(uid) <= before + 1002
    cache.touch("key", 2000)
    assert before + 2000 <= exp(uid) <= before + 2010
    cache.touch("key", None)
    assert exp(uid) is None
    assert cache.get("key") == 2


def stored():
    rows = SyncGateway.all_docs([], really_all=True)["rows"]
    return [row["id"] for row in rows if row["id"].startswith(PREFIX)]


def exp(uid):
    from django_cbtools import expiry

    return expiry.parse(SyncGateway.bulk_get([uid])[0]["expires"])


def test_clear(cache, monkeypatch):
    monkeypatch.setattr(entries, "BULK_COUNT", 3)
    for alias in ("default", "prefix", "located"):
        caches[alias].set_many({str(number): alias for number in range(7)})
    SyncGateway.save_json("dcache_of_a_program", {"channels": ["c"]})
    cache.clear()
    assert len(stored()) == 15
    assert cache.get_many(map(str, range(7))) == {}
    assert caches["prefix"].get("3") == "prefix"
    caches["prefix"].clear()
    caches["located"].clear()
    assert stored() == ["dcache_of_a_program"]
    cache.set("3", 1)
    assert cache.get("3") == 1


def test_requests(cache, asked):
    many = {str(number): number for number in range(50)}
    cache.set_many(many)
    assert asked == ["POST _bulk_docs"]
    asked.clear()
    assert cache.get_many(many) == many
    assert asked == ["POST _all_docs"]
    asked.clear()
    cache.set_many({**many, "51": 51})
    assert asked == ["POST _bulk_docs", "POST _all_docs", "POST _bulk_docs"]
    asked.clear()
    cache.delete_many(many)
    assert asked == ["POST _all_docs", "POST _bulk_docs"]
    asked.clear()
    assert cache.get_many([]) == cache.get_many(["nothing"]) == {}
    cache.set_many({})
    cache.delete_many([])
    assert asked == ["POST _all_docs"]


def test_threads(transactional_db):
    cache = caches["default"]
    cache.set("count", 0)

    def work(number):
        try:
            added = caches["default"].add("lock", number)
            for _ in range(3):
                caches["default"].incr("count")
        finally:
            connections.close_all()
        return added

    with ThreadPoolExecutor(8) as pool:
        added = list(pool.map(work, range(8)))
    assert cache.get("count") == 24
    assert added.count(True) == 1
    assert cache.get("lock") == added.index(True)


def test_async(transactional_db):
    async def use():
        cache = caches["default"]
        await cache.aset_many({"a": 1, "b": 2})
        assert await cache.aget_many(["a", "b", "c"]) == {"a": 1, "b": 2}
        assert await cache.aincr("a", 5) == 6
        assert await cache.adecr("a") == 5
        assert await cache.aadd("a", 1) is False
        assert await cache.atouch("a") is True
        await cache.adelete_many(["b"])
        assert await cache.aget("b") is None
        assert await cache.aget_or_set("c", 3) == 3
        await cache.aclear()
        return await cache.aget_many(["a", "c"])

    assert asyncio.run(use()) == {}


def test_pages(cache):
    calls = []

    @cache_page(60)
    def view(request):
        calls.append(request)
        response = HttpResponse("<p>é</p>".encode("latin-1"), charset="latin-1", status=200)
        response["X-Number"] = "7"
        return response

    first, second = (view(RequestFactory().get("/page/?a=1")) for _ in range(2))
    assert len(calls) == 1
    assert second.content == first.content
    assert dict(second.items()) == {**dict(first.items()), "Age": second["Age"]}
    assert (second.charset, second.status_code) == ("latin-1", 200)


def test_a_response_as_a_whole(cache):
    response = HttpResponse(b"\xff\0", status=201, reason="Made", content_type="image/png")
    response.set_cookie("a", "b; c", max_age=10, httponly=True, samesite="Lax")
    response.set_cookie("d", "é")
    cache.set("page", response)
    found = cache.get("page")
    assert found.content == response.content
    assert (found.status_code, found.reason_phrase) == (201, "Made")
    assert found.cookies.output() == response.cookies.output()
    assert dict(found.items()) == dict(response.items())


def test_phones(cache):
    """Who has no access to all channels neither reads an entry nor can guess where one is."""
    cache.set("key", "secret")
    (uid,) = stored()
    SyncGateway.put_user("alice", password="secret1", admin_channels=["public", "!"])
    alice = SyncGateway.as_user("alice", "secret1")
    (row,) = alice.all_docs([uid])["rows"]
    assert row["status"] == 403
    assert not [change for change in alice.changes() if change.uid == uid]
    assert "secret" not in str(loads(request(PUBLIC, "GET", "_all_docs")))
    with pytest.raises(SyncGatewayForbidden):
        alice.get_revisions(uid)


def test_uids_are_made_with_the_secret_key(cache, settings):
    cache.set("key", 1)
    settings.SECRET_KEY = "another"
    assert cache.get("key") is None
    cache.clear()
    assert stored() == []


def test_checks(settings):
    assert check_stores() == []
    settings.SYNC_GATEWAY_CHANGES = {"cache": "prefix"}
    (found,) = check_stores()
    assert "'prefix', which keeps documents" in found.msg
    settings.CACHES = {"default": {"BACKEND": BACKEND}, "wrong": {"BACKEND": "no.where"}, "none": 7}
    settings.COUCHBASE_DATABASE = "plain"
    (found,) = check_stores()
    assert (found.id, found.msg[:40]) == (
        "cbtools.E024", "CACHES['default'] keeps documents. There",
    )  # fmt: skip
