"""Lookups of arrays and of objects as a whole."""

from __future__ import annotations

import string
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError
from django.db.models import Lookup
from django.db.models.fields.json import JSONExact

from . import values
from .member_paths import Compiled, array_sql, element_sql
from .object_lookups import ANY_JSON, ObjectsOf, has_objects, same_as


class _OfArrays(Lookup):
    """A comparison of two arrays, element by element.

    The right side is a list of values, one value, or an expression. ``{left}`` and ``{right}`` in
    ``template`` are JSON arrays, ``{same}`` says that an element ``l`` is the same as ``r``.
    """

    template: str

    def objects(self, found: ObjectsOf, items: list[Any]) -> Compiled:
        """The comparison with nested objects."""
        raise NotImplementedError

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
            return ObjectsOf.prepared(self.lhs, items)
        return field.get_prep_value(items)

    def as_sqlite(self, compiler: Any, connection: Any) -> Compiled:
        if has_objects(self.lhs.output_field) and not hasattr(self.rhs, "resolve_expression"):
            return self.objects(ObjectsOf(self.lhs, compiler), self.rhs)
        left, params = array_sql(compiler, self.lhs)
        right, right_params = self._right(compiler, connection)
        field = getattr(self.lhs.output_field, "base_field", None)
        kind = values.JSON if field is None else values.kind(field)
        template = ANY_JSON if kind.sql == values.JSON.sql else kind.sql
        same = (
            f"({element_sql('l', template)} = {element_sql('r', template)} "
            "OR l.type = 'null' AND r.type = 'null')"
        )
        order = [name for _, name, _, _ in string.Formatter().parse(self.template) if name]
        by_side = {"left": params, "right": right_params}
        return (
            self.template.format(left=left, right=right, same=same),
            tuple(param for name in order for param in by_side.get(name, ())),
        )

    def _right(self, compiler: Any, connection: Any) -> Compiled:
        if not hasattr(self.rhs, "resolve_expression"):
            field = self.lhs.output_field
            return "%s", (field.get_db_prep_value(self.rhs, connection, prepared=True),)
        if self.rhs.output_field.get_internal_type() == "JSONField":
            return array_sql(compiler, self.rhs)
        raise FieldError(
            f"{self.lookup_name} compares arrays: {self.rhs.output_field.__class__.__name__} is "
            "no field of arrays."
        )


_LEFT_IN_RIGHT = (
    "NOT EXISTS(SELECT 1 FROM json_each({left}) AS l WHERE NOT EXISTS("
    "SELECT 1 FROM json_each({right}) AS r WHERE {same}))"
)
_RIGHT_IN_LEFT = (
    "NOT EXISTS(SELECT 1 FROM json_each({right}) AS r WHERE NOT EXISTS("
    "SELECT 1 FROM json_each({left}) AS l WHERE {same}))"
)
_ARE_ARRAYS = "{left} IS NOT NULL AND {right} IS NOT NULL"


class Contains(_OfArrays):
    """Whether all of some values are in the array; of one value, whether it is."""

    lookup_name = "contains"
    template = f"({_ARE_ARRAYS} AND {_RIGHT_IN_LEFT})"

    def objects(self, found: ObjectsOf, items: list[Any]) -> Compiled:
        return found.all_are_in(items)


class ContainedBy(_OfArrays):
    """Whether all elements are among some values."""

    lookup_name = "contained_by"
    template = f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT})"

    def objects(self, found: ObjectsOf, items: list[Any]) -> Compiled:
        return found.each_is(items)


class Overlap(_OfArrays):
    """Whether any of some values is in the array."""

    lookup_name = "overlap"
    template = "EXISTS(SELECT 1 FROM json_each({left}) AS l, json_each({right}) AS r WHERE {same})"

    def objects(self, found: ObjectsOf, items: list[Any]) -> Compiled:
        return found.any_is(items)


class ArrayExact(_OfArrays, JSONExact):
    """Whether an array has these elements in this order."""

    lookup_name = "exact"
    can_use_none_as_rhs = False
    template = (
        "({left} IS NOT NULL AND json_array_length({left}) IS json_array_length({right}) "
        "AND NOT EXISTS(SELECT 1 FROM json_each({left}) AS l JOIN json_each({right}) AS r "
        "ON l.key = r.key WHERE {same} IS NOT TRUE))"
    )

    def get_prep_lookup(self) -> Any:
        if isinstance(self.rhs, (list, tuple, set, frozenset)):
            return self._prepared(self.rhs)
        return super(_OfArrays, self).get_prep_lookup()

    def objects(self, found: ObjectsOf, items: list[Any]) -> Compiled:
        return found.are(items)


class SetExact(ArrayExact):
    """Whether an array has these elements, in whatever order and however often."""

    template = f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT} AND {_RIGHT_IN_LEFT})"


class OneOf(Lookup):
    """Whether a value equals one of several, each compared as ``exact`` does."""

    lookup_name = "in"

    def get_prep_lookup(self) -> Any:
        if hasattr(self.rhs, "resolve_expression"):
            raise FieldError("Arrays and objects are compared with a list of them, not a query.")
        exact = self.lhs.get_lookup("exact")
        return [exact(self.lhs, value).rhs for value in self.rhs if value is not None]

    def as_sqlite(self, compiler: Any, connection: Any) -> Compiled:
        if not self.rhs:
            raise EmptyResultSet
        each = [compiler.compile(same_as(self.lhs, value)) for value in self.rhs]
        return (
            f"({' OR '.join(sql for sql, _ in each)})",
            tuple(param for _, params in each for param in params),
        )
