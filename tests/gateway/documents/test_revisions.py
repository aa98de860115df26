"""The tree of a document's revisions: what it takes, which revision wins, what is forgotten.

A state machine writes at random, and compares what it reads with a model of the rules.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import os
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from django_cbtools.embedded.documents.revtree import Node, RevisionTree
from tests.gateway.access.client import ADMIN, add_user, channels_of, create_database

pytestmark = pytest.mark.django_db

CONFLICT = (409, "Document revision conflict")
UIDS = ["d1", "d2"]
PUSHED = st.fixed_dictionaries({
    "above": st.sampled_from(["current", "leaf", "inner", "nothing", "known"]),
    "which": st.integers(0, 5),
    "length": st.integers(1, 4),
    "start": st.integers(1, 9),
    "letter": st.sampled_from("az"),
    "deleted": st.booleans(),
})  # fmt: skip
EDITS = st.fixed_dictionaries({
    "start": st.sampled_from(["none", "current", "leaf", "inner", "unknown", "cv", "stale cv"]),
    "which": st.integers(0, 5),
    "deleted": st.booleans(),
})  # fmt: skip


# ---------------------------------------------------------------------- a model


def order(rev):
    generation, _, digest = rev.partition("-")
    return int(generation), digest


@dataclass
class Model:
    """A document: parents ('' for none) and tombstones by revision, and what was written."""

    parents: dict[str, str] = field(default_factory=dict)
    #: The same, with those that are forgotten here: a client may know them yet.
    descent: dict[str, str] = field(default_factory=dict)
    tombstones: set[str] = field(default_factory=set)
    bodies: dict[str, dict] = field(default_factory=dict)
    forgotten: set[str] = field(default_factory=set)
    cvs: list[str] = field(default_factory=list)
    newest: str = ""

    @property
    def leaves(self):
        """The winner first."""
        leaves = set(self.parents) - set(self.parents.values())
        return sorted(leaves, key=lambda rev: (rev not in self.tombstones, order(rev)))[::-1]

    @property
    def current(self):
        return self.leaves[0] if self.parents else ""

    @property
    def is_deleted(self):
        return self.current in self.tombstones

    @property
    def inner(self):
        return sorted(set(self.parents.values()) - {""})

    def history(self, rev, parents=None):
        revs = []
        while rev:
            revs.append(rev)
            rev = (self.parents if parents is None else parents)[rev]
        return revs

    def takes(self, parent, deleted, *, pushed):
        """Whether a revision may follow another ('': none)."""
        if not self.parents or parent == self.current:
            return True
        if deleted:
            return parent in self.leaves and parent not in self.tombstones
        return self.is_deleted and not (pushed and parent)

    def add(self, chain, deleted, body):
        for rev, parent in zip(chain, [*chain[1:], ""], strict=True):
            if rev in self.parents:
                break
            self.parents[rev] = self.descent[rev] = parent
        if deleted:
            self.tombstones.add(chain[0])
        self.bodies[chain[0]] = {} if deleted else body
        self.newest = chain[0]

    def prune(self, limit):
        if len(self.parents) <= limit:
            return
        leaves = self.leaves
        near = {rev for leaf in leaves for rev in self.history(leaf)[:limit]}
        alive = [order(leaf)[0] for leaf in leaves if leaf not in self.tombstones]
        for leaf in leaves:
            # Branches have nothing in common here: none is ever made where another goes on.
            if leaf in self.tombstones and alive and order(leaf)[0] < min(alive) - limit:
                near.difference_update(self.history(leaf))
        self.forgotten |= self.parents.keys() - near
        self.parents = {
            rev: parent if parent in near else ""
            for rev, parent in self.parents.items()
            if rev in near
        }

    def difference(self, revs):
        """What _revs_diff says."""
        missing = [rev for rev in revs if rev not in self.parents]
        possible = set()
        for (generation, _), leaf in itertools.product(map(order, missing), self.leaves):
            below = order(leaf)[0]
            if leaf in revs or generation <= 1:
                continue
            if generation - 100 <= below < generation:
                possible.add(leaf)
            if generation == below and self.parents[leaf]:
                possible.add(self.parents[leaf])
        return missing, possible


def revision_id(parent, body):
    """The id of an edit's revision: tests/transcripts/rev-digest-examples.json."""
    text = json.dumps(body, separators=(",", ":"), sort_keys=True)
    digest = hashlib.md5(bytes([len(parent)]) + parent.encode() + text.encode()).hexdigest()
    return f"{order(parent)[0] + 1 if parent else 1}-{digest}"


