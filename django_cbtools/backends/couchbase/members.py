"""What is within arrays and objects, as SQL++: members, elements, and any of the elements."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FullResultSet
from django.db.models import JSONField

from django_cbtools.models import values
from django_cbtools.models.member_aggregates import OfElements
from django_cbtools.models.member_paths import AnyElement, AnyLookup, Element, Length, Part

from . import columns
from .templates import Compiled


def part(node: Part, compiler: Any, connection: Any, **context: Any) -> Compiled:
    root, keys = node.path
    if isinstance(root, Element):
        value, params = columns.path(root.alias, keys), ()
    else:
        sql, params = compiler.compile(root)
        value = f"({sql})" + columns.path("", keys).replace("%", "%%")
    return _read(node.output_field, value), tuple(params) * _times(node.output_field)


def _read(field: Any, value: str) -> str:
    shape = values.kind(field).shape
    return columns.SHAPES[shape].replace("%", "%%").format(x=value)


def _times(field: Any) -> int:
    return columns.SHAPES[values.kind(field).shape].count("{x}")


def element(node: Element, compiler: Any, connection: Any) -> Compiled:
    return _read(node.output_field, node.alias), ()


def array(compiler: Any, expression: Any) -> Compiled:
    """An expression's array; NULL where it is none."""
    sql, params = compiler.compile(expression)
    return f"(CASE WHEN ISARRAY({sql}) THEN {sql} END)", (*params, *params)


def any_element(node: AnyElement, compiler: Any, connection: Any, **context: Any) -> Compiled:
    inner = node.inner
    if isinstance(inner, Part):
        inner = Part(inner.key, JSONField(), inner.lhs)
    sql, params = array(compiler, node.lhs)
    item, inner_params = compiler.compile(inner)
    return (
        f"(CASE WHEN {sql} IS NOT NULL THEN "
        f"ARRAY IFMISSING({item}, NULL) FOR {node.alias} IN {sql} END END)",
        (*params, *inner_params, *params),
    )


def any_lookup(node: AnyLookup, compiler: Any, connection: Any) -> Compiled:
    found, params = array(compiler, node.lhs.lhs)
    try:
        sql, inner_params = compiler.compile(node.of_element())
    except FullResultSet:
        sql, inner_params = "TRUE", ()
    return (
        f"IFMISSINGORNULL(ANY {node.lhs.alias} IN {found} SATISFIES {sql} END, FALSE)",
        (*params, *inner_params),
    )


def length(node: Length, compiler: Any, connection: Any, **context: Any) -> Compiled:
    sql, params = array(compiler, node.lhs)
    return f"ARRAY_LENGTH({sql})", params


def of_elements(node: OfElements, compiler: Any, connection: Any) -> Compiled:
    """An aggregate of one document's elements: over none of them there is no sum."""
    found, params = array(compiler, node.array)
    sql, element_params = compiler.compile(node.element)
    each = f"{node.alias}_v"
    items = (
        f"(ARRAY {each} FOR {each} IN (ARRAY {sql} FOR {node.alias} IN {found} END) "
        f"WHEN {each} IS VALUED END)"
    )
    inner = (*element_params, *params)
    if node.function == "COUNT":
        return f"(CASE WHEN {found} IS NOT NULL THEN ARRAY_LENGTH({items}) ELSE 0 END)", (
            *params, *inner,
        )  # fmt: skip
    return (
        f"(CASE WHEN ARRAY_LENGTH({items}) > 0 THEN ARRAY_{node.function}({items}) END)",
        (*inner, *inner),
    )


def register() -> None:
    """Have this backend compile these expressions so, by Django's hook for a vendor."""
    compiled: dict[Any, Any] = {
        Part: part,
        Element: element,
        AnyElement: any_element,
        AnyLookup: any_lookup,
        Length: length,
        OfElements: of_elements,
    }
    for expression, as_couchbase in compiled.items():
        expression.as_couchbase = as_couchbase
