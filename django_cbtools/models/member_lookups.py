"""Lookups of what is within arrays and objects: members, elements, and any of the elements.

What is found there is compared as a field of its type is: by its row of the table in
:mod:`.values`. A value of another type counts as NULL.
"""

from __future__ import annotations

import json
import string
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet
from django.db import models
from django.db.models import JSONField, Lookup, Transform
from django.db.models.expressions import Expression
from django.db.models.fields.json import JSONExact, KeyTransform

from . import values

Compiled = tuple[str, tuple[Any, ...]]

#: Of any JSON: numbers are numbers, all else is its text, in which strings have quotes.
_ANY_JSON = "CASE WHEN {type} IN ('integer', 'real') THEN {value} ELSE {json} END"


def _read(template: str, params: Sequence[Any], **parts: str) -> Compiled:
    """An expression of the table's, over SQL that has these parameters each time it stands there;
    of what is given, only that has its signs of percent doubled already."""
    times = sum(1 for _, name, _, _ in string.Formatter().parse(template) if name)
    return template.replace("%", "%%").format(**parts), tuple(params) * times


class Part(Transform):
    """A value in an object or in an array, as a field of its type; ``step`` leads there, in a JSON
    path of SQLite's."""

    def __init__(self, step: str, field: values.Field, lhs: Any) -> None:
        super().__init__(lhs, output_field=field)
        self.step = step

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Compiled:
        path, root = self.step, self.lhs
        while isinstance(root, Part):
            path, root = root.step + path, root.lhs
        sql, params = compiler.compile(root)
        literal = values.literal(f"${path}").replace("%", "%%")
        return _read(
            values.kind(self.output_field).sql,
            params,
            value=f"json_extract({sql}, {literal})",
            type=f"json_type({sql}, {literal})",
            json=f"({sql} -> {literal})",
        )


class Element(Expression):
    """Each element of an array in turn, as a row of SQLite's json_each()."""

    def __init__(self, alias: str, field: values.Field) -> None:
        super().__init__(output_field=field)
        self.alias = alias

    def as_sqlite(self, compiler: Any, connection: Any) -> Compiled:
        return _element(self.alias, values.kind(self.output_field).sql), ()


def _element(alias: str, template: str) -> str:
    json_text = (
        f"CASE WHEN {alias}.type IN ('array', 'object') THEN {alias}.value "
        f"WHEN {alias}.type IN ('null', 'true', 'false') THEN {alias}.type "
        f"ELSE json_quote({alias}.value) END"
    )
    return _read(template, (), value=f"{alias}.value", type=f"{alias}.type", json=f"({json_text})")[
        0
    ]


def _array(compiler: Any, expression: Any) -> Compiled:
    """An expression's array as JSON text; NULL where it is none."""
    sql, params = compiler.compile(expression)
    template = "(CASE json_type({value}) WHEN 'array' THEN {value} END)"
    if isinstance(expression, KeyTransform):  # of a string, that gives what is no JSON
        template = (
            "(CASE WHEN json_valid({value}) THEN "
            "CASE json_type({value}) WHEN 'array' THEN {value} END END)"
        )
    return _read(template, params, value=sql)


def may_lack(expression: Any) -> bool:
    """Whether it is of something in a JSON value, which that need not have."""
    while isinstance(expression, Transform):
        if isinstance(expression, (Part, Length)):
            return True
        if isinstance(expression, (AnyElement, KeyTransform)):
            return False
        expression = expression.lhs
    return False


# ------------------------------------------------------------- any of the elements


class AnyElement(Transform):
    """What is in the elements of an array: its lookups ask whether any element has it.

    By itself, as in ``values()``, it is the list of what is in them. ``inner`` is an expression
    over an :class:`Element`; ``listed`` makes a field of lists of a field.
    """

    def __init__(self, inner: Any, listed: Callable[[Any], values.Field], lhs: Any) -> None:
        super().__init__(lhs, output_field=listed(inner.output_field))
        self.inner = inner
        self.listed = listed

    @property
    def alias(self) -> str:
        return str(_root(self.inner).alias)

    def get_lookup(self, lookup: str) -> Any:
        found = self.inner.get_lookup(lookup)
        return None if found is None else partial(AnyLookup, lookup)

    def get_transform(self, name: str) -> Any:
        found = self.inner.get_transform(name)
        if found is None:
            return None
        return lambda found_in: AnyElement(found(found_in.inner), found_in.listed, found_in.lhs)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Compiled:
        inner, of_json = self.inner, isinstance(self.inner, (Part, AnyElement))
        if isinstance(inner, Part):
            inner = Part(inner.step, JSONField(), inner.lhs)
        array, params = _array(compiler, self.lhs)
        sql, inner_params = compiler.compile(inner)
        listed = f"json({sql})" if of_json else sql
        rows = f"json_each({array}) AS {self.alias}"
        all_of_it = f"(SELECT json_group_array({listed}) FROM {rows})"  # noqa: S608 (no value in it)
        return (
            f"(CASE WHEN {array} IS NOT NULL THEN {all_of_it} END)",
            (*params, *inner_params, *params),
        )