class Revisions(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.count = itertools.count(1)
        self.models = {uid: Model() for uid in UIDS}
        self.atomic = transaction.atomic()
        self.atomic.__enter__()

    def teardown(self):
        try:
            for uid in UIDS:
                self.read_all(uid)
        finally:
            transaction.set_rollback(True)
            self.atomic.__exit__(None, None, None)

    @initialize(limit=st.sampled_from([1, 2, 3, 5, 50]))
    def begin(self, limit):
        create_database(revs_limit=limit)
        self.limit = limit

    # ---------------------------------------------------------------- edits

    def edit(self, uid, start, which, deleted):
        """A body to send, and what is to come of it: a row of _bulk_docs."""
        model = self.models[uid]
        body = {"n": next(self.count)}
        sent = {**body, "_id": uid, **({"_deleted": True} if deleted else {})}
        parent = model.current
        error = None
        if start == "none":
            if model.parents and not model.is_deleted:
                error = (409, "Document exists")
        elif start in ("cv", "stale cv"):
            cvs = [cv for cv in model.cvs if (cv == model.cvs[-1]) is (start == "cv")]
            sent["_cv"] = cvs[which % len(cvs)] if cvs else "1@x"
            if start == "stale cv" or not cvs:
                error = CONFLICT
                if model.parents and model.newest != model.current:
                    error = (400, "Cannot use CV to modify a document in conflict - "
                                  "resolve first with RevTree ID")  # fmt: skip
        else:
            revs = {"current": [model.current], "leaf": model.leaves, "inner": model.inner}
            known = [rev for rev in revs.get(start, []) if rev]
            parent = sent["_rev"] = known[which % len(known)] if known else "7-unknown"
            if parent not in model.leaves or not model.takes(parent, deleted, pushed=False):
                error = CONFLICT
        if error is None:
            digested = {key: value for key, value in sent.items() if key in ("n", "_deleted")}
            rev = revision_id(parent, digested)
            model.add([rev, *model.history(parent)], deleted, body)
            model.prune(self.limit)
            return sent, rev, model.current, None
        return sent, None, None, error

    @rule(uid=st.sampled_from(UIDS), asked=EDITS)
    def put(self, uid, asked):
        sent, rev, _, error = self.edit(uid, **asked)
        status, answer = ADMIN.put(f"/{uid}", sent)
        if error:
            assert (status, answer["reason"]) == error
        else:
            assert (status, answer["rev"]) == (201, rev)
            self.models[uid].cvs.append(answer["cv"])
        self.read(uid)

    @rule(edits=st.lists(st.tuples(st.sampled_from(UIDS), EDITS), min_size=2, max_size=6))
    def put_many(self, edits):
        """Several edits in one batch, of one document too; a version is known only afterwards."""
        expected = []
        for uid, asked in edits:
            start = asked["start"].replace("stale cv", "none").replace("cv", "current")
            expected.append((uid, *self.edit(uid, **{**asked, "start": start})))
        self.send(expected, {})

    def send(self, expected, options):
        docs = [sent for _, sent, *_ in expected]
        status, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, **options})
        assert status == 201
        for row, (uid, _, _, winner, error) in zip(rows, expected, strict=True):
            if error:
                assert (row["status"], row["reason"]) == error
            else:
                assert row["rev"] == winner
                self.models[uid].cvs += [row["cv"]] if "cv" in row else []
        for uid in {uid for uid, *_ in expected}:
            self.read(uid)

    # --------------------------------------------------------------- pushes

    def pushed(self, uid, above, which, length, start, letter, deleted):
        """As :meth:`edit`: a replicator's revision, above one that is known or not."""
        model = self.models[uid]
        known = {
            "current": [model.current], "leaf": model.leaves, "inner": model.inner,
            "known": sorted(model.parents),
        }.get(above, [])  # fmt: skip
        known = [rev for rev in known if rev]
        root = known[which % len(known)] if known else ""
        generation = order(root)[0] if root else start - 1
        count = 0 if above == "known" and root else length
        new = [f"{generation + place}-{letter}{next(self.count)}" for place in range(count, 0, -1)]
        chain = [*new, *model.history(root, model.descent)]
        body = {"n": next(self.count)}
        digests = [rev.partition("-")[2] for rev in chain]
        sent = {**body, "_id": uid, "_revisions": {"start": order(chain[0])[0], "ids": digests}}
        if deleted:
            sent["_deleted"] = True
        if not new:
            return sent, chain[0], chain[0], None
        if not model.takes(root, deleted, pushed=True):
            return sent, None, None, CONFLICT
        model.add(chain, deleted, body)
        model.prune(self.limit)
        return sent, chain[0], model.current, None

    @rule(uid=st.sampled_from(UIDS), pushed=PUSHED)
    def push(self, uid, pushed):
        sent, rev, _, error = self.pushed(uid, **pushed)
        status, answer = ADMIN.put(f"/{uid}", sent, new_edits="false")
        if error:
            assert (status, answer["reason"]) == error
        else:
            assert (status, answer["rev"]) == (201, rev)
            self.models[uid].cvs += [answer["cv"]] if "cv" in answer else []
        self.read(uid)

    @rule(pushes=st.lists(st.tuples(st.sampled_from(UIDS), PUSHED), min_size=2, max_size=6))
    def push_many(self, pushes):
        expected = [(uid, *self.pushed(uid, **pushed)) for uid, pushed in pushes]
        self.send(expected, {"new_edits": False})

    @rule(uid=st.sampled_from(UIDS), pushed=PUSHED)
    def branch(self, uid, pushed):
        """Delete it, begin another branch, and maybe end that: either may win then."""
        ending = {"start": "current", "which": 0, "deleted": True}
        self.put(uid, ending)
        self.push(uid, {**pushed, "above": "nothing", "deleted": False})
        if pushed["deleted"]:
            self.put(uid, ending)

    @rule(uid=st.sampled_from(UIDS))
    def write_as_the_first_version(self, uid):
        """Its documents had one branch: a list of revisions, which says of none that it is a
        tombstone, and a list of channels."""
        model = self.models[uid]
        if len(model.leaves) == 1:
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE cbtools_documents SET history = %s, channels = '[]' WHERE uid = %s",
                    [json.dumps(model.history(model.current)), uid],
                )
            model.tombstones &= {model.current}

    # -------------------------------------------------------------- reading

    def read(self, uid):
        model = self.models[uid]
        status, answer = ADMIN.get(f"/{uid}", revs="true")
        if model.is_deleted or not model.parents:
            assert (status, answer["reason"]) == (404, "deleted" if model.parents else "missing")
        else:
            assert (answer["_rev"], answer["n"]) == (
                model.current, model.bodies[model.current]["n"]
            )  # fmt: skip
            self.check_history(model, answer)
            assert answer["_cv"] == model.cvs[-1]
        unknown = ["1-x", "4-x", "200-x"]
        _, rows = ADMIN.ask(
            "POST", "/_revs_diff", {uid: [*model.parents, *model.forgotten, *unknown]}
        )
        missing, possible = model.difference([*model.parents, *model.forgotten, *unknown])
        assert rows[uid]["missing"] == missing
        assert set(rows[uid].get("possible_ancestors", [])) == possible
        _, rows = ADMIN.ask("POST", "/_revs_diff", {uid: unknown})
        assert set(rows[uid].get("possible_ancestors", [])) == model.difference(unknown)[1]
        if model.parents:
            self.read_leaves(uid)
            self.read_tree(uid)

    def read_leaves(self, uid):
        model = self.models[uid]
        query = {"open_revs": "all", "revs": "true"}
        ADMIN.headers["accept"] = "application/json"
        try:
            _, rows = ADMIN.get(f"/{uid}", **query)
        finally:
            del ADMIN.headers["accept"]
        assert [row["ok"]["_rev"] for row in rows] == model.leaves
        for row in rows:
            rev = row["ok"]["_rev"]
            assert row["ok"].get("_deleted", False) is (rev in model.tombstones)
            assert row["ok"].get("n") == model.bodies[rev].get("n")
            self.check_history(model, row["ok"])

    def check_history(self, model, answer):
        history = model.history(answer["_rev"])
        assert answer["_revisions"] == {
            "start": order(history[0])[0],
            "ids": [rev.partition("-")[2] for rev in history],
        }

    def read_tree(self, uid):
        """All of the tree."""
        model = self.models[uid]
        _, answer = ADMIN.get(f"/_raw/{uid}")
        sync = answer["_xattrs"]["_sync"]
        revs, parents = sync["history"]["revs"], sync["history"]["parents"]
        assert {
            rev: "" if place < 0 else revs[place] for rev, place in zip(revs, parents, strict=True)
        } == model.parents
        tombstones = {revs[place] for place in sync["history"].get("deleted", [])}
        assert tombstones == model.tombstones & model.parents.keys()
        assert sync.get("flags", 0) == (
            1 * model.is_deleted + 4 * (model.newest != model.current)
            + 16 * (len(model.leaves) > 1)
        )  # fmt: skip
        assert sync.get("new_rev", model.current) == model.newest

    def read_all(self, uid):
        """Every revision of which anything was ever said."""
        model = self.models[uid]
        for rev in [*model.parents, *model.forgotten]:
            status, answer = ADMIN.get(f"/{uid}", rev=rev)
            if rev in model.bodies and rev in model.parents:
                assert (status, answer["_rev"]) == (200, rev)
                assert answer.get("n") == model.bodies[rev].get("n")
            else:
                assert (status, answer["reason"]) == (404, "missing")


