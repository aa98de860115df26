"""Guests: who has not logged in, and what he is told; as a real gateway answers."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from tests.gateway.access.client import ADMIN, Client, add_user, create_database

pytestmark = pytest.mark.django_db

GUEST = Client("public")
READ_ONLY = (403, {"error": "Forbidden", "reason": "Anonymous access is read-only"})
OPEN = {"disabled": False, "admin_channels": ["x"]}


@pytest.fixture
def rev():
    create_database(guest=OPEN, unsupported={"guest_read_only": True})
    ADMIN.put("/secret", {"channels": ["z"]})
    ADMIN.put("/_local/cp", {"n": 1})
    body = {"channels": ["x"], "_attachments": {"f": {"data": "eA=="}}}
    return ADMIN.put("/doc", body)[1]["rev"]


WRITES = [
    ("POST", "/"), ("PUT", "/doc"), ("PUT", "/secret"), ("PUT", "/new"), ("DELETE", "/doc"),
    ("DELETE", "/nothing"), ("PUT", "/doc/f"), ("DELETE", "/doc/f"), ("PUT", "/_local/cp"),
    ("PUT", "/_local/new"), ("DELETE", "/_local/cp"), ("POST", "/_bulk_docs"),
    ("POST", "/_revs_diff"), ("PUT", "/_design/d"), ("DELETE", "/_design/d"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), WRITES)
def test_guest_who_may_only_read_is_refused_whatever_he_sends(rev, method, path):
    for body in (None, {}, {"docs": []}, "no JSON", {"docs": [{"_id": "a"}]}):
        assert GUEST.ask(method, path, body) == READ_ONLY
        assert GUEST.ask(method, path, body, rev=rev) == READ_ONLY
        assert GUEST.ask(method, path, body, rev="no revision") == READ_ONLY


def test_body_of_such_a_write_is_not_read(rev):
    def read(limit):
        raise AssertionError("somebody reads it")

    for method, path in WRITES:
        call = Call("public", "default", method, f"/rules{path}", read=read)
        assert respond(call).status == 403


def test_guest_who_may_only_read_reads(rev):
    assert GUEST.get("/doc")[0] == 200
    assert GUEST.send("GET", "/doc/f").status == 200
    assert GUEST.get("/secret")[0] == 403
    assert GUEST.get("/_local/cp")[1]["n"] == 1
    assert GUEST.ask("POST", "/_all_docs", {"keys": ["doc"]})[0] == 200
    assert GUEST.ask("POST", "/_changes", {})[0] == 200
    assert GUEST.send("POST", "/_bulk_get", {"docs": [{"id": "doc"}]}).status == 200
    assert GUEST.ask("POST", "/_ensure_full_commit")[0] == 201


def test_path_and_database_are_looked_at_first(rev):
    assert GUEST.ask("DELETE", "/")[0] == 405
    assert GUEST.ask("PUT", "/")[0] == 412
    assert GUEST.ask("PUT", "nothing/doc", {})[0] == 401
    assert GUEST.ask("PUT", "rules.a.b/doc", {}) == READ_ONLY
    assert GUEST.ask("GET", "rules.a.b/doc")[0] == 404
    assert GUEST.ask("PUT", "rules.a.b.c/doc", {})[0] == 500


def test_user_of_the_same_database_writes(rev):
    assert add_user("alice").put("/new", {})[0] == 201


def test_what_packs_a_body_is_looked_at_before_the_login():
    create_database(guest={"disabled": True})
    client = Client("public", **{"content-encoding": "br"})
    assert client.put("/doc", {}) == (
        415,
        {
            "error": "Unsupported Media Type",
            "reason": "Unsupported Content-Encoding; use gzip",
        },
    )


def test_document_out_of_a_guest_s_reach_asks_for_a_login():
    create_database(guest=OPEN)
    ADMIN.put("/secret", {"channels": ["z"]})
    ask = ("POST", "/_all_docs", {"keys": ["secret"]})
    assert GUEST.ask(*ask)[1]["rows"] == [{"key": "secret", "error": "unauthorized", "status": 401}]
    rows = add_user("alice").ask(*ask)[1]["rows"]
    assert rows == [{"key": "secret", "error": "forbidden", "status": 403}]
    assert GUEST.get("/secret")[0] == 403


# ------------------------------------------------------------------ force_api_forbidden_errors


@pytest.fixture
def forced():
    create_database(
        "function (doc) { if (doc.bad) throw({forbidden: 'bad'}); channel(doc.channels); }",
        guest=OPEN, unsupported={"force_api_forbidden_errors": True},
    )  # fmt: skip
    ADMIN.put("/doc", {"channels": ["x"]})
    ADMIN.put("/gone", {"channels": ["x"], "_deleted": True})
    return ADMIN.put("/secret", {"channels": ["z"]})[1]["rev"]


FORBIDDEN = (403, {"error": "Forbidden", "reason": "forbidden"})


@pytest.mark.parametrize("client", [GUEST, ADMIN], ids=["guest", "admin"])
@pytest.mark.parametrize("path", ["/nothing", "/gone"])
def test_what_is_not_there_looks_forbidden(forced, client, path):
    assert client.get(path) == FORBIDDEN
    assert client.send("HEAD", path).status == 403
    assert client.get("/doc", rev="1-abc") == FORBIDDEN
    assert client.get("/nothing", open_revs="all")[0] == 404


def test_revision_out_of_reach_looks_forbidden(forced):
    assert GUEST.get("/secret") == GUEST.get("/secret", rev=forced) == FORBIDDEN
    accept = Client("public", accept="application/json")
    assert accept.get("/secret", open_revs="all") == (200, [{"missing": forced}])
    assert ADMIN.get("/secret", rev=forced)[0] == 200


@pytest.mark.parametrize("uid", ["doc", "secret", "gone", "nothing"])
def test_conflict_is_no_answer_to_who_may_not_write(forced, uid):
    """The sync function is asked first: a conflict says that the document is there."""
    body = {"_rev": "9-abc", "bad": True}
    for client in (ADMIN, add_user("alice")):
        assert client.put(f"/{uid}", body) == FORBIDDEN
        rows = client.ask("POST", "/_bulk_docs", {"docs": [{"_id": uid, **body}]})[1]
        assert [row["status"] for row in rows] == [403]
        assert client.put(f"/{uid}", {"_rev": "9-abc"})[0] == 409
