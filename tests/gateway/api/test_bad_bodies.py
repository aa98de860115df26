"""Bodies that no client should send, to every route that takes one, over HTTP: each is refused,
nothing of it is stored, and the server goes on."""

from __future__ import annotations

import gzip
import json

import pytest
from django.db import connection

from django_cbtools.embedded import javascript
from django_cbtools.embedded.documents import documents
from tests.gateway.fuzz.wire import Client, Request

DB = "/test_documents"
JSON = {"Content-Type": "application/json"}
MEGABYTE = 1 << 20

#: Port, method and path of what takes a JSON object; and one that is fine there.
ROUTES = [
    ("admin", "PUT", "/new", {"a": 1}),
    ("admin", "POST", "/", {"a": 1}),
    ("admin", "POST", "/_bulk_docs", {"docs": [{"_id": "new"}]}),
    ("admin", "POST", "/_bulk_get", {"docs": [{"id": "kept"}]}),
    ("admin", "POST", "/_all_docs", {"keys": ["kept"]}),
    ("admin", "POST", "/_changes", {"since": 0}),
    ("admin", "POST", "/_revs_diff", {"kept": ["1-a"]}),
    ("admin", "POST", "/_purge", {"none": ["*"]}),
    ("admin", "PUT", "/_local/new", {"a": 1}),
    ("admin", "PUT", "/_user/new", {"password": "secret"}),
    ("admin", "POST", "/_user/", {"name": "new", "password": "secret"}),
    ("admin", "PUT", "/_role/new", {"admin_channels": ["a"]}),
    ("admin", "POST", "/_role/", {"name": "new"}),
    ("admin", "POST", "/_session", {"name": "alice"}),
    ("admin", "PUT", "/_design/new", {"views": {}}),
    ("admin", "POST", "/_config", {"revs_limit": 30}),
    ("admin", "PUT", "/_config", {"revs_limit": 30}),
    ("public", "POST", "/_session", {"name": "alice", "password": "secret"}),
]  # fmt: skip
TABLES = [
    "cbtools_databases", "cbtools_documents", "cbtools_revisions", "cbtools_attachments",
    "cbtools_attachment_chunks", "cbtools_local", "cbtools_designs", "cbtools_users",
    "cbtools_roles", "cbtools_sessions", "cbtools_grants",
]  # fmt: skip


@pytest.fixture
def ask(http_gateway):
    clients = dict(zip(("public", "admin"), map(Client, http_gateway.urls), strict=True))

    def ask(port, method, path, body, headers=JSON, framing="length", database=DB):
        data = body if isinstance(body, bytes) else body.encode()
        return clients[port].ask(Request(port, method, database + path, headers, data, framing))

    yield ask
    for client in clients.values():
        client.close()


@pytest.fixture
def refused(ask, caplog):
    """Asks, and has to be refused, with nothing stored, and nothing in the log."""
    ask("admin", "PUT", "/kept", '{"a": 1, "_attachments": {"x": {"data": "eA=="}}}')
    ask("admin", "PUT", "/_user/alice", '{"password": "secret"}')
    before = _stored()

    def refused(*args, **options):
        reply = ask(*args, **options)
        assert 400 <= reply.status < 500, reply
        error = json.loads(reply.body)
        assert error["reason"]
        return reply.status, error["reason"]

    yield refused
    assert _stored() == before
    assert caplog.records == []
    assert ask("admin", "PUT", "/after", "{}").status == 201


def _stored():
    stored = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM {table}")
            rows = cursor.fetchall()
            # A number that nobody uses is a gap, as on a real gateway.
            stored[table] = [row[:2] + row[4:] for row in rows] if "databases" in table else rows
    return stored


every_route = pytest.mark.parametrize(
    ("port", "method", "path", "body"), ROUTES, ids=[" ".join(route[:3]) for route in ROUTES]
)


@every_route
def test_body_that_is_fine(port, method, path, body, ask):
    """Else the others would show nothing."""
    ask("admin", "PUT", "/kept", "{}")
    ask("admin", "PUT", "/_user/alice", '{"password": "secret"}')
    assert ask(port, method, path, json.dumps(body)).status in (200, 201)


