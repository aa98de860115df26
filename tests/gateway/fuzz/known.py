"""What earlier answers have told, so that later requests go deep."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from random import Random
from typing import Any

#: Ids that documents, users, ... are called by.
IDS = [f"d{number}" for number in range(20)]
USERS = ["alice", "bob", "carol", "GUEST"]
ROLES = ["reader", "writer"]
CHANNELS = ["a", "b", "news", "*", "!"]
DATABASE = "test_documents"
DATABASES = [DATABASE, "second", "third"]
#: How often each place for documents is taken.
KEYSPACES = {
    DATABASE: 70, "second": 10, "second._default._default": 3, "third.own.things": 10,
    "third.own.more": 3, "third": 1,
}  # fmt: skip
PASSWORD = "password"


class Known:
    """The newest of everything; threads share it."""

    def __init__(self) -> None:
        self.revs: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=8))
        self.ids = deque(IDS, maxlen=40)
        self.cvs = deque(["18e9e840558a0000@lvIyLvNiSYPkvmH8MtMNbg"], maxlen=20)
        self.digests = deque(["sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0="], maxlen=20)
        self.sequences = deque(["0", "1"], maxlen=20)
        #: Documents that have an attachment, and its name.
        self.attached = deque([("d0", "photo")], maxlen=20)
        self.sessions = deque(["none"], maxlen=10)

    def rev(self, random: Random, uid: str) -> str:
        """A revision of a document, most often a late one; '1-a' where none is known."""
        revs = [*self.revs[uid]] or ["1-a"]
        return revs[-1] if random.random() < 0.8 else random.choice(revs)

    def uid(self, random: Random) -> str:
        """A document's id."""
        return random.choice(IDS if random.random() < 0.7 else list(self.ids))

    def forget(self, uid: str) -> None:
        """The document is not there."""
        self.revs.pop(uid, None)

    def learn(self, value: Any) -> None:
        """Take what an answer tells."""
        if isinstance(value, list):
            for item in value[-20:]:
                self.learn(item)
        elif isinstance(value, dict):
            self._learn(value)
            for key in ("rows", "results", "docs", "value", "doc", "ok", "_attachments", "changes"):
                if isinstance(value.get(key), (list, dict)):
                    self.learn(value[key])
                    if key == "_attachments":
                        self.learn(list(value[key].values()))

    def _learn(self, value: dict[str, Any]) -> None:
        uid = value.get("id", value.get("_id"))
        rev = value.get("rev", value.get("_rev"))
        if isinstance(uid, str) and isinstance(rev, str) and len(uid) < 300:
            self.revs[uid].append(rev)
            self.ids.append(uid)
            if isinstance(value.get("_attachments"), dict):
                self.attached.extend((uid, name) for name in value["_attachments"])
        for key, place in (
            ("cv", self.cvs), ("_cv", self.cvs), ("digest", self.digests),
            ("session_id", self.sessions),
        ):  # fmt: skip
            if isinstance(value.get(key), str):
                place.append(value[key])
        for key in ("seq", "last_seq", "update_seq"):
            if key in value:
                self.sequences.append(
                    value[key] if isinstance(value[key], str) else json.dumps(value[key])
                )
