"""Web pages of other sites that use a browser's login, names that lead to this machine, and logins
that should be over."""

from __future__ import annotations

import io
import json

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client as Browser
from django.test import override_settings

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.api.routes import ROUTES
from django_cbtools.embedded.http import origins
from django_cbtools.embedded.http.messages import Call
from django_cbtools.embedded.principals import passwords
from tests.gateway.access.client import ADMIN, DB, Client, add_user, create_database

PAGE = "https://evil.example"
BASIC = {"authorization": "Basic YWxpY2U6cGFzc3dvcmQ="}


@pytest.fixture(autouse=True)
def alice(transactional_db):
    create_database()
    return add_user("alice", admin_channels=["*"])


@pytest.fixture
def cookie():
    _, answer = ADMIN.ask("POST", "/_session", {"name": "alice"})
    return {"cookie": f"SyncGatewaySession={answer['session_id']}"}


def ask(method, path, body=b"", port="public", **headers):
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return respond(Call(port, "default", method, path, headers=names, read=io.BytesIO(body).read))


def status(method, path, body=b"", **headers):
    return ask(method, path, body, **headers).status


# ------------------------------------------------------------- pages of other sites

WRITES = [
    (method, path.replace("{keyspace}", DB).replace("{db}", DB))
    for path, ports, methods in ROUTES
    if "public" in ports and "_session" not in path and "{newdb}" not in path
    for method in methods
    if method not in ("GET", "HEAD")
]


@pytest.mark.parametrize(
    "origin", [PAGE, "null", "", f"{PAGE}:80", "http://localhost.evil.example"]
)
def test_a_page_of_another_site_does_not_write(origin, cookie):
    headers = {"host": "localhost:4984", "origin": origin, **cookie}
    for method, pattern in WRITES:
        path = pattern.format(doc="doc", attachment="file", name="name", design="design")
        assert status(method, path, b"{}", **headers) == 403, path
    assert ADMIN.get("/doc")[0] == 404


@pytest.mark.parametrize("content_type", [{}, {"content_type": "text/plain"}])
def test_bulk_docs_without_content_type(content_type, cookie):
    body = b'{"docs": [{"_id": "doc"}]}'
    headers = {"host": "localhost", "origin": PAGE, **content_type, **cookie}
    assert status("POST", f"/{DB}/_bulk_docs", body, **headers) == 403
    assert ADMIN.get("/doc")[0] == 404


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"origin": "http://localhost:4984"}, 201),
        ({"origin": "HTTP://LOCALHOST:4984"}, 201),
        ({"origin": "http://localhost:8000"}, 403),
        ({"origin": "http://127.0.0.1:4984"}, 403),
        ({}, 201),
        ({"sec_fetch_site": "same-origin"}, 201),
        ({"sec_fetch_site": "none"}, 201),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
    ],
)
def test_the_gateways_own_pages_write(headers, expected, cookie):
    headers = {"host": "localhost:4984", **headers, **cookie}
    assert status("PUT", f"/{DB}/doc", b"{}", **headers) == expected


def test_a_name_that_leads_here_is_no_site_of_the_gateway(cookie):
    """A page counts as the gateway's own only under a name that is known."""
    headers = {"host": "evil.example:4984", "origin": "http://evil.example:4984"}
    assert status("PUT", f"/{DB}/doc", b"{}", **headers, **cookie) == 403
    login = b'{"name": "alice", "password": "password"}'
    assert status("POST", f"/{DB}/_session", login, **headers) == 400
    with override_settings(SYNC_GATEWAY_OPTIONS={"hosts": [".evil.example"]}):
        assert status("POST", f"/{DB}/_session", login, **headers) == 200
        assert status("PUT", f"/{DB}/doc", b"{}", **headers, **cookie) == 201


def test_cors_lets_pages_in(cookie):
    create_database(cors={"origin": [PAGE]})
    assert status("PUT", f"/{DB}/doc", b"{}", host="localhost", origin=PAGE, **cookie) == 201
    create_database(cors={"origin": ["*"]})
    # Browsers send no cookies with what is allowed to everybody.
    assert status("PUT", f"/{DB}/other", b"{}", host="localhost", origin=PAGE, **cookie) == 403