@every_route
def test_body_that_stops_half_way(port, method, path, body, refused):
    for framing in ("cut", "garbled"):
        assert refused(port, method, path, json.dumps(body), framing=framing)[0] == 400


@every_route
def test_packed_body_that_stops_half_way(port, method, path, body, refused):
    packed = gzip.compress(json.dumps(body).encode())
    headers = {**JSON, "Content-Encoding": "gzip"}
    for end in (0, 5, 12, len(packed) - 9, len(packed) - 1):
        assert refused(port, method, path, packed[:end], headers)[0] == 400


@every_route
def test_wrong_content_length(port, method, path, body, refused):
    for framing in ("longer", "shorter"):
        assert refused(port, method, path, json.dumps(body), framing=framing)[0] == 400


DEEP = ["[" * 10_000, "[" * 10_000 + "]" * 10_000, '{"a":' * 10_000 + "1" + "}" * 10_000]


@every_route
def test_nested_10_000_levels_deep(port, method, path, body, refused):
    key = next(iter(body))
    for text in (
        text
        for deep in DEEP
        for text in (deep, f'{{"{key}": {deep}}}', f'{{"{key}": [{deep}]}}', f'{{"x": {deep}}}')
    ):
        status, reason = refused(port, method, path, text)
        assert status == 400
        # Purging has one reason for all that it cannot read.
        assert "exceeded max depth" in reason or path == "/_purge"


@every_route
def test_zip_bomb(port, method, path, body, refused, monkeypatch):
    monkeypatch.setattr("django_cbtools.embedded.api.gateway.BODY_LIMITS", {})
    headers = {**JSON, "Content-Encoding": "gzip"}
    bomb = gzip.compress(json.dumps(body).encode() + b" " * MEGABYTE)
    assert refused(port, method, path, bomb, headers)[0] == (400 if path == "/_purge" else 413)
    assert refused(port, method, path, gzip.compress(bomb), headers)[0] == 400


NUMBERS = ["1e999", "-1e999", "9" * 30, "-" + "9" * 30, "9" * 5000]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/new?new_edits=false", '{"_revisions": {"start": %s, "ids": ["a"]}}'),
        ("/_bulk_get", '{"docs": %s}'),
        ("/_changes", '{"limit": %s}'),
        ("/_changes", '{"timeout": %s}'),
        ("/_changes", '{"heartbeat": %s}'),
        ("/_session", '{"name": "alice", "ttl": %s}'),
        ("/_config", '{"revs_limit": %s}'),
        ("/_config", '{"old_rev_expiry_seconds": %s}'),
        ("/_config", '{"cors": {"max_age": %s}, "revs_limit": 0}'),
    ],
    ids=lambda value: value[:30],
)
def test_number_that_does_not_fit(path, body, refused):
    method = "PUT" if path.startswith("/new") else "POST"
    for number in NUMBERS:
        assert refused("admin", method, path, body % number)[0] in (400, 413)


def test_invalid_utf_8(ask):
    """As in Go, each byte that is none becomes the replacement character."""
    assert ask("admin", "PUT", "/odd", b'{"a\xff": "\xc3", "channels": ["\xe9"]}').status == 201
    read = json.loads(ask("admin", "GET", "/odd", b"").body)
    assert read["a\ufffd"] == "\ufffd"
    assert read["channels"] == ["\ufffd"]
    rows = json.loads(ask("admin", "POST", "/_bulk_docs", b'{"docs": [{"_id": "x\xff"}]}').body)
    assert rows[0]["id"] == "x\ufffd"
    assert ask("admin", "GET", "/x%FF", b"").status == 200
    assert ask("admin", "GET", "/x%FF?rev=%FF", b"").status == 404
    assert ask("admin", "PUT", "/_user/%FF", b'{"password": "secret"}').status == 400
    assert ask("public", "GET", "/", b"", {"Authorization": "Basic /w==\xff"}).status == 401


