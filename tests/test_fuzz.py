"""Random requests to both ports of the embedded gateway: it answers each of them."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cbtools.embedded import users
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.gateway import respond
from django_cbtools.embedded.http import Call

pytestmark = [pytest.mark.django_db, pytest.mark.torture]

EXAMPLES = 2000 if os.environ.get("TORTURE") == "1" else 200
#: What a real gateway, too, answers with 500 (02-doc-crud.json, 28-views.json).
RECORDED_500 = re.compile(
    r"Internal error: (ETag value is not quoted|couldn't get OCC value from request: 400 |"
    r"invalid (limit|skip|group_level) parameter in view query)"
)

# ------------------------------------------------------------------- requests

ODD_TEXTS = [
    "", "a", "b", "a/b", ".", "..", "%", "%2F", "%zz", "\0", "a\0b", "\n", "_a", "é", "🍺", '"',
    "'", "\\", "<b>", "a,b", "*", "!", "GUEST", "user", "null", "true", "x" * 251, "9" * 5000, "-1",
    "_sync", "_local/a", "_design/d", "__proto__", "\u2028", "\ufffd", "{rev}", "{cv}", "1-a", "1-",
]  # fmt: skip
ODD_JSON = [
    "1e999", "-0", "1E+2", "9" * 5000, "0." + "9" * 500, '"\\ud800"', '"\\u0000"',
    '"\\ud83c\\udf7a"', "[" * 150 + "]" * 150, '{"a":' * 150 + "1.50" + "}" * 150,
    "[" * 10_000, "NaN", "Infinity", "-", "01", '"', '{"a":1,"a":2}', '{"":{"":[]}}', "nul",
    "//", "\ufeff{}",
]  # fmt: skip
KEYS = [
    "_id", "_rev", "_deleted", "_cv", "_removed", "_attachments", "_exp", "_revisions", "_sync",
    "docs", "keys", "new_edits", "channels", "doc_type", "st_deleted", "name", "password", "email",
    "disabled", "admin_channels", "admin_roles", "all_channels", "roles", "ttl", "views", "options",
    "language", "a",
]  # fmt: skip
FUNCTIONS = [
    "function (doc, meta) { emit(doc.a, doc); }", "function (doc) { emit(doc.channels); throw 1; }",
    "function (doc) { for (var key in doc) emit(doc[key], key); }", "not a function", "",
]  # fmt: skip
REDUCES = ["_count", "_sum", "_stats", "_nothing", "function (keys, values) { return values; }", ""]

texts = st.sampled_from(ODD_TEXTS) | st.text(max_size=10)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(KEYS) | texts, inner, max_size=5)
    ),
    max_leaves=12,
)
json_texts = values.map(json.dumps) | st.sampled_from(ODD_JSON) | st.text(max_size=20)
members = st.tuples(st.sampled_from(KEYS).map(json.dumps), json_texts).map(":".join)
objects = st.lists(members, max_size=4).map(",".join).map("{{{}}}".format)

id_members = st.sampled_from(['"_id":"a"', '"_id":"b"', '"_id":"a","_rev":"{rev}"']) | members
batches = st.lists(id_members.map("{{{}}}".format) | objects, max_size=4).map(",".join)
configs = st.fixed_dictionaries(
    {"password": texts},
    optional={
        "name": texts, "email": scalars, "disabled": scalars, "admin_channels": values,
        "roles": values,
    },
).map(json.dumps)  # fmt: skip
views = st.fixed_dictionaries(
    {"map": st.sampled_from(FUNCTIONS)}, optional={"reduce": st.sampled_from(REDUCES) | scalars}
)
designs = st.fixed_dictionaries({"views": st.fixed_dictionaries({"v": views | values})})
keys = st.lists(texts, max_size=4).map(json.dumps).map('{{"keys":{}}}'.format)
logins = st.fixed_dictionaries(
    {"name": st.just("user") | values}, optional={"password": st.just("password") | values,
                                                  "ttl": st.integers() | values}
).map(json.dumps)  # fmt: skip

#: Method, path, and the body that is expected there.
AIMS = [
    ("PUT", "/test_documents/{id}", objects),
    ("PUT", "/test_documents/a", objects),
    ("GET", "/test_documents/{id}", st.just("")),
    ("DELETE", "/test_documents/{id}", st.just("")),
    ("POST", "/test_documents/", objects),
    ("POST", "/test_documents/_bulk_docs", batches.map('{{"docs":[{}]}}'.format)),
    ("POST", "/test_documents/_all_docs", keys),
    ("GET", "/test_documents/_all_docs", st.just("")),
    ("HEAD", "/test_documents/_all_docs", st.just("")),
    ("PUT", "/test_documents/_user/{id}", configs),
    ("POST", "/test_documents/_user/", configs),
    ("GET", "/test_documents/_user/", st.just("")),
    ("GET", "/test_documents/_user/{id}", st.just("")),
    ("DELETE", "/test_documents/_user/{id}", st.just("")),
    ("POST", "/test_documents/_session", logins),
    ("GET", "/test_documents/_session", st.just("")),
    ("DELETE", "/test_documents/_session", st.just("")),
    ("GET", "/test_documents/_session/{id}", st.just("")),
    ("PUT", "/test_documents/_design/{id}", designs.map(json.dumps)),
    ("PUT", "/test_documents/_design/d", designs.map(json.dumps)),
    ("GET", "/test_documents/_design/d", st.just("")),
    ("GET", "/test_documents/_design/d/_view/v", st.just("")),
    ("GET", "/test_documents/_design/d/_view/v", st.just("")),
    ("GET", "/test_documents/_design/d/_view/{id}", st.just("")),
]

parameters = st.one_of(
    st.tuples(
        st.sampled_from(["rev", "stale", "startkey_docid", "endkey_docid"]), texts.map(quote)
    ),
    st.tuples(
        st.sampled_from(["key", "keys", "startkey", "endkey"]),
        json_texts.map(lambda text: quote(text)),
    ),
    st.tuples(
        st.sampled_from(["limit", "skip", "group_level"]),
        st.sampled_from(["0", "1", "-1", "9" * 19, "9" * 30, "9" * 5000, "²"]),
    ),
    st.tuples(
        st.sampled_from([
            "revs", "include_docs", "channels", "update_seq", "name_only", "new_edits", "open_revs",
            "reduce", "group", "descending", "inclusive_end", "one_time", "stale",
        ]),
        st.sampled_from(["true", "false", "ok", ""]) | st.text(max_size=5),
    ),
).map("=".join)  # fmt: skip
queries = st.lists(parameters, max_size=3).map("&".join)
headers = st.fixed_dictionaries(
    {},
    optional={
        "authorization": st.sampled_from(["Bearer x", "Basic", "Basic /w==", "Basic R1VFU1Q6"])
        | st.text(max_size=10).map("Basic {}".format) | st.text(max_size=10),
        "cookie": st.sampled_from(["SyncGatewaySession={session}", 'SyncGatewaySession="\\377"',
                                   "SyncGatewaySession=", "a b=c; SyncGatewaySession=x"])
        | st.text(max_size=10),
        "content-type": st.sampled_from(["application/json", "text/plain", "application/jsonx"]),
        "content-encoding": st.sampled_from(["gzip", "br"]),
        "if-match": texts.map('"{}"'.format) | texts,
        "origin": st.sampled_from(["http://localhost", "null"]),
    },
)  # fmt: skip


@st.composite
def aimed(draw):
    """A request that has a chance."""
    method, path, expected = draw(st.sampled_from(AIMS))
    chance = st.integers(0, 3).map(bool)
    return {
        "port": draw(st.sampled_from(["public", "admin"])),
        "method": method,
        "path": path.replace(
            "{id}", draw(texts.map(quote) | texts.map(lambda text: quote(quote(text))))
        ),
        "query": draw(queries),
        "headers": {"authorization": GOOD_LOGIN} if draw(chance) else draw(headers),
        "body": draw(expected if draw(chance) else objects).encode("utf-8", "surrogatepass"),
    }


GOOD_LOGIN = "Basic dXNlcjpwYXNzd29yZA=="
segments = (
    texts | texts.map(quote) | st.sampled_from(["test_documents", "_user", "_design", "%5Fa"])
)
wild = st.fixed_dictionaries(
    {
        "port": st.sampled_from(["public", "admin"]),
        "method": st.sampled_from(["GET", "HEAD", "PUT", "OPTIONS", "PATCH", "get", "", "\0"]),
        "path": st.lists(segments, max_size=5).map(lambda found: "/" + "/".join(found)),
        "query": queries | st.text(max_size=10),
        "headers": headers,
        "body": st.binary(max_size=40)
        | json_texts.map(lambda text: text.encode("utf-16", "surrogatepass"))
        | json_texts.map(lambda text: gzip.compress(text.encode("utf-8", "surrogatepass"))),
    }
)
calls = st.one_of(aimed(), aimed(), aimed(), wild)


# ---------------------------------------------------------------------- tests


@given(st.lists(calls, min_size=1, max_size=8))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_every_request_is_answered(sequence):
    with transaction.atomic():
        known = _prepare()
        for call in sequence:
            _check(call, _ask(known, **call))
        _check_database()
        transaction.set_rollback(True)


def _prepare():
    """A user, a document, a view; what requests may refer to."""
    database = Database.open("default", "test_documents", create=True)
    users.create(database, {"name": "user", "password": "password", "admin_channels": ["a"]})
    known = {"rev": "", "cv": "", "session": ""}
    answer = _ask(known, "admin", "PUT", "/test_documents/a", body=b'{"channels":["a"],"a":1}')
    known |= {key: json.loads(answer.body)[key] for key in ("rev", "cv")}
    answer = _ask(known, "admin", "POST", "/test_documents/_session", body=b'{"name":"user"}')
    known["session"] = json.loads(answer.body)["session_id"]
    view = {"views": {"v": {"map": FUNCTIONS[0], "reduce": "_count"}}}
    _ask(known, "admin", "PUT", "/test_documents/_design/d", body=json.dumps(view).encode())
    return known


def _ask(known, port, method, path, query="", headers=None, body=b""):
    def fill(text):
        for name, value in known.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    for name, value in known.items():
        body = body.replace(f"{{{name}}}".encode(), value.encode())
    names = {name: fill(value) for name, value in (headers or {}).items()}
    read = io.BytesIO(body).read
    return respond(Call(port, "default", method, fill(path), fill(query), names, read=read))


def _check(call, answer):
    for name, value in answer.headers.items():
        assert (name + value).isascii(), (name, value)
        assert (name + value).isprintable(), (name, value)
    if call["method"] == "HEAD":
        assert answer.body == b""
        return
    if answer.headers.get("Content-Type") == "application/json":
        # Infinity would be no JSON; Python's int() refuses very long texts.
        value = json.loads(answer.body, parse_int=float, parse_constant=pytest.fail)
        if answer.status >= 400:
            assert value.keys() == {"error", "reason"}
        if answer.status == 500:
            assert RECORDED_500.match(value["reason"]), value
        if answer.status == 501:
            assert value["reason"].startswith("The embedded gateway does not do ")
    assert answer.status < 500 or answer.status in (500, 501)


def _check_database():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
        cursor.execute("SELECT count(*) FROM cbtools_documents WHERE NOT json_valid(body)")
        assert cursor.fetchone() == (0,)
        cursor.execute(
            "SELECT count(*), count(DISTINCT sequence), max(sequence) <= "
            "(SELECT max(sequence) FROM cbtools_databases) FROM cbtools_documents"
        )
        count, distinct, are_counted = cursor.fetchone()
        assert count == distinct
        assert are_counted
