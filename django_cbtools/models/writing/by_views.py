"""Finds documents that refer to a deleted object by views, for documents without an ORM."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from django_cbtools.query import STALE_UPDATE_BEFORE, Query, query_view
from django_cbtools.sync_gateway.documents.documents import batches
from django_cbtools.sync_gateway.facade import gateway_of

from ..document import DOC_TYPE
from ..fields import values

#: The number of keys in one URL. Each may have 250 characters.
KEYS = 20


class Found(list[Any]):
    """Documents in place of a QuerySet, as Django's deletion uses it."""

    query = SimpleNamespace(select_related=True)  # documents are loaded whole

    def select_related(self, *fields: Any) -> Found:
        return self


def has_view(field: Any) -> bool:
    """Return whether a document's relation has a view of the documents by their target."""
    return field.name in getattr(field.model, "relation_views", ())


def pointing(model: Any, fields: Iterable[Any], objs: Sequence[Any]) -> Found:
    """Return the documents of a class that point to any of the objects by the fields.

    Raises SyncGatewayNotFound if a view is not deployed.
    """
    found: dict[str, Any] = {}
    for field in fields:
        (target,) = field.foreign_related_fields
        wanted = {getattr(obj, target.attname) for obj in objs} - {None}
        keys = [values.kind(field).written(field, value) for value in wanted]
        uids: dict[str, None] = {}
        for some in batches(keys, KEYS):
            asked = Query(keys=some, stale=STALE_UPDATE_BEFORE)
            uids |= dict.fromkeys(query_view(model.relation_views[field.name], None, asked))
        for row in _rows(model, uids):
            if row["doc"].get(DOC_TYPE) == model.type_name():
                document = model.from_row(row)
                # A view may emit other keys, too.
                if getattr(document, field.attname) in wanted:
                    found.setdefault(document.uid, document)
    return Found(found.values())


def _rows(model: Any, uids: Iterable[str]) -> Iterator[Mapping[str, Any]]:
    for some in batches(uids):
        yield from (row for row in gateway_of(model).bulk_get(some) if "doc" in row)


def not_deleted(found: Found) -> Found:
    return Found(document for document in found if document.st_deleted is not True)