def test_last_of_duplicate_keys_holds(ask):
    first = json.loads(ask("admin", "PUT", "/a", '{"n": 1, "n": 2}').body)
    assert json.loads(ask("admin", "PUT", "/b", '{"n": 2}').body)["rev"] == first["rev"]
    assert json.loads(ask("admin", "GET", "/a", "").body)["n"] == 2
    body = '{"_rev": "%s", "_rev": "%s"}'
    wrong = "1-" + "0" * 32
    assert ask("admin", "PUT", "/a", body % (first["rev"], wrong)).status == 409
    assert ask("admin", "PUT", "/a", body % (wrong, first["rev"])).status == 201
    both = '{"docs": [{"_id": "c"}], "docs": [{"_id": "d", "_id": "e"}]}'
    assert [row["id"] for row in json.loads(ask("admin", "POST", "/_bulk_docs", both).body)] == [
        "e"
    ]
    assert [ask("admin", "GET", f"/{uid}", "").status for uid in "cde"] == [404, 404, 200]


# -------------------------------------------------------------- sync functions

CODE = {"Content-Type": "application/javascript"}
BROKEN = ["function (doc) {", "function", "5", "(", "function (doc) { channel('a' }", "x\0"]


@pytest.mark.parametrize("function", BROKEN, ids=repr)
def test_sync_function_that_does_not_compile(function, ask, refused):
    config = json.dumps({"bucket": "second", "sync": function})
    before = ask("admin", "GET", "/_config", "").body
    status, reason = refused("admin", "PUT", "/_config/sync", function, CODE)
    assert (status, "sync function error" in reason) == (400, True)
    for method, path, database in (
        ("POST", "/_config", DB), ("PUT", "/_config", DB), ("PUT", "/", "/second"),
    ):  # fmt: skip
        status, reason = refused("admin", method, path, config, database=database)
        assert (status, "sync function error" in reason) == (400, True)
    assert ask("admin", "GET", "/_config", "").body == before
    assert ask("admin", "GET", "/", "", database="/second").status == 404


@pytest.mark.parametrize(
    "body",
    [
        "while (true) {}",
        "var all = []; while (true) all.push(new Array(100000).fill(1));",
        "var text = 'x'; while (true) text += text;",
        "(function again() { again(); })();",
        "/(a+)+$/.test('a'.repeat(50) + 'b');",
    ],
)
def test_sync_function_that_does_not_end(body, ask, monkeypatch):
    monkeypatch.setattr(javascript, "TIME_LIMIT", 0.3)
    old = json.loads(ask("admin", "PUT", "/old", '{"n": 1}').body)
    before = _stored()
    config = {"sync": f"function (doc) {{ {body} }}"}
    assert ask("admin", "POST", "/_config", json.dumps(config)).status == 201
    new = f'{{"_rev": "{old["rev"]}", "n": 2}}'
    for method, path, sent in (
        ("PUT", "/new", "{}"), ("PUT", "/old", new), ("DELETE", f"/old?rev={old['rev']}", ""),
    ):  # fmt: skip
        reply = ask("admin", method, path, sent)
        assert reply.status == 500
        reason = json.loads(reply.body)["reason"]
        assert reason in ("JS sync function timed out", "Exception in JS sync function")
    assert _stored()["cbtools_documents"] == before["cbtools_documents"]
    assert json.loads(ask("admin", "GET", "/old", "").body)["_rev"] == old["rev"]
    assert ask("admin", "DELETE", "/_config/sync", "").status == 200
    assert ask("admin", "PUT", "/old", new).status == 201


# -------------------------------------------------------------------- headers


@pytest.mark.parametrize("odd", ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "\u0301", "\u2028", "\x01"])
def test_what_a_client_has_named_stays_in_its_header(odd, ask):
    """A revision, a content type, a name of a cookie."""
    rev = f"1-{odd}"
    body = json.dumps({
        "_revisions": {"start": 1, "ids": [odd]},
        "_attachments": {"x": {"data": "eA==", "content_type": odd}},
    })  # fmt: skip
    assert documents.REV.fullmatch(rev)
    replies = [
        ask("admin", "PUT", "/odd?new_edits=false", body),
        ask("admin", "GET", "/odd", ""),
        ask("admin", "GET", "/odd/x", ""),
    ]
    assert [reply.status for reply in replies] == [201, 200, 200]
    assert not any(reply.header("X-Evil") for reply in replies)
    for config in ({"session_cookie_name": odd}, {"cors": {"origin": ["*"], "headers": [odd]}}):
        reply = ask("admin", "POST", "/_config", json.dumps(config))
        assert reply.status == 400
        assert "cannot be the name of a cookie or a header" in json.loads(reply.body)["reason"]