@pytest.mark.torture
def test_trees_are_as_the_model_says():
    many = os.environ.get("TORTURE") == "1"
    run_state_machine_as_test(
        Revisions,
        settings=settings(
            max_examples=1000 if many else 30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


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


# ---------------------------------------------------- what an edit starts from


def saved(uid, **body):
    status, answer = ADMIN.put(f"/{uid}", body)
    assert status == 201
    return answer


def test_a_version_says_more_than_a_revision():
    create_database()
    one = saved("doc", n=1)
    two = saved("doc", n=2, _rev=one["rev"])
    # As a parameter ...
    status, answer = ADMIN.put("/doc", {"_rev": one["rev"], "n": 3}, rev=two["cv"])
    assert (status, answer["rev"][:2]) == (201, "3-")
    # ... and in the body beside it.
    status, refused = ADMIN.put("/doc", {"_cv": two["cv"], "n": 4}, rev=answer["rev"])
    assert (status, refused["reason"]) == CONFLICT
    status, refused = ADMIN.put("/doc", {"_cv": one["cv"], "n": 4}, rev=answer["cv"])
    assert (status, refused["reason"]) == (400, "CVs provided do not match")
    assert ADMIN.put("/doc", {"_cv": answer["cv"], "n": 4}, rev=answer["cv"])[0] == 201


@pytest.mark.parametrize(("body", "query", "expected"), [
    ({"_rev": 5}, {}, (400, 'Invalid version type for OCC value: ""')),
    ({"_cv": 5}, {}, (400, 'Invalid version type for OCC value: ""')),
    ({"_cv": None, "_rev": "1-a"}, {}, (400, 'Invalid version type for OCC value: ""')),
    ({"_rev": 5}, {"rev": "1-a"}, (400, "Revision IDs provided do not match")),
    ({"_rev": "1-b"}, {"rev": "1-a"}, (400, "Revision IDs provided do not match")),
    ({"_cv": 5}, {"rev": "1-a"}, CONFLICT),
    ({"_rev": None, "_cv": None}, {"rev": "1-a"}, CONFLICT),
    ({"_cv": 5}, {"rev": "1@a"}, (400, "CVs provided do not match")),
    ({"_rev": "x"}, {"rev": "1@a"}, (400, "Invalid revision ID")),
    ({"_rev": "", "_cv": ""}, {}, (409, "Document exists")),
    ({"_rev": "0-a"}, {}, (400, "Invalid revision ID")),
    ({"_rev": "\u0661-a"}, {}, (400, "Invalid revision ID")),
    ({}, {"rev": "a b"}, (400, 'Bad rev query parameter: "a b" - ensure this query parameter value '
                               "is URL Encoded")),
])  # fmt: skip
def test_starts_that_are_refused(body, query, expected):
    create_database()
    saved("doc", n=1)
    status, answer = ADMIN.put("/doc", body, **query)
    assert (status, answer["reason"]) == expected


def test_what_is_no_string_says_nothing_in_a_batch():
    create_database()
    saved("doc", n=1)
    docs = [{"_id": "doc", "_rev": 5}, {"_id": "new", "_rev": 5, "_cv": {}}]
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})
    assert (rows[0]["status"], rows[0]["reason"]) == (409, "Document exists")
    assert rows[1]["rev"].startswith("1-")


