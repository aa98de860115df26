"""The tree of a document's revisions: what it takes, which revision wins, what is forgotten."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded.documents.revtree import Node, RevisionTree
from tests.gateway.access.client import ADMIN, add_user, channels_of, create_database
from tests.gateway.documents.revisions import CONFLICT, order

pytestmark = pytest.mark.django_db


# -------------------------------------------------------------------- by hand


def push(uid, *history, **body):
    generation, _ = order(history[0])
    ids = [rev.partition("-")[2] for rev in history]
    body["_revisions"] = {"start": generation, "ids": ids}
    return ADMIN.put(f"/{uid}", body, new_edits="false")


def delete(uid, rev):
    status, answer = ADMIN.ask("DELETE", f"/{uid}", rev=rev)
    assert status == 200
    return answer


@pytest.fixture
def hidden():
    """A document whose last revision is not its current one: its tombstones by generation."""
    create_database()
    assert push("doc", "5-a", "4-a", n=1)[0] == 201
    high = delete("doc", "5-a")
    assert push("doc", "1-z", n=2)[0] == 201
    assert ADMIN.get("/doc")[1]["_rev"] == "1-z"
    low = delete("doc", "1-z")
    return low, high


def test_a_losing_tombstone_makes_another_leaf_current(hidden):
    low, high = hidden
    assert (low["rev"][:2], high["rev"][:2]) == ("2-", "6-")
    _, answer = ADMIN.get("/_raw/doc")
    sync = answer["_xattrs"]["_sync"]
    assert (sync["rev"]["rev"], sync["new_rev"], sync["flags"]) == (high["rev"], low["rev"], 21)
    # The version and the sequence are the last write's.
    _, answer = ADMIN.get("/doc", rev=high["rev"])
    assert answer["_cv"] == low["cv"] != high["cv"]
    _, answer = ADMIN.ask("POST", "/_changes", {"style": "all_docs"})
    (row,) = answer["results"]
    assert (row["seq"], row["deleted"]) == (4, True)
    assert row["changes"] == [{"rev": high["rev"]}, {"rev": low["rev"]}]


def test_a_version_is_no_start_while_another_revision_is_the_last(hidden):
    low, high = hidden
    refused = (
        400, "Cannot use CV to modify a document in conflict - resolve first with RevTree ID"
    )  # fmt: skip
    status, answer = ADMIN.put("/doc", {"_cv": high["cv"]})
    assert (status, answer["reason"]) == refused
    assert ADMIN.put("/doc", {"_cv": low["cv"]})[0] == 201
    status, answer = ADMIN.put("/doc", {"_cv": high["cv"]})
    assert (status, answer["reason"]) == CONFLICT


def test_an_edit_may_follow_a_losing_tombstone(hidden):
    low, high = hidden
    status, answer = ADMIN.put("/doc", {"_rev": low["rev"], "_deleted": True})
    assert (status, answer["reason"]) == CONFLICT
    status, answer = ADMIN.put("/doc", {"_rev": low["rev"], "n": 3})
    assert (status, answer["rev"][:2]) == (201, "3-")
    assert ADMIN.get("/doc")[1]["n"] == 3
    status, answer = ADMIN.put("/doc", {"_rev": high["rev"], "n": 4})
    assert (status, answer["reason"]) == CONFLICT


def test_channels_and_grants_are_those_of_the_revision_that_wins():
    create_database(
        "function (doc) { channel(doc.channels || 'none');"
        "if (doc._deleted) channel('bin'); else access('alice', doc.opens); }"
    )
    alice = add_user("alice")
    assert push("doc", "5-a", "4-a", opens="five", channels=["five"])[0] == 201
    high = delete("doc", "5-a")
    assert push("doc", "1-z", opens="one", channels=["one"])[0] == 201
    assert push("secret", "1-s", channels=["one"])[0] == 201
    assert alice.get("/secret")[0] == 200
    assert channels_of("doc") == ["one"]
    low = delete("doc", "1-z")
    assert alice.get("/secret")[0] == 403
    _, answer = ADMIN.get("/_raw/doc")
    sync = answer["_xattrs"]["_sync"]
    assert {name for name, left in sync["channels"].items() if left is None} == {"bin", "none"}
    # It is the one that wins, not the one that was written, that has left the channel.
    left = sync["channels"]["one"]
    assert left["rev"]["rev"] == high["rev"]
    assert (left["seq"], left["del"]) == (sync["sequence"], True)
    assert low["rev"] != high["rev"]


def age(seconds=1000):
    """Let time pass for the bodies of old revisions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cbtools_revisions SET superseded = superseded - %s WHERE superseded < 1 << 60",
            [seconds],
        )


def kept(uid="doc"):
    with connection.cursor() as cursor:
        cursor.execute("SELECT rev FROM cbtools_revisions WHERE uid = %s", [uid])
        return {rev for (rev,) in cursor.fetchall()}


