"""Comparisons with nested objects, which compare the declared fields.

Nested objects from a program have a uid, and those from a phone may have none, or have undeclared
keys. They are equal if their declared fields are equal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import TextField
from django.db.models.fields.json import JSONExact

from django_cbtools import canonical

from . import values
from .paths import Part, element_of

#: The kind as which any JSON is compared: numbers as numbers, all other values by their text.
ANY_JSON = values.Kind("any")


class Declared(dict[str, Any]):
    """The declared fields of a nested object, by their keys in JSON."""


class _Type(TextField):  # type: ignore[type-arg]
    """The type of the JSON value of a key."""

    document_kind = values.Kind("type")


class _Raw(TextField):  # type: ignore[type-arg]
    """The value of a key, as the JSON text in which documents are stored."""

    document_kind = values.Kind("raw")


TYPE, RAW = _Type(), _Raw()


class Unread(NamedTuple):
    """A JSON value that a field could not read."""

    raw: Any


def comparable(field: Any, value: Any) -> Any:
    """Return the value of a field with its nested objects replaced by Declared."""
    if hasattr(field, "nested_model"):
        if not isinstance(value, field.nested_model):
            return value
        unread = value.unread()
        return Declared(
            (
                stored.key,
                Unread(unread[stored.field.name])
                if stored.field.name in unread
                else comparable(stored.field, getattr(value, stored.attname)),
            )
            for stored in field.members()
        )
    base = getattr(field, "base_field", None)
    if base is not None and isinstance(value, (list, tuple)):
        return [comparable(base, item) for item in value]
    return value


def has_objects(field: Any) -> bool:
    """Return whether the field is an array field with nested objects as elements."""
    base = getattr(field, "base_field", None)
    return base is not None and (hasattr(base, "nested_model") or has_objects(base))


def same_as(lhs: Any, value: Any) -> Any:
    """Return the lookup that compares an expression with a value that has already been prepared."""
    if value is None:
        return lhs.get_lookup("isnull")(lhs, True)
    lookup = lhs.get_lookup("exact")
    made = lookup(lhs, None)
    made.rhs = value
    return made


class ObjectExact(JSONExact):
    """A lookup that is true if the object has exactly these members, in any order. Nested objects
    are compared by their declared fields."""

    can_use_none_as_rhs = False

    def get_prep_lookup(self) -> Any:
        value = comparable(self.lhs.output_field, self.rhs)
        return value if isinstance(value, Declared) else super().get_prep_lookup()

    def by_fields(self, compiler: Any) -> tuple[str, tuple[Any, ...]]:
        """Compile a comparison by declared fields: the object exists, and a condition on each field
        holds. Backends turn NULL into false."""
        left, params = compiler.compile(self.lhs)
        conditions, found = [f"{left} IS NOT NULL"], [*params]
        for stored in self.lhs.output_field.members():
            value = self.rhs[stored.key]
            sql, more = compiler.compile(self._of_field(stored.key, stored.field, value))
            if comparable(stored.field, stored.field.get_default()) == value:
                # If the key is missing, the field has its default.
                type_of = Part(stored.key, TYPE, self.lhs)
                missing, its = compiler.compile(same_as(type_of, None))
                sql, more = f"({sql} OR {missing})", (*more, *its)
            conditions.append(sql)
            found += more
        return " AND ".join(conditions), tuple(found)

    def _of_field(self, key: str, field: Any, value: Any) -> Any:
        if value is None:
            return same_as(Part(key, TYPE, self.lhs), "null")
        if not isinstance(value, Unread):
            part: Any = Part(key, field, self.lhs)
            try:
                return part.get_lookup("exact")(part, value)
            except ValidationError:  # an array or an object of another type
                value = Unread(value)
        return same_as(Part(key, RAW, self.lhs), canonical.dumps(value.raw))


def prepared(lhs: Any, items: list[Any]) -> list[Any]:
    """Return the items as the values that elements of the array are compared with. Raise the
    field's error for a value that it cannot have."""
    element = element_of(lhs, lhs.output_field.base_field)
    exact: Any = element.get_lookup("exact")
    return [item if item is None else exact(element, item).rhs for item in items]
