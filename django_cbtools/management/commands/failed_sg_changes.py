"""Changes whose receivers have failed: list them, replay them, forget them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.core.management.base import BaseCommand, CommandError, CommandParser

from django_cbtools.exceptions import SyncGatewayException, shown
from django_cbtools.following.delivery import Delivery
from django_cbtools.following.parked import Parked, ParkingLot, TooManyFailures
from django_cbtools.following.sources import followed


class Command(BaseCommand):
    help = (
        "Lists the documents whose changes follow_sg_changes could not hand on: a receiver of "
        "cb_changed or cb_removed has raised again and again."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("uids", nargs="*", metavar="UID", help="Only these (default: all).")
        parser.add_argument(
            "--name", default="default", help="The follower's (default: %(default)s)."
        )
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            "--replay", action="store_true",
            help="Call the receivers that have failed, with the documents as they are now.",
        )  # fmt: skip
        action.add_argument("--forget", action="store_true", help="Take them off the list.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            failed = self._work(**options)
        except (SyncGatewayException, ImproperlyConfigured, TooManyFailures) as error:
            raise CommandError(str(error)) from error
        if failed:
            raise CommandError(f"{failed} of them have failed again.")

    def _work(
        self,
        name: str,
        uids: list[str],
        replay: bool,
        forget: bool,
        **options: Any,
    ) -> int:
        """List the changes, replay, or forget them; how many have failed again."""
        keyspaces = followed()
        deliveries = {each: Delivery(keyspace=each) for each in keyspaces} if replay else {}
        chosen = [
            (lot, each)
            for lot in [ParkingLot(name, keyspace) for keyspace in keyspaces]
            for each in lot.all()
            if not uids or each.change.uid in uids
        ]
        failed = 0
        for lot, parked in chosen:
            if replay:
                failures = lot.replay(parked, deliveries[lot.keyspace])
                failed += bool(failures)
                outcome = "; ".join(f"{type(e).__name__}: {e}" for _, e in failures) or "handled"
                self.stdout.write(f"{shown(parked.change.uid)}: {outcome}")
            elif forget:
                lot.forget(parked)
            else:
                self._list(parked)
        if options["verbosity"] and not replay:
            told = "were forgotten" if forget else "have failed"
            self.stdout.write(f"{len(chosen)} documents {told}.")
        return failed

    def _list(self, parked: Parked) -> None:
        change = parked.change
        what = "deleted" if change.deleted else "out of sight" if change.is_lost else change.rev
        self.stdout.write(
            f"{shown(change.uid)} ({what}), sequence {change.seq}: failed {parked.times} times, "
            f"last at {parked.last}"
        )
        for name, error in parked.receivers.items():
            self.stdout.write(f"  {name or '(all receivers)'}: {shown(error)}")
