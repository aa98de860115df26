"""Two phones, each on one side, and Django edit the same documents while the sides replicate."""

from __future__ import annotations

import json
import random

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE
from tests.gateway.blip.client import Client

from .sides import PASSWORD

ROUNDS = 20 if TORTURE else 4
UIDS = [f"d{n}" for n in range(8)]


def _phone(pair, side):
    name = f"phone-{side.name}"
    user = {"password": PASSWORD, "admin_channels": ["a"]}
    side.ask("PUT", f"/_user/{name}", user, status=201)
    return Client(pair.url, side.name, (name, PASSWORD))


def _edit(side, client, uid, text, edits):
    """Write over the current revision, as a phone that has it: the new revision."""
    rows = side.ask("GET", "/_all_docs", keys=json.dumps([uid]), include_docs="true")["rows"]
    before = rows[0].get("doc", {})
    body = {"channels": ["a"], "texts": [*before.get("texts", ()), text]}
    parent = before.get("_rev", "")
    if client is None:  # Django
        saved = SyncGateway.save_json(uid, {**body, **({"_rev": parent} if parent else {})})
        rev = saved.json()["rev"]
    else:
        rev = f"{int(parent.partition('-')[0] or 0) + 1}-{len(edits):032x}"
        assert not client.put(uid, rev, body, [parent] if parent else []).is_error
    edits[rev] = side, uid, body["texts"]
    return rev


def test_no_edit_gets_lost_and_each_conflict_is_resolved_once(pair):
    choice, edits = random.Random(3), {}
    with _phone(pair, pair.ours) as mine, _phone(pair, pair.theirs) as yours:
        for number in range(ROUNDS):
            here = {uid: choice.choice([mine, None]) for uid in choice.sample(UIDS, 4)}
            there = choice.sample(UIDS, 4)
            for uid, client in here.items():
                _edit(pair.ours, client, uid, f"here {number}", edits)
            for uid in there:
                _edit(pair.theirs, yours, uid, f"there {number}", edits)
            both = set(here).intersection(there)
            (pulled, pushed), refused = pair.replicate()
            assert (pulled.resolved, refused) == (len(both), [])
            assert (pulled.documents, pushed.documents) == (
                4,
                len({*here} - both) + _won(pair, both),
            )
            documents = pair.assert_equal()
            for uid in {*here, *there} - both:
                side = "here" if uid in here else "there"
                assert documents[uid]["texts"][-1] == f"{side} {number}"
            # One of both has won, and what the other one wrote can still be read.
            for uid in both:
                assert documents[uid]["texts"][-1] in (f"here {number}", f"there {number}")
        (pulled, pushed), refused = pair.replicate()
        assert (pulled.documents, pushed.documents, refused) == (0, 0, [])
    for rev, (side, uid, texts) in edits.items():
        assert side.get(uid, rev=rev)["texts"] == texts


def _won(pair, uids):
    """How many of our documents have won a conflict: each has a tombstone below."""
    documents = pair.theirs.documents()
    return sum(documents[uid]["texts"][-1].startswith("here") for uid in uids)
