"""The command ``sg_database_state``, which shows and changes the state of the gateway's
database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.management import resyncing
from django_cbtools.management.base import DocumentsCommand
from django_cbtools.sync_gateway import SyncGateway


class Command(DocumentsCommand):
    help = (
        "Shows the state of the gateway's database and of its last resync; takes it offline, "
        "brings it online, runs the sync functions over all documents."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        action = parser.add_mutually_exclusive_group()
        action.add_argument(
            "--offline", action="store_true", help="Take it offline: clients cannot read or write."
        )
        action.add_argument("--online", action="store_true", help="Bring it online again.")
        action.add_argument(
            "--resync", nargs="*", metavar="SCOPE.COLLECTION",
            help="Take it offline, run the sync functions over all documents (or those of these "
            "collections), and bring it online.",
        )  # fmt: skip
        action.add_argument(
            "--stop-resync", action="store_true", help="Stop the resync that is running."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._work(**options)
        except SyncGatewayException as error:
            name = conf.get("SYNC_GATEWAY_BUCKET")
            raise CommandError(f"Database {name!r}: {error}") from error

    def _work(
        self,
        offline: bool = False,
        online: bool = False,
        resync: list[str] | None = None,
        stop_resync: bool = False,
        **options: Any,
    ) -> None:
        if offline:
            SyncGateway.take_offline()
        elif online:
            SyncGateway.bring_online()
        elif stop_resync:
            SyncGateway.stop_resync()
        elif resync is not None:
            self.stdout.write(resyncing.resync(resync or None))
            return
        self.stdout.write(
            f"Database {conf.get('SYNC_GATEWAY_BUCKET')!r}: {SyncGateway.database_state()}."
        )
        state = SyncGateway.get_resync()
        if state.get("status") == "error":
            self.stdout.write(f"The last resync failed: {state.get('last_error')}")
        elif state.get("status") != "completed" or state.get("docs_processed"):
            self.stdout.write(f"{resyncing.told(state)} ({state.get('status')})")
