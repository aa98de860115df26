"""Compiles expressions for members and elements of arrays and objects to SQL++."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FullResultSet
from django.db.models import JSONField
from django.db.models.expressions import Col
from django.db.models.sql.where import XOR, WhereNode

from django_cbtools.backends import compiling
from django_cbtools.models.fields import values
from django_cbtools.models.fields.aggregates import OfElements
from django_cbtools.models.fields.lookups import Contains
from django_cbtools.models.fields.paths import AnyElement, AnyLookup, Element, Length, Part

from . import columns
from .templates import Compiled

#: The beginning of an index key with an entry for each element.
EACH = "DISTINCT ARRAY"


def part(node: Part, compiler: Any, connection: Any, **context: Any) -> Compiled:
    root, keys = node.path
    if isinstance(root, Element):
        value, params = columns.below(root.alias, keys), ()
    else:
        sql, params = compiler.compile(root)
        value = columns.below(f"({sql})", keys)
    return _read(node.output_field, value), tuple(params) * _times(node.output_field)


def _shape(field: Any) -> str:
    return values.kind(field).shape


def _read(field: Any, value: str) -> str:
    return columns.SHAPES[_shape(field)].replace("%", "%%").format(x=value)


def _times(field: Any) -> int:
    return columns.SHAPES[_shape(field)].count("{x}")


def element(node: Element, compiler: Any, connection: Any) -> Compiled:
    return _read(node.output_field, node.alias), ()


def array(compiler: Any, expression: Any) -> Compiled:
    """Compile an expression's array. It is NULL if the value is no array."""
    sql, params = compiler.compile(expression)
    if isinstance(expression, (Col, Part)) and _shape(expression.output_field) == "array":
        return sql, params  # it has been looked at
    return only_array(sql), (*params, *params)


def only_array(sql: str) -> str:
    """Return SQL of the value if it is an array, else NULL."""
    return f"(CASE WHEN ISARRAY({sql}) THEN {sql} END)"


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
    inner = node.of_element()
    if id(node) in compiler.truths:
        compiler.truths |= truths(inner)
    try:
        sql, inner_params = compiler.compile(inner)
    except FullResultSet:
        sql, inner_params = "TRUE", ()
    sql = f"ANY {node.lhs.alias} IN {found} SATISFIES {sql} END"
    if id(node) not in compiler.truths:
        sql = f"IFMISSINGORNULL({sql}, FALSE)"
    return sql, (*params, *inner_params)


def each_element(node: AnyElement, compiler: Any) -> Compiled:
    """Compile the key of an index that has an entry for each element of an array."""
    found, params = array(compiler, node.lhs)
    item, item_params = compiler.compile(node.inner)
    return f"{EACH} {item} FOR {node.alias} IN {found} END", (*item_params, *params)


def each_of_array(column: Any, compiler: Any) -> Compiled:
    """Compile the key of an index that has an entry for each element of an array; the entries are
    the elements themselves."""
    found, params = array(compiler, column)
    item = compared(Contains(column, []).compared.shape, "e").replace("%", "%%")
    return f"{EACH} {item} FOR e IN {found} END", params


def compared(shape: str, value: str) -> str:
    """Return SQL of an element in the form in which elements are compared."""
    # Objects and arrays that contain nulls never equal anything by themselves.
    return f"ENCODE_JSON({value})" if shape == "any" else columns.read(shape, value)


def truths(node: Any) -> dict[int, Any]:
    """Return the conditions, by id, that only need to be true or not true. Such a condition may be
    NULL, and needs no conversion to false. An index serves ANY only without a conversion."""
    if not isinstance(node, WhereNode):
        return {id(node): node}
    found: dict[int, Any] = {}
    if not node.negated and node.connector != XOR:
        for child in node.children:
            found |= truths(child)
    return found


def length(node: Length, compiler: Any, connection: Any, **context: Any) -> Compiled:
    sql, params = array(compiler, node.lhs)
    return f"ARRAY_LENGTH({sql})", params


def of_elements(node: OfElements, compiler: Any, connection: Any) -> Compiled:
    """Compile an aggregate of one document's elements. It is NULL if there are none."""
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
    """Register the expressions with this backend, by Django's hook for vendors."""
    compiled: dict[Any, Any] = {
        Part: part,
        Element: element,
        AnyElement: any_element,
        AnyLookup: any_lookup,
        Length: length,
        OfElements: of_elements,
    }
    compiling.register("couchbase", compiled)
