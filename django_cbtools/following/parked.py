"""Changes whose receivers have failed repeatedly. They are stored until they are replayed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from django.utils import timezone

from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.sync_gateway.feed.change import Change

from .database import number
from .delivery import Delivery, Failure, as_it_is_now, made_by_us
from .notes import Note

#: The largest number of parked documents. More of them mean that something is wrong with all.
MOST = 1000
_MOST_TEXT = 500
_ATTEMPTS = 20


class TooManyFailures(Exception):
    """There is no room for another failed change. The message tells what to do."""


class Parked(NamedTuple):
    """A failed change, with its receivers, their errors, and the number of attempts."""

    change: Change
    by_us: bool
    receivers: dict[str, str]
    times: int
    last: str


class ParkingLot:
    """The failed changes of a follower in a keyspace, by uid."""

    def __init__(self, name: str, keyspace: str | None = None) -> None:
        self.name, self.keyspace = name, keyspace
        self._note = Note("failed", name, keyspace)

    def all(self) -> list[Parked]:
        """Return the parked changes, in the order of the feed."""
        found = [_parked(uid, entry) for uid, entry in self._entries().items()]
        return sorted(found, key=lambda parked: number(parked.change.seq))

    def add(self, change: Change, by_us: bool, failures: Sequence[Failure]) -> int:
        """Park a change, and return the number of parked changes. Raise TooManyFailures if there is
        no room."""

        def change_entries(entries: dict[str, Any]) -> None:
            former = entries.get(change.uid, {})
            if not former and len(entries) >= MOST:
                raise TooManyFailures(
                    f"{MOST} documents have failed, and no more can be kept. Look at `manage.py "
                    f"failed_sg_changes --name {self.name}`, mend what is wrong, and replay them "
                    "with --replay. Nothing is lost: the feed goes on from here."
                )
            receivers = {
                **former.get("receivers", {}),
                **{name[:_MOST_TEXT]: _told(error) for name, error in failures},
            }
            entries[change.uid] = {
                "rev": change.rev,
                "seq": change.seq,
                "deleted": change.deleted,
                "lost": change.is_lost,
                "by_us": by_us,
                "receivers": receivers,
                "times": former.get("times", 0) + 1,
                "last": timezone.now().isoformat(timespec="seconds"),
            }

        return self._update(change_entries)

    def forget(self, parked: Parked) -> None:
        """Remove a change, unless it has failed again since it was read."""

        def change_entries(entries: dict[str, Any]) -> None:
            if entries.get(parked.change.uid, {}).get("seq") == parked.change.seq:
                del entries[parked.change.uid]

        self._update(change_entries)

    def replay(self, parked: Parked, delivery: Delivery) -> list[Failure]:
        """Call the receivers that have failed with the document as it is now, and return the
        failures. Without failures, the change is removed."""
        change = as_it_is_now(parked.change, self.keyspace)
        failures: list[Failure] = []
        if change is not None:
            same = change.rev == parked.change.rev
            by_us = parked.by_us if same else bool(made_by_us([change], self.keyspace))
            failures = delivery.hand_on(change, by_us, parked.receivers.keys())
            if failures:
                self.forget(parked)
                self.add(change, by_us, failures)
                return failures
        self.forget(parked)
        return failures

    def _entries(self) -> dict[str, Any]:
        entries = (self._note.read() or {}).get("documents")
        return entries if isinstance(entries, dict) else {}

    def _update(self, change_entries: Callable[[dict[str, Any]], None]) -> int:
        for attempt in range(_ATTEMPTS):
            entries = self._entries()
            change_entries(entries)
            try:
                self._note.write({"name": self.name, "documents": entries})
                break
            except SyncGatewayConflict:  # somebody replays meanwhile
                if attempt == _ATTEMPTS - 1:
                    raise
        return len(entries)


def _parked(uid: str, entry: dict[str, Any]) -> Parked:
    rev = entry.get("rev") or ""
    change = Change(
        str(entry.get("seq")), uid, (rev,) if rev else (), bool(entry.get("deleted")), (),
        bool(entry.get("lost")),
    )  # fmt: skip
    return Parked(
        change,
        bool(entry.get("by_us")),
        dict(entry.get("receivers") or {}),
        int(entry.get("times") or 1),
        str(entry.get("last")),
    )


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_MOST_TEXT]
