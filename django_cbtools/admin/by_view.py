"""Documents in the admin without an ORM: listed by a Couchbase view, and loaded by uid."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from django.db import NotSupportedError
from django.db.models import Q

from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayBulkError,
    SyncGatewayException,
    shown,
)
from django_cbtools.query import STALE_UPDATE_BEFORE, Query, load_objects, view_rows
from django_cbtools.sync_gateway.documents.documents import bad_document

#: A view of documents by type, by soft deletion, and by the time of the last change.
VIEW = "newest_by_type"
_STATES = {None: "all", False: "live", True: "deleted"}


class Listed:
    """A list of a class's documents in place of a QuerySet. The last change comes first.

    It can be sliced, counted, and filtered by uid and by ``st_deleted``. Raises NotSupportedError
    for any other operation, and SyncGatewayNotFound if the view is not deployed.
    """

    ordered = totally_ordered = True
    query = SimpleNamespace(select_related=True, order_by=())  # documents are loaded whole
    _result_cache: list[Any] | None = None

    def __init__(self, model: Any, deleted: bool | None = False, uids: Any = None) -> None:
        self.model, self._deleted, self._uids = model, deleted, uids
        # Django's actions take an object that is no QuerySet for the options of a class.
        self.verbose_name = model._meta.verbose_name
        self.verbose_name_plural = model._meta.verbose_name_plural

    def filter(self, *conditions: Q, **lookups: Any) -> Listed:
        deleted, uids = self._deleted, self._uids
        if any(conditions):
            raise _not_supported(self.model, "conditions")
        for name, value in lookups.items():
            if name == "st_deleted":
                deleted = value
            elif name in ("pk__in", "uid__in"):
                uids = [str(uid) for uid in value]
            elif name in ("pk", "uid"):
                uids = [str(value)]
            else:
                raise _not_supported(self.model, f"{name}=")
        return Listed(self.model, deleted, uids)

    def get(self, **lookups: Any) -> Any:
        """Return the document with a uid. Raise DoesNotExist if the list does not contain it."""
        found = self.filter(**lookups)
        if found._uids is None or len(found._uids) != 1:
            raise _not_supported(self.model, "anything but its uid")
        document = self.model(found._uids[0])
        if not found._has(document):
            raise self.model.DoesNotExist(f"Document {shown(document.uid)} is deleted.")
        return document

    def all(self) -> Listed:
        return Listed(self.model, self._deleted, self._uids)

    _clone = all

    def order_by(self, *names: str) -> Listed:
        """Return the same list, since the view determines the order."""
        return self.all()

    def count(self) -> int:
        if self._uids is not None:
            return len(self)
        rows = view_rows(VIEW, self._asked(reduce=True))
        return int(rows[0].value) if rows else 0

    def exists(self) -> bool:
        return bool(self[:1])

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._all())

    def __getitem__(self, place: Any) -> Any:
        if self._uids is not None or not isinstance(place, slice) or place.step:
            return self._all()[place]
        first = place.start or 0
        limit = {} if place.stop is None else {"limit": max(0, place.stop - first)}
        rows = view_rows(VIEW, self._asked(reduce=False, descending=True, skip=first, **limit))
        return load_objects([row.id for row in rows], self.model)

    def delete(self) -> None:
        """Delete the documents softly. Raise SyncGatewayBulkError if some are refused."""
        self._each(lambda document: document.delete())

    def undelete(self) -> None:
        """Undo soft deletions. Raise SyncGatewayBulkError if some are refused."""
        self._each(lambda document: document.undelete())

    def _each(self, change: Callable[[Any], Any]) -> None:
        refused: dict[str, SyncGatewayException] = {}
        for document in self:
            try:
                change(document)
            except SyncGatewayException as error:
                refused[document.uid] = error
            except CouchbaseModelError as error:
                refused[document.uid] = bad_document(document.uid, error)
        if refused:
            raise SyncGatewayBulkError(refused, len(self) - len(refused))

    def _all(self) -> list[Any]:
        if self._result_cache is None:
            self._result_cache = self[:] if self._uids is None else self._by_key()
        return self._result_cache

    def _by_key(self) -> list[Any]:
        return list(filter(self._has, load_objects(self._uids, self.model)))

    def _has(self, document: Any) -> bool:
        """Return whether the list contains the document, by its ``st_deleted``."""
        return self._deleted in (None, document.st_deleted is True)

    def _asked(self, **options: Any) -> Query:
        """Return a query of the documents' rows. It waits for the index, so that a list shows the
        user's own change."""
        first = [self.model.type_name(), _STATES[self._deleted]]
        last = [*first, {}]
        ends = (last, first) if options.get("descending") else (first, last)
        return Query(startkey=ends[0], endkey=ends[1], stale=STALE_UPDATE_BEFORE, **options)


def _not_supported(model: Any, what: str) -> NotSupportedError:
    return NotSupportedError(
        f"{model._meta.label} cannot be queried by {what}: there is no ORM for documents. See "
        "docs/couchbase-server.rst."
    )
