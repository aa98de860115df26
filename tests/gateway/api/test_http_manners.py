"""What the gateway does with any request: methods, redirects, packing, pages of other sites."""

from __future__ import annotations

import gzip
import io
import json

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.api.left_out import LEFT_OUT
from django_cbtools.embedded.http.messages import Call
from django_cbtools.sync_gateway.transport.in_process import SCHEME, InProcessAdapter

DB = "/db"
PAGE = "https://page.example"
CORS = {"origin": [PAGE], "login_origin": [PAGE], "headers": ["X-One", "X-Two"], "max_age": 60}


def send(method, path, body=b"", *, port="admin", query="", **headers):
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return respond(Call(port, "default", method, path, query, names, read=io.BytesIO(data).read))


def public(method, path, body=b"", **headers):
    return send(method, path, body, port="public", **headers)


@pytest.fixture
def db(db):
    """A database that is open to everybody, with a document."""
    make(guest={"disabled": False, "admin_channels": ["*"]})
    send("PUT", f"{DB}/doc", {"text": "x" * 2000})


def make(**config):
    assert send("PUT", f"{DB}/", config).status == 201


# ------------------------------------------------------------- paths and methods


@pytest.mark.parametrize(
    ("method", "path", "location"),
    [
        ("GET", "/db", "/db/"),
        ("PUT", "/new", "/new/"),
        ("GET", "/db/doc/", "/db/doc"),
        ("POST", "/db/_bulk_docs/", "/db/_bulk_docs"),
        ("GET", "/_all_dbs/", "/_all_dbs"),
        ("GET", "/db/.", "/db"),
        ("GET", "/db/..", "/"),
    ],
)
def test_redirects_keep_the_query(db, method, path, location):
    answer = send(method, path, query="a=b&c")
    assert (answer.status, answer.headers["Location"]) == (301, f"{location}?a=b&c")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/db/doc", "GET, HEAD, PUT, DELETE"),
        ("DELETE", "/db/_all_docs", "GET, HEAD, POST"),
        ("DELETE", "/db/_all_docs/", "GET, HEAD, POST"),
        ("PATCH", "/db/", "GET, HEAD, POST, PUT, DELETE"),
        ("DELETE", "/", "GET, HEAD"),
        ("HEAD", "/db/_config", "GET, POST, PUT"),
    ],
)
def test_another_method_is_told_which_there_are(db, method, path, allowed):
    answer = send(method, path)
    assert (answer.status, answer.headers["Allow"]) == (405, allowed)
    answer = send("OPTIONS", path)
    assert (answer.status, answer.headers["Allow"], answer.body) == (204, allowed, b"")


@pytest.mark.parametrize("path", ["/db//", "//", "/db//doc", "/db/a/b/c/d", "/_x", "/db/_x"])
@pytest.mark.parametrize("method", ["GET", "PUT", "OPTIONS", "PATCH"])
def test_paths_that_nobody_knows(db, method, path):
    answer = send(method, path)
    assert answer.status == 404
    assert json.loads(answer.body)["reason"] == "unknown URL"


@pytest.mark.parametrize("path", ["/db/%5Fall_docs", "/%5Fall_dbs", "/%5fping"])
def test_an_escaped_underscore_is_one(db, path):
    assert send("GET", path).status == 200


@pytest.mark.parametrize(
    ("path", "port", "method", "what"),
    [
        (path, port, method, what)
        for path, ports, methods, what in LEFT_OUT
        for port in ports
        for method in methods.split()
    ],
)
def test_what_is_left_out_says_so(db, path, port, method, what):
    for name in ("db", "id", "page", "name"):
        path = path.replace(f"{{{name}}}", "db")
    answer = send(method, path, port=port)
    assert answer.status == 501
    if method != "HEAD":
        reason = json.loads(answer.body)["reason"]
        assert reason == f"The embedded gateway does not do {what}"


def test_who_may_not_read_is_not_told_what_is_left_out():
    assert public("GET", "/_logging").status == 404


# -------------------------------------------------------------- bodies, both ways


