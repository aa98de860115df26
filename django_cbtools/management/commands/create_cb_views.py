"""Deploy the views in couchbase_views folders."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from django_cbtools import cluster, conf
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.sync_gateway.client import ADMIN, request
from django_cbtools.view_files import ViewFileError, design_documents


class Command(BaseCommand):
    help = (
        "Deploys the views in the apps' couchbase_views folders (a design document for each app), "
        "and in the project's and the package's own (design document django_cbtools)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="Show what would be deployed, and deploy nothing.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            designs = design_documents()
        except ViewFileError as error:
            raise CommandError(str(error)) from error
        quiet = options.get("verbosity", 1) == 0
        if options.get("dry_run"):
            for name, design in designs.items():
                self.stdout.write(f"{name}: {', '.join(design['views'])}")
            return
        for name, design in tqdm(designs.items(), desc="Design documents", disable=quiet or None):
            try:
                _deploy(name, design)
            except SyncGatewayException as error:
                raise CommandError(f"Design document {name} was not deployed: {error}") from error
        if not quiet and options:
            count = sum(len(design["views"]) for design in designs.values())
            self.stdout.write(f"{count} views in {len(designs)} design documents are deployed.")


def _deploy(name: str, design: dict[str, Any]) -> None:
    """To the cluster where the settings name one, else through the gateway. Neither builds an
    index again for views that are the same."""
    if conf.uses_cluster():
        cluster.deploy(name, design["views"])
    else:
        request(ADMIN, "PUT", "_design", quote(name, safe=""), body=design)
