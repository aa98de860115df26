"""The command ``create_cb_views``, which deploys the views in couchbase_views folders."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from urllib.parse import quote

from django.core.management.base import CommandError, CommandParser
from django.template.defaultfilters import pluralize
from tqdm import tqdm

from django_cbtools import cluster, conf
from django_cbtools.exceptions import SyncGatewayException, SyncGatewayNotFound
from django_cbtools.management.base import DocumentsCommand, counted
from django_cbtools.sync_gateway.calls.client import ADMIN, loads, request
from django_cbtools.view_files import ViewFileError, design_documents, views_of
from django_cbtools.view_shapes import Unreadable, read_view


class Command(DocumentsCommand):
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
        if conf.uses_sqlpp_views():
            self._by_sqlpp(designs, quiet or not options)
            return
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
            documents = counted(len(designs), "design document")
            verb = pluralize(count, "is,are")
            self.stdout.write(f"{counted(count, 'view')} in {documents} {verb} deployed.")

    def _by_sqlpp(self, designs: dict[str, Any], quiet: bool) -> None:
        """Check whether SQL++ can answer the views. Nothing is deployed."""
        wrong = []
        for design, name, functions in views_of(designs):
            try:
                read_view(functions)
            except Unreadable as error:
                wrong.append(f"{design}/{name}, {error}")
        if wrong:
            raise CommandError(
                f"COUCHBASE_VIEWS is {conf.SQLPP!r}, and SQL++ cannot answer these views:\n"
                + "\n".join(wrong)
            )
        if not quiet:
            count = sum(len(design["views"]) for design in designs.values())
            self.stdout.write(f"SQL++ answers {counted(count, 'view')}: nothing is deployed.")


def _deploy(name: str, design: dict[str, Any]) -> None:
    """Deploy a design document to the cluster if the settings name one, else through the gateway.
    Unchanged views are not indexed again."""
    if conf.uses_cluster():
        cluster.deploy(name, design["views"])
        return
    path = ("_design", quote(name, safe=""))
    before = _design(path)
    request(ADMIN, "PUT", *path, body=design)
    try:
        for view in design["views"]:
            _check(path, view)
    except SyncGatewayException:
        if before is None:
            request(ADMIN, "DELETE", *path)
        else:
            request(ADMIN, "PUT", *path, body=before)
        raise


def _design(path: tuple[str, str]) -> dict[str, Any] | None:
    """Return the deployed design document, or None."""
    try:
        found = loads(request(ADMIN, "GET", *path))
    except SyncGatewayNotFound:
        return None
    return {"views": found.get("views") or {}}


def _check(path: tuple[str, str], view: str) -> None:
    """Query a view without building its index. A gateway accepts functions that do not compile, and
    reports that only here."""
    query = {"stale": "ok", "limit": "1", "key": '""'}
    with suppress(SyncGatewayNotFound):  # the cluster does not know the view yet
        request(ADMIN, "GET", *path, "_view", quote(view, safe=""), query=query)