def test_long_answers_are_packed_for_who_takes_them(db):
    plain = send("GET", f"{DB}/doc")
    assert "Content-Encoding" not in plain.headers
    packed = send("GET", f"{DB}/doc", accept_encoding="br, gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.body) < len(plain.body)
    assert gzip.decompress(packed.body) == plain.body
    assert packed.headers["Content-Type"] == plain.headers["Content-Type"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("HEAD", "/db/doc"), ("GET", "/db/"), ("GET", "/db/missing"), ("PUT", "/db/other")],
)
def test_what_is_not_worth_packing_is_not(db, method, path):
    answer = send(method, path, b"{}", accept_encoding="gzip")
    assert "Content-Encoding" not in answer.headers


def test_errors_are_not_packed(db):
    answer = send("POST", f"{DB}/_config", {"x" * 2000: 1}, accept_encoding="gzip")
    assert answer.status == 400
    assert len(answer.body) > 2000
    assert "Content-Encoding" not in answer.headers


@pytest.mark.parametrize(
    ("agent", "is_packed"),
    [("CouchbaseLite/1.3 (iOS)", True), ("CouchbaseLite/1.1", False), ("other/9.9", False),
     ("CouchbaseLite/x", False)],
)  # fmt: skip
def test_bulk_get_is_packed_for_clients_that_can(db, agent, is_packed):
    body = {"docs": [{"id": "doc"}]}
    answer = send(
        "POST", f"{DB}/_bulk_get", body, accept_encoding="gzip", user_agent=agent,
        content_type="application/json",
    )  # fmt: skip
    assert answer.status == 200
    if answer.stream is None:
        assert ("Content-Encoding" in answer.headers) is is_packed
    else:
        answer.stream.close()
        assert "Content-Encoding" not in answer.headers


def test_streams_are_not_packed(db):
    answer = send("GET", f"{DB}/_changes", query="feed=continuous&timeout=10",
                  accept_encoding="gzip")  # fmt: skip
    assert answer.stream is not None
    assert "Content-Encoding" not in answer.headers
    answer.stream.close()


def test_packed_answers_are_unpacked_in_process(db):
    with requests.Session() as session:
        session.mount(f"{SCHEME}://", InProcessAdapter(trusted=False))
        answer = session.get(f"{SCHEME}://admin{DB}/doc")
    assert answer.headers["Content-Encoding"] == "gzip"
    assert answer.json()["text"] == "x" * 2000


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/db/_config", b"["),
        ("/db/_config", b"[" * 10_000),
        ("/db/_config", b'{"a":' * 10_000),
        ("/db/_config", b'{"sync": "\xff", "revs_limit": 0}'),
        ("/db/_config", b'{"revs_limit": 1e400}'),
        ("/db/_config", b'{"revs_limit": ' + b"9" * 5000 + b"}"),
        ("/db/_config", b'{"compact_interval_days": 1e400}'),
        ("/db/_resync", b"["),
        ("/db/_resync", b'{"scopes": {"s": 1}}'),
        ("/db/_resync", b'{"scopes": {"s": [1]}}'),
        ("/db/_resync", b'{"scopes": {"s": [[]]}}'),
    ],
)
def test_bodies_that_make_no_sense_are_refused(db, path, body):
    before = send("GET", f"{DB}/_config").body
    send("POST", f"{DB}/_offline") if "resync" in path else None
    answer = send("POST", path, body)
    assert answer.status == 400, answer.body
    if "resync" not in path:
        assert send("GET", f"{DB}/_config").body == before


def test_the_last_of_two_members_counts(db):
    assert send("POST", f"{DB}/_config", b'{"revs_limit": 5, "revs_limit": 6}').status == 201
    assert json.loads(send("GET", f"{DB}/_config").body)["revs_limit"] == 6


def test_a_packed_configuration(db):
    packed = gzip.compress(b'{"revs_limit": 5}')
    assert send("POST", f"{DB}/_config", packed, content_encoding="gzip").status == 201
    assert send("POST", f"{DB}/_config", packed[:-4], content_encoding="gzip").status == 400
    assert send("POST", f"{DB}/_config", packed, content_encoding="br").status == 415


# --------------------------------------------------------------------------- CORS


def allowed(answer):
    names = ("Origin", "Credentials", "Headers", "Methods")
    return {
        name: answer.headers[f"Access-Control-Allow-{name}"]
        for name in names
        if f"Access-Control-Allow-{name}" in answer.headers
    }


