"""Compiles lookups of arrays and of whole objects to SQLite's SQL."""

from __future__ import annotations

import json
import string
from typing import Any

from django_cbtools.backends import compiling
from django_cbtools.models.fields.lookups import (
    ArrayExact,
    ContainedBy,
    Contains,
    OfArrays,
    Overlap,
    SetExact,
)
from django_cbtools.models.fields.object_lookups import Declared, ObjectExact, same_as
from django_cbtools.models.fields.paths import element_of

from . import columns
from .members import Compiled, array_sql, element_sql

_LEFT_IN_RIGHT = (
    "NOT EXISTS(SELECT 1 FROM json_each({left}) AS l WHERE NOT EXISTS("
    "SELECT 1 FROM json_each({right}) AS r WHERE {same}))"
)
_RIGHT_IN_LEFT = (
    "NOT EXISTS(SELECT 1 FROM json_each({right}) AS r WHERE NOT EXISTS("
    "SELECT 1 FROM json_each({left}) AS l WHERE {same}))"
)
_ARE_ARRAYS = "{left} IS NOT NULL AND {right} IS NOT NULL"

#: ``{left}`` and ``{right}`` are JSON arrays; ``{same}`` says that an element ``l`` is the same as
#: ``r``.
_TEMPLATES = {
    Contains: f"({_ARE_ARRAYS} AND {_RIGHT_IN_LEFT})",
    ContainedBy: f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT})",
    Overlap: "EXISTS(SELECT 1 FROM json_each({left}) AS l, json_each({right}) AS r WHERE {same})",
    ArrayExact: (
        "({left} IS NOT NULL AND json_array_length({left}) IS json_array_length({right}) "
        "AND NOT EXISTS(SELECT 1 FROM json_each({left}) AS l JOIN json_each({right}) AS r "
        "ON l.key = r.key WHERE {same} IS NOT TRUE))"
    ),
    SetExact: f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT} AND {_RIGHT_IN_LEFT})",
}


def of_arrays(node: OfArrays, compiler: Any, connection: Any) -> Compiled:
    if node.is_of_objects:
        found = _Objects(node.lhs, compiler)
        by_kind = {
            Contains: found.all_are_in,
            ContainedBy: found.each_is,
            Overlap: found.any_is,
            ArrayExact: found.are,
            SetExact: found.are,
        }
        return by_kind[type(node)](node.rhs)
    left, params = array_sql(compiler, node.lhs)
    if hasattr(node.rhs, "resolve_expression"):
        node.check_array()
        right, right_params = array_sql(compiler, node.rhs)
    else:
        field = node.lhs.output_field
        right, right_params = "%s", (field.get_db_prep_value(node.rhs, connection, prepared=True),)
    template = columns.SHAPES[node.compared.shape]
    same = (
        f"({element_sql('l', template)} = {element_sql('r', template)} "
        "OR l.type = 'null' AND r.type = 'null')"
    )
    whole = _TEMPLATES[type(node)]
    order = [name for _, name, _, _ in string.Formatter().parse(whole) if name]
    by_side = {"left": params, "right": right_params}
    return (
        whole.format(left=left, right=right, same=same),
        tuple(param for name in order for param in by_side.get(name, ())),
    )


def object_exact(node: ObjectExact, compiler: Any, connection: Any) -> Compiled:
    if isinstance(node.rhs, Declared):
        condition, found = node.by_fields(compiler)
        return f"(({condition}) IS TRUE)", found
    left, params = compiler.compile(node.lhs)
    if hasattr(node.rhs, "resolve_expression"):
        right, right_params = compiler.compile(node.rhs)
    else:
        right, right_params = "%s", (json.dumps(node.rhs),)
    any_json = columns.SHAPES["any"]
    same = f"{element_sql('l', any_json)} = {element_sql('r', any_json)}"
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


class _Objects:
    """Conditions that compare the elements of an array with objects. Each object is a condition of
    its own."""

    def __init__(self, lhs: Any, compiler: Any) -> None:
        self.compiler = compiler
        self.array, self.params = array_sql(compiler, lhs)
        self.element = element_of(lhs, lhs.output_field.base_field)

    def any_is(self, items: list[Any]) -> Compiled:
        """Return a condition that any element is one of the items."""
        return self._exists("", items)

    def each_is(self, items: list[Any]) -> Compiled:
        """Return a condition that each element is one of the items."""
        sql, params = self._exists("NOT", items)
        return f"({self.array} IS NOT NULL AND NOT {sql})", (*self.params, *params)

    def all_are_in(self, items: list[Any]) -> Compiled:
        """Return a condition that all items are elements."""
        return self._all([self._exists("", [item]) for item in items])

    def are(self, items: list[Any]) -> Compiled:
        """Return a condition that the items are the elements, in this order."""
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
            f"EXISTS(SELECT 1 FROM {rows} WHERE {where} {negation} (({found}) IS TRUE))",
            (*self.params, *(param for _, params in each for param in params)),
        )


def register() -> None:
    """Register the lookups with SQLite, by Django's hook for vendors."""
    compiled: dict[Any, Any] = {OfArrays: of_arrays, ObjectExact: object_exact}
    compiling.register("sqlite", compiled)
