"""Loads, reloads and copies documents."""

from __future__ import annotations

import copy
import datetime
import decimal
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.db.models.constants import LOOKUP_SEP

from django_cbtools.sync_gateway.facade import gateway_of

from .document import DocumentJSON
from .fields import values
from .telling import missing, told_of
from .writing.saving import check_using


class Refreshing(DocumentJSON):
    """The part of CouchbaseModel that loads, reloads and copies documents."""

    if TYPE_CHECKING:
        pk: Any
        _state: Any

        def __init__(self, *args: Any) -> None: ...
        def from_sync_gateway_row(self, row: Mapping[str, Any]) -> None: ...
        def _fill(self, uid: str, rev: str, document: Any) -> None: ...

    def load(self, uid: str) -> None:
        """Load the document with this uid. Raises DoesNotExist if the class has no such one."""
        if not uid:
            raise missing(self, uid, "A document cannot be loaded without a uid.")
        with told_of(type(self), uid):
            (row,) = gateway_of(type(self)).bulk_get([uid])
        self.from_sync_gateway_row(row)

    def refresh_from_db(
        self,
        using: str | None = None,
        fields: Iterable[str] | None = None,
        from_queryset: Any = None,
    ) -> None:
        """Load the document, or some of its fields, again.

        It is loaded by its uid, through the gateway. With ``from_queryset``, it is loaded by the
        ORM.

        Raises DoesNotExist if the document does not exist, FieldDoesNotExist if a name is not a
        field, and ImproperlyConfigured if ``using`` is not the alias of documents.
        """
        check_using(using, "loaded from")
        names = None if fields is None else self._to_refresh(fields)
        if names is not None and not names:
            return
        if from_queryset is None:
            if names is None:
                self.load(self.get_uid())
                return
            fresh: Any = type(self)(self.get_uid())
        else:
            queryset = from_queryset if using is None else from_queryset.using(using)
            fresh = queryset.filter(pk=self.pk).get()
        if names is None:
            self._fill(fresh.uid, fresh.rev, fresh._base)
        for field in self._meta.concrete_fields:
            if names is not None and not names.isdisjoint((field.name, field.attname)):
                self._take_field(field, fresh)
            if field.is_relation and field.is_cached(fresh):
                field.set_cached_value(self, field.get_cached_value(fresh))
        for relation in (*self._meta.related_objects, *self._meta.private_fields):
            is_named = names is None or relation.name in names
            if is_named and relation.is_relation and relation.is_cached(self):
                relation.delete_cached_value(self)
        if names is not None and "rev" in names:
            # The next save goes on from this revision, and is compared with its document.
            self._base = fresh._base
        self._state.db = fresh._state.db

    def _to_refresh(self, fields: Iterable[str]) -> set[str]:
        """Return the names of fields that have to be loaded. Prefetched objects with one of the
        names are forgotten."""
        prefetched = getattr(self, "_prefetched_objects_cache", {})
        names = set()
        for name in set(fields):
            if LOOKUP_SEP in name:
                raise ValueError(
                    f'Found "{LOOKUP_SEP}" in fields argument. Relations and transforms are not '
                    "allowed in fields."
                )
            if name in prefetched:
                del prefetched[name]
            else:
                names.add("uid" if name == "pk" else name)
        for name in names:
            self._meta.get_field(name)
        return names

    def _take_field(self, field: Any, fresh: Any) -> None:
        """Take over a field from another instance of the document."""
        self.__dict__.pop(field.attname, None)  # else an image's dimensions would be read
        setattr(self, field.attname, getattr(fresh, field.attname))
        self._read = _with(self._read, field.attname, fresh._read)
        self._base = _with(self._base, values.json_key(field), fresh._base)
        if field.is_relation and field.is_cached(self):
            field.delete_cached_value(self)

    def __copy__(self) -> Any:
        """Return a copy with copies of lists and objects."""
        reduced: Any = self.__reduce__()
        make, arguments, state = reduced
        copied = make(*arguments)
        copied.__setstate__(state)
        # They are copied together, since the values that were read are compared by identity.
        own = {name: value for name, value in vars(copied).items() if _can_change(value)}
        vars(copied).update(copy.deepcopy(own))
        return copied


def _can_change(value: Any) -> bool:
    if isinstance(value, (list, tuple)):
        return all(_can_change(item) or isinstance(item, _PLAIN) for item in value)
    if isinstance(value, (dict, set)):
        return True
    return getattr(value, "is_nested", False)


#: Types of values that copies may share.
_PLAIN = (str, int, float, type(None), datetime.date, datetime.time, decimal.Decimal)


def _with(mine: dict[str, Any], key: str, other: dict[str, Any]) -> dict[str, Any]:
    """Return a dictionary with a key's value taken from another one. If the other one lacks the
    key, so does the result."""
    rest = {name: value for name, value in mine.items() if name != key}
    return {**rest, key: other[key]} if key in other else rest
