"""Phones and Django edit the same documents; phones vanish at any time, and go on later."""

from __future__ import annotations

import json
import random

import pytest
from websockets.exceptions import ConnectionClosed

from django_cbtools.embedded.blip.messages import Message
from tests.counts import TORTURE
from tests.gateway.feed.client import allow, ask, put

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 60 if TORTURE else 6
UIDS = ["a", "b", "c", "d"]


class Phone:
    """A phone's documents, by id: the revision, its history, and the values that were added.

    ``unsent`` are the documents that it has changed since it last pushed. ``meanwhile`` is called
    while it pushes.
    """

    def __init__(self, connect, name, choice, meanwhile):
        self.connect, self.name, self.choice = connect, name, choice
        self.meanwhile, self.vanishes = meanwhile, True
        self.docs, self.unsent, self.since = {}, set(), "0"
        self.count = self.conflicts = 0

    def edit(self, uid):
        """Add a value to a document. Values are never taken away, so none may get lost."""
        self.count += 1
        revs, values = self.docs.get(uid, ([], []))
        if uid not in self.unsent:
            rev = f"{len(revs) + 1}-{self.name}{self.count}"
            revs = [rev, *revs]
        else:
            revs = [f"{len(revs)}-{self.name}{self.count}", *revs[1:]]
        self.docs[uid] = revs, [*values, f"{self.name}{self.count}"]
        self.unsent.add(uid)

    def sync(self):
        """Pull and push, unless the phone vanishes on the way."""
        client = self.connect()
        left = self.choice.choice([None, None, self.choice.randrange(1, 12)])
        left = left if self.vanishes else None
        take = client.take

        def taking(*args):
            nonlocal left
            if left is not None:
                left -= 1
                if left < 0:
                    client.socket.socket.close()
                    raise ConnectionError
            take(*args)

        client.take = taking
        try:
            self._pull(client)
            self._push(client)
        except (ConnectionError, ConnectionClosed):
            pass

    def _pull(self, client):
        def wanted(message):
            rows = json.loads(message.body) or []
            known = [0 if self._has(row[1], row[2]) else [] for row in rows]
            return Message({"maxHistory": "50"}, json.dumps(known).encode())

        client.on["changes"], client.on["rev"] = wanted, self._take
        client.ask("subChanges", since=self.since)
        client.until(lambda: any(m.body == b"null" for m in client.of("changes")))
        offered = [row for m in client.of("changes") for row in json.loads(m.body) or []]
        client.until(lambda: all(self._has(row[1], row[2]) for row in offered))
        if offered:
            self.since = json.dumps(offered[-1][0])

    def _has(self, uid, rev):
        return rev in self.docs.get(uid, ([], []))[0]

    def _take(self, message):
        """Take a revision; a change of our own that is not sent yet is put on top of it."""
        uid, properties = message.properties["id"], message.properties
        revs = [properties["rev"], *filter(None, properties.get("history", "").split(","))]
        values = json.loads(message.body)["values"]
        if uid in self.unsent:
            self.conflicts += 1
            self.count += 1
            mine = [value for value in self.docs[uid][1] if value not in values]
            self.docs[uid] = [f"{len(revs) + 1}-{self.name}{self.count}", *revs], values + mine
        else:
            self.docs[uid] = revs, values
        return Message()

    def _push(self, client):
        uids = sorted(self.unsent)
        changes = [[uid, self.docs[uid][0][0], *self.docs[uid][0][1:2]] for uid in uids]
        statuses = json.loads(client.ask("proposeChanges", changes).body) if uids else []
        self.meanwhile()
        for place, uid in enumerate(uids):
            status = statuses[place] if place < len(statuses) else 0
            revs, values = self.docs[uid]
            if status == 0:
                body = {"channels": ["a"], "values": values}
                if client.put(uid, revs[0], body, revs[1:]).is_error:
                    continue
            if status in (0, 304):
                self.unsent.discard(uid)


@pytest.mark.parametrize("seed", range(3 if TORTURE else 1))
def test_no_edit_gets_lost(phone, seed):
    choice = random.Random(seed)
    allow("a")
    written = {uid: set() for uid in UIDS}

    def edit():
        """Add a value to a document, as Django does: at any time, also while phones push."""
        uid = choice.choice(UIDS)
        rows = ask("GET", "/_all_docs", keys=json.dumps([uid]), include_docs="true")["rows"]
        document = rows[0].get("doc", {"values": []})
        mine = f"django{sum(map(len, written.values()))}"
        body = {"channels": ["a"], "values": [*document["values"], mine]}
        put(uid, body, **({"rev": document["_rev"]} if "_rev" in document else {}))
        written[uid].add(mine)

    phones = [Phone(phone, name, choice, edit) for name in ("x", "y", "z")]
    for _ in range(ROUNDS):
        for one in phones:
            for uid in choice.sample(UIDS, 2):
                one.edit(uid)
                written[uid].add(one.docs[uid][1][-1])
            one.sync()
    for one in phones:
        one.vanishes, one.meanwhile = False, lambda: None
    while any(one.unsent for one in phones):
        for one in phones:
            one.sync()
    for one in phones:
        one.sync()
    for uid in UIDS:
        document = ask("GET", f"/{uid}")
        assert sorted(document["values"]) == sorted(written[uid])
        assert {one.docs[uid][0][0] for one in phones} == {document["_rev"]}
    assert sum(one.conflicts for one in phones)
