"""Compiles lookups of JSON fields to SQL++: of whole values, and of the values of keys."""

from __future__ import annotations

import copy
import json
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import JSONField
from django.db.models.fields import json as django
from django.db.models.lookups import In

from django_cbtools.backends import compiling

from . import columns
from .lookups import builtin, in_list
from .templates import Compiled, filled


def is_in(node: In, compiler: Any, connection: Any) -> Compiled:
    if isinstance(node.lhs.output_field, JSONField) and not isinstance(
        node.lhs, django.KeyTransform
    ):
        return in_json(node, compiler, connection)
    return in_list(node, compiler, connection)


def key_path(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile the value of a key of a JSON field. It may be MISSING."""
    found = node.preprocess_lhs(compiler, connection)
    lhs, params, keys = found[:3]
    return _path(lhs, keys), tuple(params)


def _path(lhs: str, keys: Any) -> str:
    return columns.below(_bare(lhs), [_step(key) for key in keys])


def _bare(lhs: str) -> str:
    # A path can only follow an expression in parentheses.
    return lhs if lhs.endswith(("`", "]")) and " " not in lhs else f"({lhs})"


def _step(key: Any) -> Any:
    text = str(key)
    return int(text) if text.lstrip("-").isdecimal() and text.isascii() else text


def key_transform(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    sql, params = key_path(node, compiler, connection)
    return (sql if hasattr(node, "is_compared") else f"IFMISSING({sql}, NULL)"), params


def key_text(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    """Compile the value of a key as text."""
    found = key_path(node, compiler, connection)
    return filled(
        "CASE WHEN ISSTRING({0}) THEN {0} WHEN {0} IS VALUED THEN ENCODE_JSON({0}) END", [found]
    )


def of_key(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile a comparison with the value of a key. A null equals nothing. If the key is missing,
    the result is NULL, so that neither filter() nor exclude() finds the document."""
    copied = copy.copy(node)
    copied.lhs = copy.copy(node.lhs)
    copied.lhs.is_compared = True
    compiled = in_list if isinstance(node, In) else type(node).as_sql
    sql, params = compiled(copied, compiler, connection)
    guard = _ORDERED.get(type(node.rhs)) if isinstance(node, _ORDERINGS) else None
    if guard is not None:
        # The service orders values of different types, which JSON does not.
        path, more = key_path(node.lhs, compiler, connection)
        sql, params = f"{sql} AND {guard}({path})", (*params, *more)
    return f"IFNULL({sql}, FALSE)", params


_ORDERINGS = (
    django.KeyTransformLt,
    django.KeyTransformLte,
    django.KeyTransformGt,
    django.KeyTransformGte,
)
_ORDERED = {int: "ISNUMBER", float: "ISNUMBER", str: "ISSTRING"}


def of_key_text(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile a comparison with the value of a key as text; see :func:`of_key`."""
    path = key_path(node.lhs, compiler, connection)
    compared = builtin(node, compiler, connection)
    return filled("CASE WHEN {0} IS NOT MISSING THEN IFNULL({1}, FALSE) END", [path, compared])


def key_exact(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile an exact comparison with the value of a key; see :func:`of_key`. It also finds a
    null, and objects and arrays with nulls."""
    path = key_path(node.lhs, compiler, connection)
    right, params = super(django.JSONExact, node).process_rhs(compiler, connection)
    if right == "%s" and [*params] == [None]:
        return filled("IFNULL({0} IS NULL, FALSE)", [path])
    if right == "%s" and isinstance(params[0], (list, dict)):
        template = "CASE WHEN {0} IS NOT MISSING THEN ENCODE_JSON({0}) = ENCODE_JSON({1}) END"
        return filled(template, [path, (right, params)])
    return filled("IFNULL({0} = {1}, FALSE)", [path, (right, params)])


def in_json(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile a comparison with several objects or arrays, which may contain nulls."""
    if not node.rhs_is_direct_value():
        return in_list(node, compiler, connection)
    lhs, lhs_params = node.process_lhs(compiler, connection)
    rhs: Any = [value for value in node.rhs if value is not None]
    if not rhs:
        raise EmptyResultSet
    _, params = node.batch_process_rhs(compiler, connection, rhs)
    return (
        f"CASE WHEN {lhs} IS VALUED THEN "
        f"ENCODE_JSON({lhs}) IN ARRAY ENCODE_JSON(v) FOR v IN %s END END",
        (*lhs_params, *lhs_params, list(params)),
    )


def key_is_null(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile a condition that an object has no such key. A key with a null exists."""
    sql, params = key_path(node.lhs, compiler, connection)
    return f"{sql} IS {'MISSING' if node.rhs else 'NOT MISSING'}", params


def has_keys(node: Any, compiler: Any, connection: Any, **context: Any) -> Compiled:
    keys = node.rhs if isinstance(node.rhs, (list, tuple)) else [node.rhs]
    conditions = []
    params: list[Any] = []
    for key in keys:
        if isinstance(key, django.KeyTransform):
            *_, names = key.preprocess_lhs(compiler, connection)
        else:
            names = [key]
        lhs, more = _lhs(node.lhs, compiler, connection)
        json.dumps(names[-1])  # raises TypeError if it cannot be a key
        path = _path(lhs, names[:-1]) if len(names) > 1 else _bare(lhs)
        # The last one is a key, never an array index, as in Django.
        path = columns.below(path, [str(names[-1])])
        conditions.append(f"{path} IS NOT MISSING")
        params += more
    joined = (node.logical_operator or " AND ").join(conditions)
    return (f"({joined})" if len(conditions) > 1 else joined), tuple(params)


def _lhs(expression: Any, compiler: Any, connection: Any) -> Compiled:
    if isinstance(expression, django.KeyTransform):
        return key_path(expression, compiler, connection)
    found: Compiled = compiler.compile(expression)
    return found


def json_exact(node: Any, compiler: Any, connection: Any) -> Compiled:
    """Compile a comparison with an object or array, whatever the order of keys. ``=`` would not
    find one with a null in it."""
    lhs, lhs_params = node.process_lhs(compiler, connection)
    rhs, rhs_params = super(django.JSONExact, node).process_rhs(compiler, connection)
    if rhs == "%s" and [*rhs_params] == [None]:
        sql, params = _lhs(node.lhs, compiler, connection)
        return f"{sql} IS NULL", params
    if rhs == "%s" and not isinstance(rhs_params[0], (list, dict)):
        return f"{lhs} = %s", (*lhs_params, *rhs_params)
    return filled(
        "CASE WHEN {0} IS VALUED THEN ENCODE_JSON({0}) = ENCODE_JSON({1}) END",
        [(lhs, lhs_params), (rhs, rhs_params)],
    )


def register() -> None:
    """Register the lookups with this backend."""
    compiled: dict[Any, Any] = {
        In: is_in,
        django.KeyTransform: key_transform,
        django.KeyTransformIsNull: key_is_null,
        django.HasKeyLookup: has_keys,
        django.JSONExact: json_exact,
        django.KeyTextTransform: key_text,
        django.KeyTransformExact: key_exact,
        django.KeyTransformIn: of_key,
        django.KeyTransformLt: of_key,
        django.KeyTransformLte: of_key,
        django.KeyTransformGt: of_key,
        django.KeyTransformGte: of_key,
        **dict.fromkeys(django.KeyTransformTextLookupMixin.__subclasses__(), of_key_text),
    }
    compiling.register("couchbase", compiled)