def test_bodies_of_leaves_are_kept_and_those_of_others_for_a_while():
    create_database()
    assert push("doc", "2-a", "1-a", n=1)[0] == 201
    high = delete("doc", "2-a")
    assert push("doc", "1-z", n=2)[0] == 201
    assert [ADMIN.get("/doc", rev=rev)[0] for rev in ("2-a", high["rev"], "1-a")] == [200, 200, 404]
    age()
    assert [ADMIN.get("/doc", rev=rev)[0] for rev in ("2-a", high["rev"])] == [404, 200]
    # What is over goes with the next write, what has lost is there to win again.
    low = delete("doc", "1-z")
    assert kept() >= {high["rev"], low["rev"], "1-z"}
    assert "2-a" not in kept()
    age()
    status, again = ADMIN.put("/doc", {"n": 3, "_rev": low["rev"]})
    assert status == 201
    assert ADMIN.get("/doc", rev=low["rev"])[0] == 200
    age()
    assert [ADMIN.get("/doc", rev=rev)[0] for rev in (low["rev"], high["rev"])] == [404, 200]
    assert ADMIN.put("/doc", {"n": 4, "_rev": again["rev"]})[0] == 201
    assert kept() == {high["rev"], again["rev"]}


def test_a_branch_that_is_forgotten_leaves_nothing():
    create_database(revs_limit=2)
    assert push("doc", "1-a", n=1)[0] == 201
    low = delete("doc", "1-a")
    rev = "7-b"
    assert push("doc", rev, "6-b", "5-b", "4-b", "3-b", n=2)[0] == 201
    assert low["rev"] not in ADMIN.get("/_raw/doc")[1]["_xattrs"]["_sync"]["history"]["revs"]
    assert ADMIN.get("/doc", rev=low["rev"])[0] == 404
    for number in (3, 4):
        age()
        _, answer = ADMIN.put("/doc", {"n": number, "_rev": rev})
        rev = answer["rev"]
    assert len(kept()) == 1
    assert low["rev"] not in kept()


def test_a_limit_that_is_lowered_holds_from_the_next_write_on():
    create_database(revs_limit=50)
    revs = [f"{number}-a" for number in range(9, 0, -1)]
    assert push("doc", *revs, n=1)[0] == 201
    create_database(revs_limit=3)
    assert len(ADMIN.get("/doc", revs="true")[1]["_revisions"]["ids"]) == 9
    assert ADMIN.put("/doc", {"_rev": "9-a", "n": 2})[0] == 201
    assert ADMIN.get("/doc", revs="true")[1]["_revisions"]["ids"][1:] == ["a", "a"]
    # The client's history goes further back: that does not come again.
    assert push("doc", "12-b", "11-b", ADMIN.get("/doc")[1]["_rev"], *revs, n=3)[0] == 201
    assert len(ADMIN.get("/doc", revs="true")[1]["_revisions"]["ids"]) == 3
    assert ADMIN.get("/_raw/doc")[1]["_xattrs"]["_sync"].get("flags", 0) == 0


def test_a_long_history_costs_no_more_queries():
    create_database()
    counts = []
    for uid, length in (("short", 2), ("long", 40)):
        assert push(uid, "1-a", n=1)[0] == 201
        revs = [f"{number}-a" for number in range(length, 0, -1)]
        with CaptureQueriesContext(connection) as queries:
            assert push(uid, *revs, n=2)[0] == 201
        counts.append(len(queries))
        delete(uid, revs[0])
        revs = [f"{number}-b" for number in range(length, 0, -1)]
        with CaptureQueriesContext(connection) as queries:
            assert push(uid, *revs, n=2)[0] == 201
        counts.append(len(queries))
    assert counts[:2] == counts[2:]


def test_attachments_are_based_on_the_branch_that_a_revision_follows():
    create_database()
    attached = {"file": {"data": "aGVsbG8="}}
    stub = {"file": {"stub": True, "revpos": 1, "digest": "sha1-qvTGHdzF6KLavt4PO0gs2a6pQ00="}}
    assert push("doc", "1-a", n=1, _attachments=attached)[0] == 201
    assert push("doc", "3-a", "2-a", "1-a", n=3, _attachments=stub)[0] == 201
    answer = ADMIN.send("GET", "/doc/file")
    assert b"".join(answer.chunks()) == b"hello"
    delete("doc", "3-a")
    # A branch of its own has nothing to take over.
    assert push("doc", "1-z", n=4, _attachments=stub)[0] == 201
    assert ADMIN.get("/doc/file")[0] == 404


@pytest.mark.parametrize("revisions", [
    None, 5, [], {}, {"start": 1}, {"ids": ["a"]}, {"start": 1, "ids": []},
    {"start": 1, "ids": ["a", "b"]}, {"start": 1, "ids": [5]}, {"start": "1", "ids": ["a"]},
    {"start": 0, "ids": ["a"]}, {"start": -1, "ids": ["a"]}, {"start": 1.5, "ids": ["a"]},
    {"start": 1 << 64, "ids": ["a"]}, {"start": True, "ids": ["a"]},
    {"start": 1, "ids": [""]},
])  # fmt: skip
def test_impossible_histories_are_refused(revisions):
    create_database()
    status, answer = ADMIN.put("/doc", {"_revisions": revisions}, new_edits="false")
    assert (status, answer["reason"]) == (400, "Bad _revisions")
    docs = [{"_id": "doc", "_revisions": revisions}]
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    assert rows == [
        {"error": "bad_request", "id": "doc", "reason": "Bad _revisions", "status": 400}
    ]
    assert ADMIN.get("/doc")[0] == 404


