"""Compiles expressions for members and elements of arrays and objects to SQLite's SQL.

Values are compared by the expression for their shape in :mod:`.columns`.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import FullResultSet
from django.db.models import JSONField
from django.db.models.fields.json import KeyTransform

from django_cbtools.backends import compiling
from django_cbtools.models.fields.aggregates import OfElements
from django_cbtools.models.fields.paths import AnyElement, AnyLookup, Element, Length, Part

from . import columns

Compiled = tuple[str, tuple[Any, ...]]


def read(template: str, params: Sequence[Any], **parts: str) -> Compiled:
    """Fill a template of the table with SQL, and repeat its parameters for each placeholder.
    ``parts`` already have doubled percent signs, the template does not."""
    times = sum(1 for _, name, _, _ in string.Formatter().parse(template) if name)
    return template.replace("%", "%%").format(**parts), tuple(params) * times


def part(node: Part, compiler: Any, connection: Any, **context: Any) -> Compiled:
    root, keys = node.path
    steps = (f"[{key}]" if isinstance(key, int) else "." + columns.quoted_key(key) for key in keys)
    sql, params = compiler.compile(root)
    literal = columns.literal("$" + "".join(steps)).replace("%", "%%")
    return read(
        columns.template(node.output_field),
        params,
        value=f"json_extract({sql}, {literal})",
        type=f"json_type({sql}, {literal})",
        json=f"({sql} -> {literal})",
    )


def element(node: Element, compiler: Any, connection: Any) -> Compiled:
    """Compile an element, which is a row of json_each() with the alias."""
    return element_sql(node.alias, columns.template(node.output_field)), ()


def element_sql(alias: str, template: str) -> str:
    json_text = (
        f"CASE WHEN {alias}.type IN ('array', 'object') THEN {alias}.value "
        f"WHEN {alias}.type IN ('null', 'true', 'false') THEN {alias}.type "
        f"ELSE json_quote({alias}.value) END"
    )
    parts = {"value": f"{alias}.value", "type": f"{alias}.type", "json": f"({json_text})"}
    return read(template, (), **parts)[0]


def array_sql(compiler: Any, expression: Any) -> Compiled:
    """Compile an expression's array as JSON text. It is NULL if the value is no array."""
    sql, params = compiler.compile(expression)
    template = "(CASE json_type({value}) WHEN 'array' THEN {value} END)"
    if isinstance(expression, KeyTransform):  # a string's value there is no JSON
        template = (
            "(CASE WHEN json_valid({value}) THEN "
            "CASE json_type({value}) WHEN 'array' THEN {value} END END)"
        )
    return read(template, params, value=sql)


def any_element(node: AnyElement, compiler: Any, connection: Any, **context: Any) -> Compiled:
    inner, of_json = node.inner, isinstance(node.inner, (Part, AnyElement))
    if isinstance(inner, Part):
        inner = Part(inner.key, JSONField(), inner.lhs)
    array, params = array_sql(compiler, node.lhs)
    sql, inner_params = compiler.compile(inner)
    listed = f"json({sql})" if of_json else sql
    rows = f"json_each({array}) AS {node.alias}"
    all_of_it = f"(SELECT json_group_array({listed}) FROM {rows})"
    return (
        f"(CASE WHEN {array} IS NOT NULL THEN {all_of_it} END)",
        (*params, *inner_params, *params),
    )


def any_lookup(node: AnyLookup, compiler: Any, connection: Any) -> Compiled:
    array, params = array_sql(compiler, node.lhs.lhs)
    try:
        sql, inner_params = compiler.compile(node.of_element())
    except FullResultSet:
        sql, inner_params = "1", ()
    rows = f"json_each({array}) AS {node.lhs.alias}"
    return (
        f"EXISTS(SELECT 1 FROM {rows} WHERE {sql})",
        (*params, *inner_params),
    )


def length(node: Length, compiler: Any, connection: Any, **context: Any) -> Compiled:
    array, params = array_sql(compiler, node.lhs)
    return f"json_array_length({array})", params


def of_elements(node: OfElements, compiler: Any, connection: Any) -> Compiled:
    array, params = array_sql(compiler, node.array)
    sql, element_params = compiler.compile(node.element)
    return (
        f"(SELECT {node.function}({sql}) FROM json_each({array}) AS {node.alias})",
        (*element_params, *params),
    )


def register() -> None:
    """Register the expressions with SQLite, by Django's hook for vendors."""
    compiled: dict[Any, Any] = {
        Part: part,
        Element: element,
        AnyElement: any_element,
        AnyLookup: any_lookup,
        Length: length,
        OfElements: of_elements,
    }
    compiling.register("sqlite", compiled)