def test_passwords_that_a_browser_adds_by_itself():
    headers = {"host": "localhost", "origin": PAGE, **BASIC}
    by_browser = {**headers, "sec_fetch_site": "cross-site"}
    assert status("PUT", f"/{DB}/a", b"{}", **by_browser) == 403
    assert status("PUT", f"/{DB}/b", b"{}", **headers) == 201
    create_database(cors={"origin": ["*"], "headers": ["Authorization"]})
    assert status("PUT", f"/{DB}/c", b"{}", **by_browser) == 201


def test_reading_is_open(cookie):
    for path in ("/", "/_changes", "/_all_docs"):
        assert status("GET", f"/{DB}{path}", host="localhost", origin=PAGE, **cookie) == 200


@pytest.mark.parametrize("headers", [{"origin": PAGE}, {"sec_fetch_site": "cross-site"}])
@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_no_login_for_a_page_of_another_site(method, headers, cookie):
    login = b'{"name": "alice", "password": "password"}' if method == "POST" else b""
    headers = {"host": "localhost", **headers}
    assert status(method, f"/{DB}/_session", login, **headers, **cookie) == 400


# ---------------------------------------------------------------- hosts

KNOWN = ["localhost", "localhost:4985", "LOCALHOST", "app.localhost", "127.0.0.1:4985", "127.8.9.1",
         "[::1]", "[::1]:4985"]  # fmt: skip
UNKNOWN = ["evil.com", "evil.com:4985", "localhost.evil.com", "127.0.0.1.evil.com", "10.0.0.1",
           "[::2]", "localhost@evil.com", "evil.com#localhost", "", "localhost evil.com",
           "2130706433", "0.0.0.0:4985"]  # fmt: skip


@pytest.mark.parametrize("host", KNOWN)
def test_known_hosts(host):
    assert origins.is_known(host)
    assert status("GET", "/_all_dbs", port="admin", host=host) == 200


@pytest.mark.parametrize("host", UNKNOWN)
def test_unknown_hosts(host):
    assert not origins.is_known(host)
    if host:
        answer = ask("GET", "/_all_dbs", port="admin", host=host)
        assert answer.status == 403
        assert b"SYNC_GATEWAY_OPTIONS['hosts']" in answer.body


def test_every_admin_path_asks_for_a_known_host():
    for path, ports, methods in ROUTES:
        for method in methods if "admin" in ports else ():
            assert status(method, path, port="admin", host="evil.com") == 403


def test_hosts_of_the_setting(settings):
    settings.SYNC_GATEWAY_OPTIONS = {"hosts": ["gateway", ".example.com"]}
    for host in ("gateway:4985", "example.com", "a.example.com", "localhost"):
        assert origins.is_known(host)
    assert not origins.is_known("evil.com")
    settings.SYNC_GATEWAY_OPTIONS = {"hosts": "gateway"}
    with pytest.raises(ImproperlyConfigured, match="list of host names"):
        origins.is_known("gateway")


def test_a_site_has_its_own_hosts(settings):
    settings.ROOT_URLCONF = "tests.gateway.pouchdb.urls"
    settings.ALLOWED_HOSTS = ["site.example"]
    assert Browser().get("/sync/", headers={"host": "evil.com"}).status_code == 400
    assert Browser().get("/sync/", headers={"host": "site.example"}).status_code == 200
    login = {"name": "alice", "password": "password"}
    for origin, secure, expected in (
        ("https://site.example", True, 200),
        ("http://site.example", True, 400),
        ("http://site.example", False, 200),
        ("https://other.example", True, 400),
    ):
        answer = Browser().post(
            f"/sync/{DB}/_session", login, "application/json", secure=secure,
            headers={"host": "site.example", "origin": origin},
        )  # fmt: skip
        assert answer.status_code == expected
        if expected == 200:
            attributes = answer.headers["Set-Cookie"].split("; ")[1:]
            assert attributes[0] == f"Path=/sync/{DB}"
            expected_flags = ["HttpOnly", *(["Secure"] if secure else []), "SameSite=Lax"]
            assert attributes[2:] == expected_flags


# ---------------------------------------------------------- logins that are over


def _lines(client):
    answer = client.send("GET", "/_changes", feed="continuous", timeout=0)
    chunks = answer.chunks()
    assert b'"id":"_user/alice"' in next(chunks)
    return chunks


