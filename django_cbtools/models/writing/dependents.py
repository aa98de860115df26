"""Finds documents that refer to a deleted object, for Django's own deletion.

Django deletes an ordinary row, and looks for related objects in the row's database. Related
documents are queried and written in the documents' alias. If they have no ORM, the view that their
class names for the relation finds them. Without a view they cannot be found, and stay unchanged, as
with ``DO_NOTHING``. A system check reports it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import models
from django.db.models import deletion

from django_cbtools import conf

from ..unique import can_be_asked
from .alone import alone, asked_in
from .by_views import has_view, pointing
from .deletion import DocumentCollector, is_document

_candidates: Any = deletion.get_candidate_relations_to_delete
_collect = deletion.Collector.collect
_related_objects: Any = deletion.Collector.related_objects
_delete = deletion.Collector.delete
_can_fast_delete: Any = deletion.Collector.can_fast_delete


def extend() -> None:
    """Let Django's deletion query documents in their own alias."""
    deletion.get_candidate_relations_to_delete = candidates
    deletion.Collector.related_objects = related_objects  # type: ignore[method-assign]
    deletion.Collector.collect = collect  # type: ignore[method-assign]
    deletion.Collector.delete = delete  # type: ignore[method-assign]
    deletion.Collector.can_fast_delete = can_fast_delete  # type: ignore[method-assign]


def candidates(opts: Any) -> Iterator[Any]:
    """Yield the relations whose ``on_delete`` applies. Relations of documents that cannot be found
    are left out."""
    is_orm_there: bool | None = None
    for relation in _candidates(opts):
        if is_document(relation.related_model):
            if is_orm_there is None:
                is_orm_there = can_be_asked()
            if not (is_orm_there or has_view(relation.field)):
                continue
        yield relation


def related_objects(self: Any, related_model: Any, related_fields: Any, objs: Any) -> Any:
    """Return the related objects as Django's collector does. Documents are queried in their own
    alias."""
    if is_document(related_model) and not can_be_asked():
        return pointing(related_model, related_fields, objs)
    found = _related_objects(self, related_model, related_fields, objs)
    if is_document(related_model):
        return asked_in(found, conf.document_alias())
    to_documents = any(is_document(field.remote_field.model) for field in related_fields)
    return alone(found) if to_documents and self.using != conf.document_alias() else found


def collect(self: Any, objs: Any, *args: Any, **kwargs: Any) -> None:
    """Collect objects as Django's collector does. Documents that are deleted with others are
    queried in their own alias."""
    is_origin = not self.data
    if not is_origin and isinstance(objs, models.QuerySet) and is_document(objs.model):
        if not can_be_asked():
            return
        objs = asked_in(objs, conf.document_alias())
    _collect(self, objs, *args, **kwargs)


def can_fast_delete(self: Any, objs: Any, from_field: Any = None) -> bool:
    """Return whether Django may delete the objects unseen. It may not for documents that have no
    ORM."""
    if isinstance(objs, type) and is_document(objs) and not can_be_asked():
        return False
    return bool(_can_fast_delete(self, objs, from_field))


def delete(self: Any) -> tuple[int, dict[str, int]]:
    """Delete the collected objects as Django's collector does. Documents in another database than
    the rows are written through the gateway before the rows, after all writes have been decided."""
    is_one_database = self.using == conf.document_alias() and can_be_asked()
    if isinstance(self, DocumentCollector) or is_one_database:
        return _delete(self)
    documents = DocumentCollector(self.origin, hard=False)
    documents.take_from(self)
    documents.decide()
    total, counts = documents.delete()
    if not (self.data or self.field_updates or self.fast_deletes):
        return total, counts
    more, others = _delete(self)
    return total + more, {**counts, **others}