MATCHED = {"Origin": PAGE, "Credentials": "true", "Headers": "X-One, X-Two"}


def test_pages_of_other_sites_are_let_in_by_configuration(db):
    send("POST", f"{DB}/_config", {"cors": CORS})
    assert allowed(public("GET", f"{DB}/doc", origin=PAGE)) == MATCHED
    assert allowed(public("GET", f"{DB}/missing", origin=PAGE)) == MATCHED
    assert allowed(public("GET", f"{DB}/doc", origin="https://other.example")) == {}
    assert allowed(public("GET", f"{DB}/doc")) == {}
    assert public("GET", f"{DB}/doc", origin=PAGE).headers["Vary"] == "Origin"


def test_a_browser_asks_first(db):
    send("POST", f"{DB}/_config", {"cors": CORS})
    answer = public("OPTIONS", f"{DB}/doc", origin=PAGE)
    assert answer.status == 204
    assert allowed(answer) == {**MATCHED, "Methods": "GET, HEAD, PUT, DELETE"}
    assert answer.headers["Access-Control-Max-Age"] == "60"


def test_everybody_may_be_let_in(db):
    send("POST", f"{DB}/_config", {"cors": {"origin": ["*"]}})
    assert allowed(public("GET", f"{DB}/doc", origin=PAGE))["Origin"] == "*"


def test_the_setting_is_for_databases_that_say_nothing(db, settings):
    settings.SYNC_GATEWAY_OPTIONS = {"cors": CORS}
    assert allowed(public("GET", f"{DB}/doc", origin=PAGE)) == MATCHED
    assert allowed(public("GET", "/", origin=PAGE)) == MATCHED
    send("POST", f"{DB}/_config", {"cors": {"origin": ["https://mine.example"]}})
    assert allowed(public("GET", f"{DB}/doc", origin=PAGE)) == {}


def test_a_setting_with_unknown_members_is_refused(db, settings):
    settings.SYNC_GATEWAY_OPTIONS = {"cors": {"origins": [PAGE]}}
    with pytest.raises(ImproperlyConfigured, match="origins"):
        public("GET", f"{DB}/doc", origin=PAGE)


def test_strangers_are_not_told_whom_a_database_lets_in(db):
    send("POST", f"{DB}/_config", {"cors": CORS, "guest": {"disabled": True}})
    answer = public("GET", f"{DB}/doc", origin=PAGE)
    assert answer.status == 401
    assert allowed(answer) == {}


def test_pages_log_in_from_where_they_may(db):
    send("PUT", f"{DB}/_user/x", {"password": "secret"})
    login = {"name": "x", "password": "secret"}
    for cors, status in (({"origin": [PAGE]}, 400), (CORS, 200)):
        send("POST", f"{DB}/_config", {"cors": {"login_origin": ["https://none.example"], **cors}})
        assert public("POST", f"{DB}/_session", login, origin=PAGE).status == status
    assert public("POST", f"{DB}/_session", login, origin="https://other.example").status == 400
    assert public("POST", f"{DB}/_session", login).status == 200


def test_pages_never_reach_the_admin_port(db):
    send("POST", f"{DB}/_config", {"cors": {"origin": ["*"]}})
    for method, path in (("GET", f"{DB}/doc"), ("OPTIONS", f"{DB}/doc"), ("PUT", "/new/")):
        answer = send(method, path, origin=PAGE)
        assert answer.status == 403
        assert allowed(answer) == {}


# ------------------------------------------------------------------ strangers


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "Login required"),
        ({"authorization": "Basic eDp5"}, "Invalid login"),
        ({"authorization": "Bearer abc"}, "Invalid login"),
        ({"authorization": "Basic !!"}, "Login required"),
        ({"cookie": "SyncGatewaySession=abc"}, "Invalid login"),
        ({"cookie": "other=abc"}, "Login required"),
    ],
)
def test_strangers_are_not_told_which_databases_there_are(db, headers, reason):
    answer = public("GET", "/nosuchdb/doc", **headers)
    assert answer.status == 401
    assert json.loads(answer.body)["reason"] == reason
