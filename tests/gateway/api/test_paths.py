"""Paths: what is unescaped before they are routed, and slashes that may be an id's."""

from __future__ import annotations

import io
import json
from urllib.parse import unquote

import pytest

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from tests.gateway.access.client import ADMIN, Client, add_role, add_user, create_database

pytestmark = pytest.mark.django_db
MAP = {"views": {"v": {"map": "function (doc, meta) { emit(meta.id, null); }"}}}


@pytest.fixture(autouse=True)
def database():
    create_database(guest={"disabled": False, "admin_channels": ["*"]})


@pytest.mark.parametrize(("path", "status"), [
    ("rules/_local%2Fx", 200), ("rules%2F_local%2Fx", 200), ("%72ules/doc", 200),
    ("%2572ules/doc", 200), ("rules/_design%2Fname", 200),
    ("rules/_design%2Fname%2F_view%2Fv", 200),
    ("rules/%5Flocal/x", 200), ("rules/%5Fall_docs", 200), ("rules/_all%5Fdocs", 200),
    ("rules/_local/%2578", 200), ("rules/%2564oc", 200), ("rules/_raw/%2564oc", 200),
    # An escaped slash in an id, or after it, keeps the path as it is.
    ("rules/a%2Fb", 200), ("rules/a%252Fb", 200), ("rules/a%25252Fb", 404),
    ("rules/%2564oc?x=%2F", 404), ("rules/%255Fx", 400), ("rules/%255Fall_docs", 400),
    ("rules/_user%2Falice%20b", 200), ("rules/_user/alice%2520b", 404), ("rules/_role%2Fr", 200),
    ("rules/_role/r%2Fr", 404), ("rules/_user/a%2Fb", 404), ("rules/" + "x" * 251, 400),
    ("_%61ll_dbs", 200), ("rules/_config/%73ync", 200), ("rules/doc%2Ff", 404),
])  # fmt: skip
def test_path_is_routed_without_escapes(path, status):
    ADMIN.put("/doc", {"_attachments": {"f": {"data": "eA=="}}})
    ADMIN.put("/a%2Fb", {})
    ADMIN.put("/_local/x", {})
    ADMIN.put("/_design/name", MAP)
    ADMIN.put("/_user/alice%20b", {"password": "password"})
    add_role("r")
    assert ADMIN.send("GET", path.partition("?")[0], **_query(path)).status == status


def _query(path):
    name, _, value = path.partition("?")[2].partition("=")
    return {name: unquote(value)} if name else {}


def test_name_of_a_user_keeps_an_escaped_slash_as_it_is():
    """Where a real gateway's router leaves a path alone, nobody unescapes a user's name."""
    assert ADMIN.put("/_user/a%2Fb", {"password": "password"})[0] == 201
    assert ADMIN.get("/_user/a%2Fb")[1]["name"] == "a%2Fb"
    assert ADMIN.get("/_user/")[1] == ["a%2Fb"]


def test_redirection_is_to_the_path_without_escapes():
    assert ADMIN.send("GET", "/_role/b%2F").headers["Location"] == "/rules/_role/b"
    assert ADMIN.send("GET", "/%2e%2e/x").headers["Location"] == "/x"
    assert ADMIN.send("GET", "rules").headers["Location"] == "/rules/"


@pytest.mark.parametrize("path", ["/", "/_ensure_full_commit", "/_config"])
def test_client_that_takes_no_json_is_told_so(path):
    client = Client("admin", accept="text/plain")
    method = "POST" if path == "/_ensure_full_commit" else "GET"
    assert client.send(method, path).status == 406


# ------------------------------------------------- servers that unescape slashes


def ask(method, path, body=b"", content_type="", **query):
    """As a server asks that does not say whether a slash was escaped."""
    query_string = "&".join(f"{name}={value}" for name, value in query.items())
    headers = {"content-type": content_type} if content_type else {}
    read = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode()).read
    call = Call(
        "public", "default", method, f"/rules/{path}", query_string, headers, read, is_raw=False
    )
    answer = respond(call)
    text = b"".join(answer.chunks())
    is_json = answer.headers.get("Content-Type") == "application/json"
    return answer.status, json.loads(text) if is_json and text else text