@pytest.mark.parametrize("start", [{"_rev": "1-a"}, {"_cv": "1@a"}, {"_rev": 5}, {"_cv": ""}])
def test_a_new_document_starts_from_nothing(start):
    create_database()
    for body in ({"_id": "doc", **start}, start):
        status, answer = ADMIN.ask("POST", "/", body)
        assert (status, answer["reason"]) == (404, "No previous revision to replace")
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": [start]})
    assert rows == [
        {"error": "not_found", "reason": "No previous revision to replace", "status": 404}
    ]
    assert ADMIN.ask("POST", "/", {"_id": "doc", "_rev": None, "_cv": None})[0] == 200


# -------------------------------------------------------------- what a body holds


RESERVED = {
    "_sync": (400, "document-top level property '_sync' is a reserved internal property"),
    "_removed": (404, "Document revision is not accessible"),
    "_purged": (400, "user defined top-level property '_purged' is not allowed in document body"),
    "_sync_x": (400, "user defined top-level properties that start with '_sync_' are not allowed "
                     "in document body"),
}  # fmt: skip


@pytest.mark.parametrize("name", RESERVED)
def test_reserved_properties_are_refused_by_every_write(name):
    create_database()
    body = {name: True, "n": 1}
    pushed = {**body, "_revisions": {"start": 1, "ids": ["a"]}}
    for status, answer in (
        ADMIN.put("/doc", body), ADMIN.put("/doc", pushed, new_edits="false"),
        ADMIN.put("/doc", {**body, "_deleted": True}),
        ADMIN.ask("POST", "/", {"_id": "doc", **body}),
    ):  # fmt: skip
        assert (status, answer["reason"]) == RESERVED[name]
    for options, doc in (({}, body), ({"new_edits": False}, pushed)):
        docs = [{"_id": "doc", **doc}]
        _, (row,) = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, **options})
        assert (row["status"], row["reason"]) == RESERVED[name]
    assert ADMIN.get("/doc")[0] == 404
    # Deeper down it is anybody's.
    assert ADMIN.put("/doc", {"own": body})[0] == 201