def _ended(chunks):
    """Whether a feed ends instead of showing what is written next."""
    assert ADMIN.ask("POST", "/", {"channels": ["a"]})[0] == 200
    found = next(chunk for chunk in chunks if chunk.strip())
    chunks.close()
    return found == b'{"error":"Unauthorized","reason":"Login required"}'


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("DELETE", "/_session/{session}", None),
        ("DELETE", "/_user/alice/_session", None),
        ("DELETE", "/_user/alice/_session/{session}", None),
        ("PUT", "/_user/alice", {"password": "another"}),
        ("PUT", "/_user/alice", {"disabled": True}),
        ("DELETE", "/_user/alice", None),
    ],
)
def test_a_feed_ends_with_its_session(method, path, body, cookie):
    client = Client("public", **cookie)
    chunks = _lines(client)
    session = cookie["cookie"].partition("=")[2]
    assert ADMIN.ask(method, path.format(session=session), body)[0] == 200
    assert _ended(chunks)


def test_a_feed_ends_with_its_login(cookie):
    client = Client("public", **cookie)
    chunks = _lines(client)
    assert client.ask("DELETE", "/_session")[0] == 200
    assert _ended(chunks)


def test_a_feed_ends_with_the_password(alice):
    chunks = _lines(alice)
    ADMIN.put("/_user/alice", {"password": "another"})
    assert _ended(chunks)


def test_other_feeds_go_on(alice, cookie):
    """Those of other sessions, of one that was for a single request, and of the same password."""
    for client in (alice, Client("public", **cookie)):
        chunks = _lines(client)
        ADMIN.ask("POST", "/_session", {"name": "alice"})
        ADMIN.put("/_user/alice", {"email": "a@example.com"})
        assert not _ended(chunks)
    _, one_time = alice.ask("POST", "/_session", {}, one_time=True)
    session = one_time["one_time_session_id"]
    assert not _ended(_lines(Client("public", cookie=f"SyncGatewaySession={session}")))
    chunks = _lines(alice)
    ADMIN.put("/_user/alice", {"password": "password"})
    assert not _ended(chunks)


# ------------------------------------------------------------------ passwords


def test_how_long_a_login_takes_says_nothing(monkeypatch):
    """Whoever it is, one password is hashed."""
    create_database(allow_empty_password=True)
    add_user("empty", password="")
    add_user("off", disabled=True)
    hashed = []
    for name in ("check_password", "make_password"):
        work = getattr(passwords, name)

        def counted(*args, work=work):
            hashed.append(args)
            return work(*args)

        monkeypatch.setattr(passwords, name, counted)
    for name in ("alice", "empty", "off", "nobody", "GUEST", ""):
        for path, method in (("/", "GET"), ("/_session", "POST")):
            hashed.clear()
            if method == "GET" and name:
                assert Client("public", name, "wrong").ask(method, path)[0] == 401
            else:
                body = {"name": name, "password": "wrong"}
                assert Client("public").ask("POST", "/_session", body)[0] == 401
            assert len(hashed) == 1, name
    assert Client("public", "empty", "").get("/")[0] == 200


def test_without_passwords(cookie):
    create_database(disable_password_auth=True)
    login = {"name": "alice", "password": "password"}
    for client in (Client("public"), Client("public", "alice", "password")):
        answer = client.send("POST", "/_session", login)
        assert (answer.status, json.loads(answer.body)["reason"]) == (401, "Login required")
        assert "WWW-Authenticate" not in answer.headers
    for client, reason in (
        (Client("public"), "Login required"),
        (Client("public", "alice", "password"), "Invalid login"),
        (Client("public", cookie="SyncGatewaySession=x"), "Session Invalid"),
    ):
        answer = client.send("GET", "/")
        assert (answer.status, json.loads(answer.body)["reason"]) == (401, reason)
        assert "WWW-Authenticate" not in answer.headers
    assert Client("public", **cookie).ask("POST", "/_session", {})[0] == 200


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        ("Basic YWxpY2U6cGFzc3dvcmQ=", None),
        ("basic YWxpY2U6cGFzc3dvcmQ=", "Login required"),
        ("BASIC YWxpY2U6cGFzc3dvcmQ=", "Login required"),
        ("Basic  YWxpY2U6cGFzc3dvcmQ=", "Login required"),
        ("Basic Ong=", "Login required"),
        ("Bearer x", "Invalid login"),
        ("bearer x", "Login required"),
    ],
)
def test_the_scheme_is_written_in_one_way(authorization, reason):
    answer = ask("GET", f"/{DB}/", authorization=authorization)
    assert json.loads(answer.body).get("reason") == reason
