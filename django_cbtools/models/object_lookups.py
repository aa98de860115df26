"""Comparing with nested objects: what counts is what their fields are declared to have.

A nested object that a program makes has a uid of its own, and one that a phone wrote has none, or
keys that nobody declares: all the same, they are equal where their declared fields are.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.db.models import TextField
from django.db.models.fields.json import JSONExact

from django_cbtools import canonical

from . import values
from .member_paths import Compiled, Part, array_sql, element_of, element_sql

#: Of any JSON: numbers are numbers, all else is its text, in which strings have quotes.
ANY_JSON = "CASE WHEN {type} IN ('integer', 'real') THEN {value} ELSE {json} END"


class Declared(dict[str, Any]):
    """The declared fields of a nested object, by their keys in JSON."""


class _Type(TextField):  # type: ignore[type-arg]
    """The type of what is under a key in JSON, whatever it is."""

    document_kind = values.Kind("{type}")


class _Raw(TextField):  # type: ignore[type-arg]
    """What is under a key, as the JSON text that documents are stored as."""

    document_kind = values.Kind("{json}")


_TYPE, _RAW = _Type(), _Raw()


class Unread(NamedTuple):
    """JSON that a field could not read."""

    raw: Any


def comparable(field: Any, value: Any) -> Any:
    """A value of a field, in which nested objects are Declared."""
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
    """Whether it is a field of arrays with nested objects in them."""
    base = getattr(field, "base_field", None)
    return base is not None and (hasattr(base, "nested_model") or has_objects(base))


def same_as(lhs: Any, value: Any) -> Any:
    """The lookup that compares an expression with a value that has been prepared."""
    if value is None:
        return lhs.get_lookup("isnull")(lhs, True)
    lookup = lhs.get_lookup("exact")
    made = lookup(lhs, None)
    made.rhs = value
    return made


class ObjectExact(JSONExact):
    """Whether an object has these members, in whatever order; of a nested object, whether the
    declared fields are the same."""

    can_use_none_as_rhs = False

    def get_prep_lookup(self) -> Any:
        value = comparable(self.lhs.output_field, self.rhs)
        return value if isinstance(value, Declared) else super().get_prep_lookup()

    def as_sqlite(self, compiler: Any, connection: Any) -> Compiled:
        left, params = compiler.compile(self.lhs)
        if isinstance(self.rhs, Declared):
            return self._by_fields(compiler, left, params)
        if hasattr(self.rhs, "resolve_expression"):
            right, right_params = compiler.compile(self.rhs)
        else:
            right, right_params = "%s", (json.dumps(self.rhs),)
        same = f"{element_sql('l', ANY_JSON)} = {element_sql('r', ANY_JSON)}"
        sql = (
            "({left} IS NOT NULL AND (SELECT count(*) FROM json_each({left})) = "
            "(SELECT count(*) FROM json_each({right})) AND NOT EXISTS("
            "SELECT 1 FROM json_each({right}) AS r WHERE NOT EXISTS("
            "SELECT 1 FROM json_each({left}) AS l WHERE l.key = r.key AND {same})))"
        )
        return (
            sql.format(left=left, right=right, same=same),
            (*params, *params, *right_params, *right_params, *params),
        )

    def _by_fields(self, compiler: Any, left: str, params: Any) -> Compiled:
        conditions, found = [f"{left} IS NOT NULL"], [*params]
        for stored in self.lhs.output_field.members():
            step, value = "." + values.quoted_key(stored.key), self.rhs[stored.key]
            sql, more = compiler.compile(self._of_field(step, stored.field, value))
            if comparable(stored.field, stored.field.get_default()) == value:
                # Where the key is missing, the field has its default.
                missing, its = compiler.compile(same_as(Part(step, _TYPE, self.lhs), None))
                sql, more = f"({sql} OR {missing})", (*more, *its)
            conditions.append(sql)
            found += more
        return f"(({' AND '.join(conditions)}) IS TRUE)", tuple(found)

    def _of_field(self, step: str, field: Any, value: Any) -> Any:
        if value is None:
            return same_as(Part(step, _TYPE, self.lhs), "null")
        if not isinstance(value, Unread):
            part: Any = Part(step, field, self.lhs)
            try:
                return part.get_lookup("exact")(part, value)
            except ValidationError:  # an array or an object of another type
                value = Unread(value)
        return same_as(Part(step, _RAW, self.lhs), canonical.dumps(value.raw))


class ObjectsOf:
    """How the lookups of arrays compare with objects, each of which is a condition of its own."""

    def __init__(self, lhs: Any, compiler: Any) -> None:
        self.compiler = compiler
        self.array, self.params = array_sql(compiler, lhs)
        self.element = element_of(lhs, lhs.output_field.base_field)

    @staticmethod
    def prepared(lhs: Any, items: Any) -> list[Any]:
        """What elements are compared with; raises what a field does of a value that it cannot
        have."""
        element = element_of(lhs, lhs.output_field.base_field)
        exact: Any = element.get_lookup("exact")
        return [item if item is None else exact(element, item).rhs for item in items]

    def any_is(self, items: list[Any]) -> Compiled:
        """Whether any element is one of these."""
        return self._exists("", items)

    def each_is(self, items: list[Any]) -> Compiled:
        """Whether each element is one of these."""
        sql, params = self._exists("NOT", items)
        return f"({self.array} IS NOT NULL AND NOT {sql})", (*self.params, *params)

    def all_are_in(self, items: list[Any]) -> Compiled:
        """Whether all of these are elements."""
        return self._all([self._exists("", [item]) for item in items])

    def are(self, items: list[Any]) -> Compiled:
        """Whether these are the elements, in this order."""
        alias = self.element.alias
        length = f"json_array_length({self.array}) = {len(items)}", self.params
        in_place = [
            self._exists("", [item], f"{alias}.key = {i} AND") for i, item in enumerate(items)
        ]
        return self._all([length, *in_place])

    def _all(self, conditions: list[Compiled]) -> Compiled:
        sql = " AND ".join([f"{self.array} IS NOT NULL", *(sql for sql, _ in conditions)])
        return f"({sql})", (*self.params, *(param for _, params in conditions for param in params))

    def _exists(self, negation: str, items: list[Any], where: str = "") -> Compiled:
        each = [self.compiler.compile(same_as(self.element, item)) for item in items]
        found = " OR ".join(sql for sql, _ in each) or "0"
        rows = f"json_each({self.array}) AS {self.element.alias}"
        return (
            f"EXISTS(SELECT 1 FROM {rows} WHERE {where} {negation} (({found}) IS TRUE))",  # noqa: S608 (no value in it)
            (*self.params, *(param for _, params in each for param in params)),
        )