def test_a_conflict_comes_before_most_of_them():
    create_database()
    saved("doc", n=1)
    refused = {name: ADMIN.put("/doc", {name: 1})[1]["reason"] for name in RESERVED}
    assert refused == {**dict.fromkeys(RESERVED, "Document exists"), "_sync": RESERVED["_sync"][1]}
    _, first, *_ = (RESERVED[name][1] for name in RESERVED)
    assert ADMIN.put("/new", {"_sync_x": 1, "_purged": 1, "_removed": 1})[1]["reason"] == first


def test_the_size_is_limited():
    create_database()
    most = 20 * 1024 * 1024 - len('{"pad":""}')
    assert ADMIN.put("/most", {"pad": "x" * most})[0] == 201
    for pad in ("x" * (most + 1), "\u00e9" * (most // 2 + 1)):
        status, answer = ADMIN.put("/more", {"pad": pad})
        assert (status, answer) == (
            413, {"error": "Request Entity Too Large", "reason": "Document too large!"}
        )  # fmt: skip
        docs = [{"_id": "more", "pad": pad}, {"_id": "other"}]
        _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs})
        assert (rows[0]["status"], rows[0]["reason"]) == (413, "Document too large!")
        assert "cv" in rows[1] or rows[1]["status"] == 409
    assert ADMIN.get("/more")[0] == 404


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
