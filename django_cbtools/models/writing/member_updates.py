"""Updates of members of objects and arrays: ``QuerySet.update(address__city="X")``."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db import models
from django.db.models.constants import LOOKUP_SEP

from django_cbtools.exceptions import CouchbaseValueError

from ..fields.arrays import ListField
from ..fields.members import written


class MemberTarget:
    """A member of a field that an update sets. It behaves like a field for compilers of updates.

    Raises FieldDoesNotExist if the path leads to nothing that is declared, and FieldError if it
    does not name the element of an array.
    """

    #: Attributes of fields that Django reads.
    generated = False

    def __init__(self, model: Any, name: str) -> None:
        first, *self._path = name.split(LOOKUP_SEP)
        self.name = name
        self.field: Any = model._meta.get_field(first)
        # Raises an error if the path is wrong.
        self.target = _follow(self.field, self._path, name)
        self.remote_field = self.target.remote_field

    def check(self, value: Any) -> None:
        """Raise CouchbaseValueError if the value cannot be stored in the member."""
        try:
            written(self.target, value)
        except (TypeError, ValueError, ArithmeticError, ValidationError) as error:
            raise CouchbaseValueError(f"{self.name} cannot store {value!r}: {error}") from error

    def set(self, document: Any, value: Any) -> None:
        """Set the member in a document. Raise CouchbaseValueError if a value of another type is in
        the way."""
        attname = self.field.attname
        whole = _changed(self.field, getattr(document, attname), self._path, value, self.name)
        setattr(document, attname, whole)


def target_of(field: Any) -> Any:
    """Return the field whose values an update sets: a member's own, or the field itself."""
    return field.target if isinstance(field, MemberTarget) else field


def is_member(model: Any, name: str) -> bool:
    """Return whether the name in an update refers to a member of a field."""
    first, *path = name.split(LOOKUP_SEP)
    if not path:
        return False
    try:
        field = model._meta.get_field(first)
    except FieldDoesNotExist:
        return False
    return isinstance(field, models.JSONField) or hasattr(field, "document_kind")


def _follow(field: Any, path: list[str], name: str) -> Any:
    """Return the field at the end of a path. It is a JSONField if no field is declared there."""
    if not path:
        return field
    step, *rest = path
    if hasattr(field, "nested_model"):
        for stored in field.members():
            if step in (stored.field.name, stored.attname):
                return _follow(stored.field, rest, name)
        nested = field.nested_model
        known = ", ".join(stored.field.name for stored in field.members())
        raise FieldDoesNotExist(
            f"{nested.__name__} has no field named {step!r}, which {name!r} asks to update; it "
            f"has {known}."
        )
    if hasattr(field, "base_field") or isinstance(field, ListField):
        if not step.isdecimal() or getattr(field, "collection", list) is not list:
            raise FieldError(
                f"Cannot update {name!r}: say which element, as in "
                f"{name.split(LOOKUP_SEP)[0]}{LOOKUP_SEP}0, or update the whole field."
            )
        return _follow(getattr(field, "base_field", models.JSONField()), rest, name)
    if isinstance(field, models.JSONField):
        return models.JSONField()
    raise FieldError(
        f"Cannot update {name!r}: there is nothing within a {type(field).__name__} to update."
    )


def _changed(field: Any, value: Any, path: list[str], new: Any, name: str) -> Any:
    """Return the value with the member at the path set to ``new``. Missing objects on the way are
    created."""
    if not path:
        return new
    step, *rest = path
    if hasattr(field, "nested_model"):
        nested = field.nested_model() if value is None else value
        if not isinstance(nested, field.nested_model):
            raise _in_the_way(name, value)
        (stored,) = (s for s in field.members() if step in (s.field.name, s.attname))
        old = getattr(nested, stored.attname)
        setattr(nested, stored.attname, _changed(stored.field, old, rest, new, name))
        return nested
    if isinstance(value, list) and step.isdecimal():
        at = int(step)
        if at >= len(value):
            raise CouchbaseValueError(f"{name}: there is no element {at} of {len(value)}.")
        base = getattr(field, "base_field", models.JSONField())
        items = [*value]
        items[at] = _changed(base, items[at], rest, new, name)
        return items
    if value is None and not hasattr(field, "base_field") and not isinstance(field, ListField):
        value = {}
    if not isinstance(value, dict):
        raise _in_the_way(name, value)
    return {**value, step: _changed(field, value.get(step), rest, new, name)}


def _in_the_way(name: str, value: Any) -> CouchbaseValueError:
    return CouchbaseValueError(
        f"{name} cannot be set within what is there: {type(value).__name__}."
    )
