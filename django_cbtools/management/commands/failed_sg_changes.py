"""The command ``failed_sg_changes``, which lists, replays and removes failed changes."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from django_cbtools.exceptions import shown
from django_cbtools.following.delivery import Delivery
from django_cbtools.following.parked import Parked, ParkingLot
from django_cbtools.following.sources import followed
from django_cbtools.management.failures import FailuresCommand


class Command(FailuresCommand):
    help = (
        "Lists the documents whose changes follow_sg_changes could not deliver: a receiver of "
        "cb_changed or cb_removed has failed again and again."
    )
    replay_help = "Call the failed receivers again, with the documents as they are now."

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--name", default="default", help="Name of the follower (default: %(default)s)."
        )

    def chosen(
        self, uids: list[str], name: str = "default", **options: Any
    ) -> list[tuple[ParkingLot, Parked]]:
        return [
            (lot, parked)
            for lot in [ParkingLot(name, keyspace) for keyspace in followed()]
            for parked in lot.all()
            if not uids or parked.change.uid in uids
        ]

    def replay(self, each: tuple[ParkingLot, Parked]) -> bool:
        lot, parked = each
        failures = lot.replay(parked, Delivery(keyspace=lot.keyspace))
        outcome = "; ".join(f"{type(e).__name__}: {e}" for _, e in failures) or "handled"
        self.stdout.write(f"{shown(parked.change.uid)}: {outcome}")
        return bool(failures)

    def forget(self, each: tuple[ParkingLot, Parked]) -> None:
        lot, parked = each
        lot.forget(parked)

    def show(self, each: tuple[ParkingLot, Parked]) -> None:
        _, parked = each
        change = parked.change
        what = "deleted" if change.deleted else "out of sight" if change.is_lost else change.rev
        self.stdout.write(
            f"{shown(change.uid)} ({what}), sequence {change.seq}: failed {parked.times} times, "
            f"last at {parked.last}"
        )
        for name, error in parked.receivers.items():
            self.stdout.write(f"  {name or '(all receivers)'}: {shown(error)}")
