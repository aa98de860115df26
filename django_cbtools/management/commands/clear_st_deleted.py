"""The command ``clear_st_deleted``, which deletes old softly deleted documents for real."""

from __future__ import annotations

import datetime
from itertools import chain
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from django_cbtools.exceptions import SyncGatewayConflict, SyncGatewayException
from django_cbtools.following.sources import followed
from django_cbtools.management.base import DocumentsCommand, counted
from django_cbtools.query import STALE_UPDATE_BEFORE, Query, query_view
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import batches

DAYS = 30
_BATCH = 500


class Command(DocumentsCommand):
    help = (
        f"Deletes documents that were deleted softly more than {DAYS} days ago. Needs the view "
        "deleted_documents (manage.py create_cb_views); in collections, it reads all "
        "documents instead."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=DAYS, help=f"Days to keep them (default: {DAYS})."
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="Show what would be deleted, and delete nothing."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._clear(**options)
        except SyncGatewayException as error:
            raise CommandError(str(error)) from error

    def _clear(
        self, days: int = DAYS, verbosity: int = 1, dry_run: bool = False, **options: Any
    ) -> None:
        before = (timezone.now() - datetime.timedelta(days=days)).date().isoformat()
        found = {keyspace: _old(keyspace, before) for keyspace in followed()}
        if dry_run:
            self.stdout.write("\n".join(chain.from_iterable(found.values())))
            return
        deleted, total = 0, sum(map(len, found.values()))
        with tqdm(total=total, desc="Documents", disable=not verbosity or None) as bar:
            for keyspace, uids in found.items():
                gateway = SyncGateway.in_keyspace(keyspace)
                for batch in batches(uids, _BATCH):
                    rows = gateway.all_docs(batch)["rows"]
                    for row in rows:
                        deleted += self._delete(gateway, row, before)
                    bar.update(len(rows))
        if verbosity and options:
            self.stdout.write(f"{counted(deleted, 'document', 'is,are')} deleted.")

    def _delete(self, gateway: Any, row: dict[str, Any], before: str) -> bool:
        """Delete a document, unless it has been changed or undeleted meanwhile. Return whether it
        was deleted."""
        if not _is_old(row.get("doc"), before):
            return False
        try:
            gateway.delete_document(row["id"], row["value"]["rev"])
        except SyncGatewayConflict:
            return False
        return True


def _old(keyspace: str | None, before: str) -> list[str]:
    """Return the uids of documents in a keyspace that were deleted softly before a day."""
    if keyspace is None:
        query = Query(endkey=before, inclusive_end=False, stale=STALE_UPDATE_BEFORE)
        return list(dict.fromkeys(query_view("deleted_documents", None, query)))
    # Views do not contain documents of named collections.
    feed = SyncGateway.in_keyspace(keyspace).changes(
        include_docs=True, active_only=True, request_plus=True
    )
    return [change.uid for change in feed if _is_old(change.doc, before)]


def _is_old(document: dict[str, Any] | None, before: str) -> bool:
    is_deleted = document is not None and document.get("st_deleted") is True
    return is_deleted and str((document or {}).get("updated") or "")[:10] < before