JSON = "application/json"


def test_attachment_of_a_document_that_is_there():
    rev = ADMIN.put("/doc", {"n": 1})[1]["rev"]
    status, made = ask("PUT", "doc/file", b"text", "text/plain", rev=rev)
    assert (status, made["id"]) == (201, "doc")
    assert ask("GET", "doc/file") == (200, b"text")
    # JSON may be an attachment too: the revision is the document's.
    status, made = ask("PUT", "doc/data", {"x": 1}, JSON, rev=made["rev"])
    assert (status, made["id"]) == (201, "doc")
    assert ask("DELETE", "doc/file", rev=rev)[0] == 404
    status, gone = ask("DELETE", "doc/file", rev=made["rev"])
    assert (status, gone["id"]) == (200, "doc")
    assert set(ADMIN.get("/doc")[1]["_attachments"]) == {"data"}


def test_attachment_makes_its_document():
    assert ask("PUT", "new/file", b"text", "text/plain")[1]["id"] == "new"
    assert ask("GET", "new/file") == (200, b"text")


def test_document_whose_id_has_a_slash():
    status, made = ask("PUT", "a/b", {"n": 1}, JSON)
    assert (status, made["id"]) == (201, "a/b")
    assert ask("GET", "a/b")[1]["n"] == 1
    assert ask("PUT", "a/b", {"n": 2}, JSON)[0] == 409
    status, made = ask("PUT", "a/b", {"n": 2, "_rev": made["rev"]}, JSON)
    assert (status, made["id"]) == (201, "a/b")
    status, made = ask("PUT", "a/b", {"n": 3}, JSON, rev=made["rev"])
    assert (status, made["id"]) == (201, "a/b")
    assert ask("DELETE", "a/b")[0] == 409
    assert ask("DELETE", "a/b", rev=made["rev"])[1]["id"] == "a/b"
    status, pushed = ask("PUT", "a/c", {"_rev": "3-abc"}, JSON, new_edits="false")
    assert (status, pushed["id"]) == (201, "a/c")


def test_both_are_there():
    ADMIN.put("/a", {"_attachments": {"file": {"data": "eA=="}}})
    first, whole = ADMIN.get("/a")[1]["_rev"], ADMIN.put("/a%2Fb", {"n": 1})[1]["rev"]
    assert ask("GET", "a/file") == (200, b"x")
    assert ask("GET", "a/b")[1]["n"] == 1
    assert ask("PUT", "a/b", b"text", "text/plain", rev=first)[1]["id"] == "a"
    assert ask("GET", "a/b") == (200, b"text")
    assert ask("DELETE", "a/b", rev=whole)[1]["id"] == "a/b"


def test_write_that_may_be_meant_for_either_is_refused():
    """Two documents that began alike have one revision id."""
    rev = ADMIN.put("/a", {})[1]["rev"]
    assert ADMIN.put("/a%2Fb", {})[1]["rev"] == rev
    for method, body in (("PUT", {"n": 1}), ("DELETE", b"")):
        status, answer = ask(method, "a/b", body, JSON, rev=rev)
        assert status == 409
        assert "does not say whether this is document" in answer["reason"]
    assert ADMIN.get("/a")[1]["_rev"] == ADMIN.get("/a%2Fb")[1]["_rev"] == rev


def test_who_reads_neither_is_told_nothing():
    create_database(guest={"disabled": False, "admin_channels": ["x"]})
    ADMIN.put("/a%2Fb", {"channels": ["z"]})
    assert ask("GET", "a/b")[0] == 403
    assert ask("GET", "a/c")[0] == 404
    assert add_user("alice").get("/a%2Fb")[0] == 403
