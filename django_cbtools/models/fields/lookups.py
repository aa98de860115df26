"""Lookups of arrays and of objects as a whole."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError
from django.db.models import Lookup
from django.db.models.fields.json import JSONExact

from . import values
from .object_lookups import ANY_JSON, has_objects, prepared, same_as


class OfArrays(Lookup):
    """A comparison of two arrays, element by element.

    The right side is a list of values, one value, or an expression.
    """

    @property
    def is_of_objects(self) -> bool:
        """True if the lookup compares nested objects with values, and not with an expression."""
        return has_objects(self.lhs.output_field) and not hasattr(self.rhs, "resolve_expression")

    @property
    def compared(self) -> values.Kind:
        """The kind as which elements are compared."""
        field = getattr(self.lhs.output_field, "base_field", None)
        kind = values.JSON if field is None else values.kind(field)
        return ANY_JSON if kind.shape == values.JSON.shape else kind

    def get_prep_lookup(self) -> Any:
        rhs = self.rhs
        if hasattr(rhs, "resolve_expression"):
            return rhs
        items = rhs if isinstance(rhs, (list, tuple, set, frozenset)) else [rhs]
        if any(hasattr(item, "resolve_expression") for item in items):
            raise FieldError(
                f"{self.lookup_name} takes a list of values, or one expression: no list of them."
            )
        return self._prepared(list(items))

    def _prepared(self, items: Any) -> Any:
        field = self.lhs.output_field
        if has_objects(field):
            return prepared(self.lhs, items)
        return field.get_prep_value(items)

    def check_array(self) -> None:
        """Raise FieldError if the right side is an expression that is no array."""
        field = self.rhs.output_field
        if field.get_internal_type() != "JSONField":
            raise FieldError(
                f"{self.lookup_name} compares arrays: {type(field).__name__} is no field of arrays."
            )


class Contains(OfArrays):
    """A lookup that is true if the array contains the value, or all values of a list."""

    lookup_name = "contains"


class ContainedBy(OfArrays):
    """A lookup that is true if all elements of the array are among the values."""

    lookup_name = "contained_by"


class Overlap(OfArrays):
    """A lookup that is true if the array contains any of the values."""

    lookup_name = "overlap"


class ArrayExact(OfArrays, JSONExact):
    """A lookup that is true if the array has exactly these elements in this order."""

    lookup_name = "exact"
    can_use_none_as_rhs = False

    def get_prep_lookup(self) -> Any:
        if isinstance(self.rhs, (list, tuple, set, frozenset)):
            return self._prepared(self.rhs)
        return super(OfArrays, self).get_prep_lookup()


class SetExact(ArrayExact):
    """A lookup that is true if the array has exactly these elements, in any order and number."""


class OneOf(Lookup):
    """A lookup that is true if the value equals one of several values. Each is compared as
    ``exact`` does."""

    lookup_name = "in"

    def get_prep_lookup(self) -> Any:
        if hasattr(self.rhs, "resolve_expression"):
            raise FieldError("Arrays and objects are compared with a list of them, not a query.")
        exact = self.lhs.get_lookup("exact")
        return [exact(self.lhs, value).rhs for value in self.rhs if value is not None]

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        if not self.rhs:
            raise EmptyResultSet
        each = [compiler.compile(same_as(self.lhs, value)) for value in self.rhs]
        return (
            f"({' OR '.join(sql for sql, _ in each)})",
            tuple(param for _, params in each for param in params),
        )
