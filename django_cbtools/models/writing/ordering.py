"""The places of new documents among others, as ``order_with_respect_to`` in Meta wants them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Max, Q

from django_cbtools import conf
from django_cbtools.sync_gateway.documents.documents import batches

from ..unique import can_be_asked


def take_places(documents: Iterable[Any]) -> None:
    """Let new documents come after all others that have the same object in the relation that
    orders them.

    Without an ORM for documents, their places stay empty.
    """
    by_class: dict[Any, list[Any]] = defaultdict(list)
    for document in documents:
        if document._meta.order_with_respect_to:
            by_class[type(document)].append(document)
    for model, new in by_class.items():
        if can_be_asked():
            _take(model, new)


def take_missing_places(documents: Iterable[Any]) -> None:
    """Call :func:`take_places` for those of new documents that have no place."""
    take_places(each for each in documents if getattr(each, "_order", None) is None)


def _take(model: Any, documents: list[Any]) -> None:
    ordering: Any = model._meta.order_with_respect_to
    fields: list[Any] = [
        model._meta.get_field(name) for name in ordering.get_filter_kwargs_for_object(documents[0])
    ]
    names = [field.attname for field in fields]
    groups: dict[tuple[Any, ...], list[Any]] = defaultdict(list)
    for document in documents:
        owner = tuple(field.to_python(getattr(document, field.attname)) for field in fields)
        groups[owner].append(document)
    last: dict[tuple[Any, ...], int | None] = {}
    for some in batches({owner[0] for owner in groups}):
        among = Q(**{f"{names[0]}__in": some})
        if None in some:
            among |= Q(**{f"{names[0]}__isnull": True})
        found = model._base_manager.using(conf.document_alias()).filter(among).order_by()
        for *owner_found, place in found.values_list(*names).annotate(Max("_order")):
            last[tuple(owner_found)] = place
    for owner, group in groups.items():
        place = last.get(owner)
        for number, document in enumerate(group, 0 if place is None else place + 1):
            document._order = number
