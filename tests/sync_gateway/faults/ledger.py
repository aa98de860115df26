"""What has been acknowledged of each document, and whether it is what the gateway holds."""

from __future__ import annotations

import threading
from collections import defaultdict
from dataclasses import dataclass

from tests.sync_gateway.faults.rival import Rival


@dataclass(frozen=True)
class Write:
    """A write that was acknowledged: from ``base`` (None: a document that was not there) to
    ``rev`` (None: a tombstone, of which the client does not hear), by the document's ``title``
    (None: deleted)."""

    base: str | None
    rev: str | None
    title: str | None

    def has_made(self, rev: str, base: str | None) -> bool:
        """Whether it is a revision that follows on ``base``."""
        return self.rev == rev or (self.rev is None and self.base == base)


class Ledger:
    """The writes of all clients, by document."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._writes: defaultdict[str, list[Write]] = defaultdict(list)
        self._refused: defaultdict[str, list[str | None]] = defaultdict(list)

    def saved(self, uid: str, base: str | None, rev: str | None, title: str | None) -> None:
        with self._lock:
            self._writes[uid].append(Write(base, rev, title))

    def refused(self, uid: str, base: str | None) -> None:
        """A write was a conflict."""
        with self._lock:
            self._refused[uid].append(base)

    def unclaimed(self, uid: str, history: list[str]) -> list[str]:
        """The revisions of a document that nobody has been told of."""
        writes = self._writes[uid]
        return [
            rev
            for base, rev in zip([None, *history], history, strict=False)
            if not any(write.has_made(rev, base) for write in writes)
        ]

    def was_deleted(self, uid: str, base: str | None) -> bool:
        """Whether a revision has been deleted, by whomever: the tombstone is the same."""
        return any(write.base == base and write.title is None for write in self._writes[uid])

    @property
    def uids(self) -> list[str]:
        return list(self._writes | self._refused)

    @property
    def counts(self) -> tuple[int, int]:
        """How many writes there were, and how many conflicts."""
        return sum(map(len, self._writes.values())), sum(map(len, self._refused.values()))

    def story(self, uid: str) -> tuple[list[Write], list[str | None]]:
        """What is known of a document: its writes, and from which revisions others were refused."""
        return self._writes.get(uid, []), self._refused.get(uid, [])

    def check(self, uid: str, rival: Rival) -> None:
        """AssertionError unless a document has come about by these writes, each once, and nothing
        else, and each conflict was one."""
        writes, refused = self.story(uid)
        leaves = rival.leaves(uid)
        about = f"{uid}: the gateway has {leaves}, acknowledged are {writes}, refused {refused}"
        if not writes:
            assert not leaves, f"never written: {about}"
            return
        assert len(leaves) == 1, f"not one revision: {about}"
        (leaf,) = leaves
        history: list[str] = leaf["history"]
        last = None
        for base, rev in zip([None, *history], history, strict=False):
            made = [write for write in writes if write.has_made(rev, base)]
            assert made, f"{rev} was acknowledged to nobody: {about}"
            assert len(made) == 1, f"{rev} was acknowledged {len(made)} times: {about}"
            goes_on = base if last is None or last.title is not None else None
            assert made[0].base == goes_on, f"{rev} starts from {base}: {about}"
            last = made[0]
        assert len(writes) == len(history), f"a write is lost: {about}"
        assert last is not None
        assert leaf.get("title") == last.title, f"not what was written last: {about}"
        assert ("_deleted" in leaf) == (last.title is None), about
        for base in refused:
            assert base is None or base in history, f"refused for nothing: {about}"
            assert base != history[-1], f"a false conflict: {about}"
