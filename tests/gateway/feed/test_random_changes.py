"""The change feed, compared with a plain model after random writes."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cbtools.embedded.database import Database
from django_cbtools.embedded.feed.changes import Feed, Wish
from django_cbtools.embedded.principals import users
from tests.counts import FEW
from tests.gateway.feed.client import allow, ask, delete, put, read

pytestmark = pytest.mark.django_db


# --------------------------------------------------------------- a plain model

UIDS = ["d0", "d1", "d2", "d3"]
CHANNELS = ["a", "b", "c"]
some_channels = st.lists(st.sampled_from(CHANNELS), unique=True)
steps = st.one_of(
    st.tuples(st.just("put"), st.sampled_from(UIDS), some_channels),
    st.tuples(st.just("put"), st.sampled_from(UIDS), some_channels),
    st.tuples(st.just("delete"), st.sampled_from(UIDS), st.none()),
    st.tuples(st.just("set_user"), st.just(["r"]) | st.just([]), some_channels),
    st.tuples(st.just("set_role"), st.none(), some_channels),
    st.tuples(st.just("read"), st.integers(1, 3), st.none()),
)


class Model:
    """What is written, and a client who follows it page by page."""

    def __init__(self):
        self.documents, self.revisions = {}, {}
        self.user, self.roles, self.role = set(), [], set()
        self.since = "0"
        self.held = {}

    def open(self):
        return self.user | (self.role if self.roles else set())

    def visible(self):
        return {
            uid: rev for uid, (rev, channels) in self.documents.items()
            if self.open().intersection(channels)
        }  # fmt: skip

    def put(self, uid, channels):
        rev = self.documents.get(uid, ("", ()))[0]
        rev = put(uid, {"channels": channels, "n": uid}, rev=rev)
        self.documents[uid] = rev, channels
        self.revisions[uid, rev] = channels

    def delete(self, uid, _):
        if uid in self.documents:
            rev, _ = self.documents.pop(uid)
            delete(uid, rev)

    def set_user(self, roles, channels):
        self.user, self.roles = set(channels), roles
        allow(*channels, admin_roles=roles)

    def set_role(self, _, channels):
        self.role = set(channels)
        ask("PUT", "/_role/r", {"admin_channels": channels})

    def read(self, limit, _):
        """Take a page; whether there was anything on it."""
        page = read("alice", since=self.since, limit=limit, include_docs="true")
        assert len(page["results"]) <= limit
        for row in page["results"]:
            self._hold(row)
        self.since = page["last_seq"]
        return page["results"]

    def _hold(self, row):
        if row["id"] == "_user/alice":
            assert row["changes"] == []
            assert "doc" not in row
            return
        (change,) = row["changes"]
        document = row.get("doc", {"_removed": True})
        if document.get("_removed") or document.get("_deleted"):
            assert "n" not in document
            self.held.pop(row["id"], None)
        else:
            assert document["_rev"] == change["rev"]
            channels = self.revisions[row["id"], change["rev"]]
            assert self.open().intersection(channels), "out of his reach"
            self.held[row["id"]] = change["rev"]


@given(st.lists(steps, max_size=25), st.integers(1, 3))
@settings(max_examples=2 * FEW, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_pages_and_feeds_agree_with_a_plain_model(sequence, limit):
    """Whatever happens between the pages, in the end the client has what the user may read, and
    so has one who follows."""
    with transaction.atomic():
        model = Model()
        model.set_user([], [])
        model.set_role(None, [])
        database = Database.open("default", "test_documents")
        feed = Feed(database, Wish())
        followed = {}

        def follow():
            upto = database.sequence
            reader = users.reader(database, users.get(database, "alice"))
            followed.update((entry.uid, entry.rev) for entry in feed.read(reader, upto))

        for step, first, second in sequence:
            getattr(model, step)(first, second)
            if step == "read":
                follow()
        while model.read(limit, None):
            pass
        follow()
        visible = model.visible()
        assert {uid: model.held.get(uid) for uid in visible} == visible
        assert {uid: followed.get(uid) for uid in visible} == visible
        transaction.set_rollback(True)
