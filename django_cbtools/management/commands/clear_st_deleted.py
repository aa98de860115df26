"""Delete for real what was deleted softly long ago."""

from __future__ import annotations

import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from django_cbtools.exceptions import SyncGatewayConflict, SyncGatewayException
from django_cbtools.query import STALE_UPDATE_BEFORE, Query, query_view
from django_cbtools.sync_gateway import SyncGateway

DAYS = 30
_BATCH = 500


class Command(BaseCommand):
    help = (
        f"Deletes documents that were deleted softly more than {DAYS} days ago. Needs the view "
        "deleted_documents (manage.py create_cb_views)."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days", type=int, default=DAYS, help=f"How long they are kept (default: {DAYS})."
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
        query = Query(endkey=before, inclusive_end=False, stale=STALE_UPDATE_BEFORE)
        uids = list(dict.fromkeys(query_view("deleted_documents", None, query)))
        if dry_run:
            self.stdout.write("\n".join(uids))
            return
        deleted = 0
        with tqdm(total=len(uids), desc="Documents", disable=not verbosity or None) as bar:
            for start in range(0, len(uids), _BATCH):
                rows = SyncGateway.all_docs(uids[start : start + _BATCH])["rows"]
                for row in rows:
                    deleted += self._delete(row, before)
                bar.update(len(rows))
        if verbosity and options:
            self.stdout.write(f"{deleted} documents are deleted.")

    def _delete(self, row: dict[str, Any], before: str) -> bool:
        """Delete a document, unless it has been brought back, or changed, in the meantime."""
        document = row.get("doc")
        if not document or not document.get("st_deleted"):
            return False
        if str(document.get("updated") or "")[:10] >= before:
            return False
        try:
            SyncGateway.delete_document(row["id"], row["value"]["rev"])
        except SyncGatewayConflict:
            return False
        return True