def test_a_replicators_document_needs_an_id():
    create_database()
    docs = [{"_rev": "1-a"}, {"_id": 5, "_rev": "1-a"}, {"_id": "_x", "_rev": "1-a"}, {"_id": "a"}]
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    invalid = {"error": "bad_request", "reason": "Invalid doc ID", "status": 400}
    assert rows == [
        invalid, invalid, {**invalid, "id": "_x"},
        {**invalid, "id": "a", "reason": "Bad _revisions"},
    ]  # fmt: skip


# ------------------------------------------------------------ _revs_diff, _revtree


def test_what_differs_is_said_on_both_ports():
    create_database()
    alice = add_user("alice")
    assert push("doc", "3-a", "2-a", "1-a")[0] == 201
    asked = {"doc": ["3-a", "1-a", "4-b", "1-b"], "none": ["1-x"], "nothing": [], "null": None}
    for client in (ADMIN, alice):
        answer = client.send("POST", "/_revs_diff", asked)
        assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
        assert json.loads(answer.body) == {
            "doc": {"missing": ["4-b", "1-b"]}, "none": {"missing": ["1-x"]},
            "nothing": {"missing": []},
        }  # fmt: skip
    _, answer = ADMIN.ask(
        "POST", "/_revs_diff", {"doc": ["3-b", "104-c", "103-c", "x", "\u0664-d"]}
    )
    assert answer == {
        "doc": {
            "missing": ["3-b", "104-c", "103-c", "x", "\u0664-d"],
            "possible_ancestors": ["2-a", "3-a"],
        }
    }
    assert alice.ask("POST", "/_revs_diff", {"_design/d": ["1-x"], "doc": []}) == (200, {})
    _, answer = ADMIN.ask("POST", "/_revs_diff", {"doc": ["104-c"]})
    assert answer == {"doc": {"missing": ["104-c"]}}


@pytest.mark.parametrize(("body", "wrong"), [
    ([], "cannot unmarshal array into Go value of type map[string][]string"),
    ("5", "cannot unmarshal number into Go value of type map[string][]string"),
    ({"doc": {}}, "cannot unmarshal object into Go value of type []string"),
    ({"doc": [5]}, "cannot unmarshal number into Go value of type string"),
    ({"doc": ["1-a", True]}, "cannot unmarshal bool into Go value of type string"),
])  # fmt: skip
def test_questions_for_differences_that_are_none(body, wrong):
    create_database()
    status, answer = ADMIN.ask("POST", "/_revs_diff", body)
    assert (status, answer["reason"]) == (400, f"Bad JSON: json: {wrong}")


def test_the_tree_is_drawn(hidden):
    low, high = hidden
    text = b"".join(ADMIN.send("GET", "/_revtree/doc").chunks()).decode()
    assert text == (
        "digraph graphname{"
        f'"{high["rev"]}" [fontcolor=red];"5-a" -> "{high["rev"]}" '
        '[label="Tombstone", fontcolor=red];'
        '"4-a" -> "5-a"; '
        f'"{low["rev"]}" [fontcolor=red];"1-z" -> "{low["rev"]}" '
        '[label="Tombstone", fontcolor=red];'
        "}"
    )
    assert push("one", "1-a")[0] == 201
    assert b"".join(ADMIN.send("GET", "/_revtree/one").chunks()) == (
        b'digraph graphname{"" -> "1-a"; }'
    )
    assert add_user("alice").get("/_revtree/doc")[0] == 404


# ------------------------------------------------------------------ the text of it


def test_a_tree_is_written_as_a_list_where_it_is_one():
    tree = RevisionTree()
    tree.add(["3-c", "2-b", "1-a"])
    assert tree.dumps() == '["3-c","2-b","1-a"]'
    tree.add(["4-d", "3-c"], deleted=True)
    tree.add(["2-x"])
    assert tree.dumps() == '[["2-x","",0],["4-d","3-c",1],"3-c","2-b","1-a"]'
    again = RevisionTree.loads(tree.dumps())
    assert (again.nodes, list(again.nodes)) == (tree.nodes, list(tree.nodes))
    assert again.newest == "2-x"


def test_a_branch_that_is_too_old_goes_with_what_it_has_in_common_with_others():
    tree = RevisionTree()
    tree.add([f"{number}-a" for number in range(9, 0, -1)])
    tree.add(["4-x", "3-a"], deleted=True)
    tree.prune(4)
    assert tree.nodes == {
        "9-a": Node("8-a"), "8-a": Node("7-a"), "7-a": Node("6-a"), "6-a": Node(""),
    }  # fmt: skip
