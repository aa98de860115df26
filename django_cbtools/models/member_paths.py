"""What is within arrays and objects, as SQL: members, elements, and any of the elements.

What is found there is compared as a field of its type is: by its row of the table in
:mod:`.values`. A value of another type counts as NULL.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.core.exceptions import FullResultSet
from django.db import models
from django.db.models import JSONField, Lookup, Transform
from django.db.models.expressions import Expression
from django.db.models.fields.json import KeyTransform

from . import values

Compiled = tuple[str, tuple[Any, ...]]


def read(template: str, params: Sequence[Any], **parts: str) -> Compiled:
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
        return read(
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
        return element_sql(self.alias, values.kind(self.output_field).sql), ()


def element_sql(alias: str, template: str) -> str:
    json_text = (
        f"CASE WHEN {alias}.type IN ('array', 'object') THEN {alias}.value "
        f"WHEN {alias}.type IN ('null', 'true', 'false') THEN {alias}.type "
        f"ELSE json_quote({alias}.value) END"
    )
    parts = {"value": f"{alias}.value", "type": f"{alias}.type", "json": f"({json_text})"}
    return read(template, (), **parts)[0]


def element_of(lhs: Any, field: values.Field) -> Element:
    """Each element of an expression's array, under a name that is free there."""
    root = root_of(lhs)
    depth = root.alias.count("_") if isinstance(root, Element) else 0
    return Element("cbtools" + "_e" * (depth + 1), field)


def array_sql(compiler: Any, expression: Any) -> Compiled:
    """An expression's array as JSON text; NULL where it is none."""
    sql, params = compiler.compile(expression)
    template = "(CASE json_type({value}) WHEN 'array' THEN {value} END)"
    if isinstance(expression, KeyTransform):  # of a string, that gives what is no JSON
        template = (
            "(CASE WHEN json_valid({value}) THEN "
            "CASE json_type({value}) WHEN 'array' THEN {value} END END)"
        )
    return read(template, params, value=sql)


def is_array(expression: Any) -> bool:
    """Whether it is of an array, and Django knows what its elements are."""
    field = getattr(expression, "_output_field_or_none", None)
    return isinstance(expression, AnyElement) or hasattr(field, "base_field")


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
        return str(root_of(self.inner).alias)

    def get_lookup(self, lookup: str) -> Any:
        found = self.inner.get_lookup(lookup)
        return None if found is None else _named(lookup, partial(AnyLookup, lookup))

    def get_transform(self, name: str) -> Any:
        found = self.inner.get_transform(name)
        if found is None:
            return None
        return lambda found_in: AnyElement(found(found_in.inner), found_in.listed, found_in.lhs)

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Compiled:
        inner, of_json = self.inner, isinstance(self.inner, (Part, AnyElement))
        if isinstance(inner, Part):
            inner = Part(inner.step, JSONField(), inner.lhs)
        array, params = array_sql(compiler, self.lhs)
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
        array, params = array_sql(compiler, self.lhs.lhs)
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

    return lambda lhs: AnyElement(find(element_of(lhs, field)), listed, lhs)


def any_lookup(field: Any, listed: Callable[[Any], values.Field], name: str) -> Any:
    """A lookup of arrays of such a field: whether it is true of any element."""
    if field.get_lookup(name) is None:
        return None

    def lookup(lhs: Any, rhs: Any) -> AnyLookup:
        return AnyLookup(name, AnyElement(element_of(lhs, field), listed, lhs), rhs)

    return _named(name, lookup)


def _named(name: str, lookup: Any) -> Any:
    """With the name that classes of lookups have, which django-filter asks for."""
    lookup.lookup_name = name
    return lookup


def root_of(expression: Any) -> Any:
    while isinstance(expression, Transform):
        expression = expression.lhs
    return expression


class Length(Transform):
    """How many elements an array has."""

    lookup_name = "len"
    output_field = models.IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Compiled:
        array, params = array_sql(compiler, self.lhs)
        return f"json_array_length({array})", params
