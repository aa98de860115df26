"""The command ``deploy_sync_function``, which deploys the project's sync functions."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.function_files import FunctionFileError, files, read
from django_cbtools.function_trial import try_out
from django_cbtools.management.base import DocumentsCommand
from django_cbtools.management.resyncing import resync
from django_cbtools.sync_gateway import SyncGateway


class Command(DocumentsCommand):
    help = (
        "Deploys sync_function.js beside manage.py, and sync_functions/<scope>.<collection>.js, to "
        "the gateway's database. A function that does not compile or does not end is not deployed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="show the differences")
        parser.add_argument(
            "--resync",
            action="store_true",
            help="run the functions on all documents; the database is offline meanwhile",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            changed = self._deploy(options)
            if options.get("dry_run"):
                return
            if options.get("resync"):
                self.tell(resync(), options)
            elif changed:
                self.tell(
                    "Documents stay in their channels until they are written. To put all of them "
                    "into their new ones now: manage.py deploy_sync_function --resync",
                    options,
                )
        except FunctionFileError as error:
            raise CommandError(str(error)) from error

    def _deploy(self, options: Mapping[str, Any]) -> bool:
        found = files()
        if not found:
            raise FunctionFileError("There is no sync_function.js beside manage.py.")
        sources = {keyspace: read(path) for keyspace, path in found.items()}
        changed = False
        for keyspace, path in found.items():
            try:
                deployed = SyncGateway.get_sync_function(keyspace)
                if deployed.strip() == sources[keyspace]:
                    self.tell(f"{path.name}: up to date.", options)
                    continue
                changed = True
                for warning in try_out(path, sources[keyspace]):
                    self.stderr.write(self.style.WARNING(warning))
                if options.get("dry_run"):
                    self._show(path.name, deployed, sources[keyspace])
                    continue
                SyncGateway.put_sync_function(sources[keyspace], keyspace)
            except SyncGatewayException as error:
                raise CommandError(
                    f"{path}: not deployed, the database is as it was. {error.reason or error}"
                ) from error
            self.tell(f"{path.name}: deployed.", options)
        return changed

    def _show(self, name: str, deployed: str, source: str) -> None:
        lines = difflib.unified_diff(
            deployed.strip().splitlines(),
            source.splitlines(),
            f"deployed {name}" if deployed else "the gateway's own function",
            name,
            lineterm="",
        )
        self.stdout.write("\n".join(lines))
