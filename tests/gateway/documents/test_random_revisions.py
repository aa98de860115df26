"""The tree of a document's revisions, written at random and compared with a model of the rules."""

from __future__ import annotations

import hashlib
import itertools
import json
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from tests.counts import TORTURE
from tests.gateway.access.client import ADMIN, create_database
from tests.gateway.documents.revisions import CONFLICT, order

pytestmark = pytest.mark.django_db
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
    many = TORTURE
    run_state_machine_as_test(
        Revisions,
        settings=settings(
            max_examples=1000 if many else 15,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
