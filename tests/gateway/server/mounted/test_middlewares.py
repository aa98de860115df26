"""The public API in a site's own urls, among all that Django puts before a view."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest
from django.db import connection, connections
from django.urls import reverse

from django_cbtools.embedded.server import site
from django_cbtools.sync_gateway import SyncGateway
from tests.gateway.server.mounted.urls import DB, LOGIN, put


def test_the_site_can_still_reverse_its_urls(mounted):
    assert reverse("page") == "/page/"


# ---------------------------------------------------------------- middlewares


def test_documents_are_written_and_read(client):
    assert put(client, "x", {"channels": ["a"], "n": 1}).status_code == 201
    answer = client.get(f"{DB}/x", headers=LOGIN)
    assert answer.status_code == 200
    assert answer.json()["n"] == 1
    assert answer["Etag"] == f'"{answer.json()["_rev"]}"'
    bulk = client.post(
        f"{DB}/_bulk_docs", {"docs": [{}, {}]}, content_type="application/json", headers=LOGIN
    )
    assert bulk.status_code == 201
    deleted = client.delete(f"{DB}/x?rev={answer.json()['_rev']}", headers=LOGIN)
    assert deleted.status_code == 200


def test_login_is_the_gateways_own(client):
    assert client.get("/page/").status_code == 302
    answer = client.get(f"{DB}/x")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Unauthorized", "reason": "Login required"}
    assert answer["WWW-Authenticate"] == 'Basic realm="Couchbase Sync Gateway"'
    SyncGateway.save_json("private", {"channels": ["b"]})
    answer = client.get(f"{DB}/private", headers=LOGIN)
    assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")


def test_body_over_djangos_limits(client, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1
    assert put(client, "x", {"channels": ["a"], "text": "x" * 100_000}).status_code == 201
    assert len(client.get(f"{DB}/x", headers=LOGIN).json()["text"]) == 100_000
    assert put(client, "y", {"text": "x" * 21 * 1024 * 1024}).status_code == 413


def test_form_is_refused_as_the_gateway_does(client):
    answer = client.post(f"{DB}/_bulk_docs", {"docs": "x"}, headers=LOGIN)
    assert answer.status_code == 400
    assert "415 Invalid content type multipart/form-data" in answer.json()["reason"]


def test_body_that_does_not_arrive(client, monkeypatch):
    class Broken:
        def read(self, size=None):
            raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr("django.core.handlers.wsgi.LimitedStream", lambda stream, limit: Broken())
    answer = put(client, "x", {"channels": ["a"]})
    assert answer.status_code == 400
    assert "Connection reset by peer" in answer.json()["reason"]


@pytest.mark.parametrize(
    "address", ["/_all_dbs", "/_user/", "/_user/alice", "/_session/1", "/_design/x", "/_config"]
)
def test_admin_api_is_not_reachable(address, client):
    for method in (client.get, client.put, client.post, client.delete):
        for start in ("/sync", DB):
            # What cannot be read of a design document is refused first.
            assert method(start + address, headers=LOGIN).status_code in (400, 403, 404, 405)
    assert SyncGateway.get_user("alice")["admin_channels"] == ["a", "public"]


def test_slashes_at_the_end_are_the_gateways_own(client):
    put(client, "x", {"channels": ["a"]})
    answer = client.get(f"{DB}", headers=LOGIN)
    assert (answer.status_code, answer["Location"]) == (301, f"{DB}/")
    answer = client.get(f"{DB}/x/", headers=LOGIN)
    assert (answer.status_code, answer["Location"]) == (301, f"{DB}/x")
    answer = client.get(f"{DB}/none", headers=LOGIN)
    assert (answer.status_code, answer.json()["reason"]) == (404, "missing")
    assert client.get("/sync/").json()["couchdb"] == "Welcome"
    assert client.get("/sync", follow=False)["Location"] == "/sync/"


def test_head_and_options(client):
    put(client, "x", {"channels": ["a"]})
    answer = client.head(f"{DB}/x", headers=LOGIN)
    assert (answer.status_code, answer.content) == (200, b"")
    answer = client.options(f"{DB}/x", headers=LOGIN)
    assert (answer.status_code, answer["Allow"]) == (204, "GET, HEAD, PUT, DELETE")


def test_session_by_cookie(client):
    def log_in(**headers):
        login = {"name": "alice", "password": "alice's"}
        return client.post(
            f"{DB}/_session", login, content_type="application/json", headers=headers
        )

    assert log_in(Origin="http://elsewhere").status_code == 400
    assert log_in(Host="testserver", Origin="http://testserver").status_code == 200
    answer = log_in()
    assert answer.status_code == 200
    cookie = SimpleCookie(answer["Set-Cookie"])["SyncGatewaySession"]
    assert cookie["path"] == DB
    client.cookies["SyncGatewaySession"] = cookie.value
    client.cookies["other"] = '{"odd": [1]}'
    assert client.get(f"{DB}/").status_code == 200
    assert client.get(f"{DB}/_session").json()["userCtx"]["name"] == "alice"
    assert client.delete(f"{DB}/_session").status_code == 200
    assert client.get(f"{DB}/").status_code == 401


def test_cache_of_the_site_keeps_out(client, settings):
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    put(client, "x", {"channels": ["a"], "n": 1})
    first = client.get(f"{DB}/x", headers=LOGIN)
    assert first.status_code == 200
    assert client.get(f"{DB}/x").status_code == 401
    put(client, f"x?rev={first.json()['_rev']}", {"channels": ["a"], "n": 2})
    assert client.get(f"{DB}/x", headers=LOGIN).json()["n"] == 2


@pytest.mark.django_db(transaction=True)
def test_requests_are_in_no_transaction_of_the_site(mounted, alice, client, settings, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    settings.MIDDLEWARE = []
    inside = []
    monkeypatch.setattr(
        site,
        "respond",
        lambda call, respond=site.respond: (
            inside.append(connection.in_atomic_block) or respond(call)
        ),
    )
    assert client.get("/page/").content == b"True"
    assert put(client, "x", {"channels": ["a"]}).status_code == 201
    assert inside == [False]
    connections["default"].close()
    assert client.get(f"{DB}/x", headers=LOGIN).status_code == 200