class AnyLookup(Lookup):
    """Whether a lookup is true of any element of an array."""

    prepare_rhs = False

    def __init__(self, name: str, lhs: Any, rhs: Any) -> None:
        self.lookup_name = name
        super().__init__(lhs, rhs)
        # It refuses what cannot be compared.
        self.can_use_none_as_rhs = self._of_element().can_use_none_as_rhs

    @property
    def identity(self) -> Any:
        return (*super().identity, self.lookup_name)

    def _of_element(self) -> Any:
        inner = self.lhs.inner
        return inner.get_lookup(self.lookup_name)(inner, self.rhs)

    def as_sqlite(self, compiler: Any, connection: Any) -> Compiled:
        array, params = _array(compiler, self.lhs.lhs)
        try:
            sql, inner_params = compiler.compile(self._of_element())
        except FullResultSet:
            sql, inner_params = "1", ()
        rows = f"json_each({array}) AS {self.lhs.alias}"
        return (
            f"EXISTS(SELECT 1 FROM {rows} WHERE {sql})",  # noqa: S608 (no value in it)
            (*params, *inner_params),
        )


def any_element(field: Any, listed: Callable[[Any], values.Field], name: str) -> Any:
    """A transform of arrays of such a field: what is under a name in any element of them."""
    find = field.get_transform(name)
    if find is None:
        return None

    def transform(lhs: Any) -> AnyElement:
        root = _root(lhs)
        depth = root.alias.count("_") if isinstance(root, Element) else 0
        return AnyElement(find(Element("cbtools" + "_e" * (depth + 1), field)), listed, lhs)

    return transform


def _root(expression: Any) -> Any:
    while isinstance(expression, Transform):
        expression = expression.lhs
    return expression


# ----------------------------------------------------------------------- arrays


class Length(Transform):
    """How many elements an array has."""

    lookup_name = "len"
    output_field = models.IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Compiled:
        array, params = _array(compiler, self.lhs)
        return f"json_array_length({array})", params


class _OfArrays(Lookup):
    """A comparison of two arrays, element by element.

    The right side is a list of values, one value, or an expression. ``{left}`` and ``{right}`` in
    ``template`` are JSON arrays, ``{same}`` says that an element ``l`` is the same as ``r``.
    """

    template: str

    def get_prep_lookup(self) -> Any:
        rhs = self.rhs
        if hasattr(rhs, "resolve_expression"):
            return rhs
        items = rhs if isinstance(rhs, (list, tuple, set, frozenset)) else [rhs]
        if any(hasattr(item, "resolve_expression") for item in items):
            raise FieldError(
                f"{self.lookup_name} takes a list of values, or one expression: no list of them."
            )
        return self.lhs.output_field.get_prep_value(list(items))

    def as_sqlite(self, compiler: Any, connection: Any) -> Compiled:
        left, params = _array(compiler, self.lhs)
        right, right_params = self._right(compiler)
        field = getattr(self.lhs.output_field, "base_field", None)
        kind = values.JSON if field is None else values.kind(field)
        template = _ANY_JSON if kind.sql == values.JSON.sql else kind.sql
        same = (
            f"({_element('l', template)} = {_element('r', template)} "
            "OR l.type = 'null' AND r.type = 'null')"
        )
        order = [name for _, name, _, _ in string.Formatter().parse(self.template) if name]
        by_side = {"left": params, "right": right_params}
        return (
            self.template.format(left=left, right=right, same=same),
            tuple(param for name in order for param in by_side.get(name, ())),
        )

    def _right(self, compiler: Any) -> Compiled:
        if not hasattr(self.rhs, "resolve_expression"):
            return "%s", (json.dumps(self.rhs),)
        if self.rhs.output_field.get_internal_type() == "JSONField":
            return _array(compiler, self.rhs)
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


class ContainedBy(_OfArrays):
    """Whether all elements are among some values."""

    lookup_name = "contained_by"
    template = f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT})"


class Overlap(_OfArrays):
    """Whether any of some values is in the array."""

    lookup_name = "overlap"
    template = "EXISTS(SELECT 1 FROM json_each({left}) AS l, json_each({right}) AS r WHERE {same})"


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
        return super(_OfArrays, self).get_prep_lookup()


class SetExact(ArrayExact):
    """Whether an array has these elements, in whatever order and however often."""

    template = f"({_ARE_ARRAYS} AND {_LEFT_IN_RIGHT} AND {_RIGHT_IN_LEFT})"


class ObjectExact(JSONExact):
    """Whether an object has these members, in whatever order."""

    can_use_none_as_rhs = False

    def as_sqlite(self, compiler: Any, connection: Any) -> Compiled:
        left, params = compiler.compile(self.lhs)
        if hasattr(self.rhs, "resolve_expression"):
            right, right_params = compiler.compile(self.rhs)
        else:
            right, right_params = "%s", (json.dumps(self.rhs),)
        same = f"{_element('l', _ANY_JSON)} = {_element('r', _ANY_JSON)}"
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
        exact = self.lhs.get_lookup("exact")
        each = [compiler.compile(_with_rhs(exact, self.lhs, value)) for value in self.rhs]
        return (
            f"({' OR '.join(sql for sql, _ in each)})",
            tuple(param for _, params in each for param in params),
        )


def _with_rhs(lookup: Any, lhs: Any, prepared: Any) -> Any:
    made = lookup(lhs, None)
    made.rhs = prepared
    return made
