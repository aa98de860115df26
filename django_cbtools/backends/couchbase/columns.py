"""The SQL++ expressions that read fields of documents, in one table by the shape of their JSON.

The expressions contain ``{x}``, the value in the document. They are never MISSING: a missing value,
or one of another type than the field's, is NULL, so that it breaks no query. They have no
parameters, so that an index on the same expression serves them.
"""

from __future__ import annotations

import re
from typing import Any

from django.db import models

from django_cbtools.exceptions import shown
from django_cbtools.models.fields import values

_NUMBER = "[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?"
_BASE64 = "([A-Za-z0-9+/]{{4}})*([A-Za-z0-9+/]{{2}}==|[A-Za-z0-9+/]{{3}}=)?"

#: By Kind.shape.
SHAPES = {
    "plain": "IFMISSING({x}, NULL)",
    "text": "CASE WHEN ISSTRING({x}) THEN {x} END",
    "any text": "CASE WHEN ISSTRING({x}) THEN {x} WHEN ISNUMBER({x}) THEN TOSTRING({x}) END",
    "integer": "IFMISSING(BITAND({x}, -1), NULL)",
    "real": "IFMISSING(IFNANORINF({x}, NULL), NULL)",
    "boolean": "CASE WHEN ISBOOLEAN({x}) THEN {x} END",
    "decimal": (
        f"CASE WHEN REGEXP_LIKE({{x}}, '{_NUMBER}') THEN TONUMBER({{x}}) "
        "WHEN {x} - {x} = 0 THEN {x} END"
    ),
    "moment": (
        "CASE WHEN {x} >= '0001-01-02' AND SUBSTR({x}, 4, 1) = '-' "
        "THEN STR_TO_UTC({x}, '', '2006-01-02T15:04:05.000000Z') END"
    ),
    "day": (
        "CASE WHEN {x} >= '0001' "
        "THEN DATE_FORMAT_STR(SUBSTR({x}, 0, 10), '2006-01-02', '2006-01-02') END"
    ),
    "time": (
        "CASE WHEN {x} >= '00' THEN DATE_FORMAT_STR('2000-01-01T' || {x}, '15:04:05.000000') END"
    ),
    "uuid": (
        "CASE WHEN REGEXP_LIKE(REPLACE({x}, '-', ''), '[0-9a-fA-F]{{32}}') "
        "THEN LOWER(REPLACE({x}, '-', '')) END"
    ),
    "binary": f"CASE WHEN REGEXP_LIKE({{x}}, '{_BASE64}') THEN {{x}} END",
    "json": "IFMISSING({x}, NULL)",
    "array": "CASE WHEN ISARRAY({x}) THEN {x} END",
    "object": "CASE WHEN ISOBJECT({x}) THEN {x} END",
    "any": "{x}",
    # What JSON has there: a null too, while a key that is missing is NULL.
    #: A decimal as it is there: the other one is a double.
    "exact decimal": (
        f"CASE WHEN REGEXP_LIKE({{x}}, '{_NUMBER}') THEN {{x}} "
        "WHEN {x} - {x} = 0 THEN {x} END"
    ),
    "type": "CASE WHEN {x} IS NOT MISSING THEN TYPE({x}) END",
    "raw": "CASE WHEN {x} IS NOT MISSING THEN ENCODE_JSON({x}) END",
}


def quoted(name: str) -> str:
    """Return a name, or a key in a path, quoted for SQL++. Raise ValueError if SQL++ cannot have
    the name."""
    if not name or "\0" in name:
        # An empty key would be the whole object.
        raise ValueError(f"{shown(name)!r} cannot be a name in SQL++.")
    return "`" + name.replace("\\", "\\\\").replace("`", "``") + "`"


def literal(text: str) -> str:
    """Return a text as a literal of SQL++."""
    return "'" + text.replace("\\", "\\\\").replace("'", "''").replace("\0", "\\u0000") + "'"


def path(root: str | None, keys: list[Any]) -> str:
    """Return the expression of the value at a path of keys and array indexes. Without ``root``, the
    path begins in the document."""
    if root is None:
        first, *keys = keys
        root = quoted(first)
    for key in keys:
        if isinstance(key, int):
            root = f"{root}[{key}]"
        elif key and "\0" not in key:
            root = f"{root}.{quoted(key)}"
        else:
            # A path cannot contain such a key.
            pairs = f"IFNULL(OBJECT_PAIRS({root}), MISSING)"
            root = f"(FIRST q.val FOR q IN {pairs} WHEN q.name = {literal(key)} END)"
    return root


def below(sql: str, keys: list[Any]) -> str:
    """Return :func:`path` from an expression of a statement, with the percent signs of the keys
    doubled."""
    return path("\0", keys).replace("%", "%%").replace("\0", sql)


def read(shape: str, value: str) -> str:
    """Return the table's expression for a value."""
    return SHAPES[shape].format(x=value)


def exact(alias: str, field: Any) -> str | None:
    """Return the expression that shows a field exactly, or None if the field's own does."""
    if values.kind(field).shape != "decimal":
        return None
    return read("exact decimal", path(quoted(alias), [values.json_key(field)]))


def uid(alias: str | None) -> str:
    """Return the expression of a document's key. Indexes have no alias."""
    return f"META({'' if alias is None else quoted(alias)}).id"


def is_document(alias: str | None) -> str:
    """Return the condition that a document is not one of the gateway's own.

    Those are beside the others, and one of them, ``_local``, has a body that its client chooses.
    """
    return f"{uid(alias)} NOT LIKE '\\\\_sync:%'"


def column(alias: str | None, field: Any) -> str:
    """Return the expression that reads a field of a document. Indexes have no alias."""
    root = None if alias is None else quoted(alias)
    if field.name == "uid":
        # If the key itself was in an index, the service would take is_document(), which each query
        # has, for two ranges of it. It would prefer that index to one in the order of a query, and
        # scan it to follow a relation instead of fetching the document.
        return f"TOSTRING({uid(alias)})"
    if field.name == "rev":
        # The gateway's revision is in its metadata, which programs must not rely on.
        return f"'cas:' || TOSTRING(META({root or ''}).cas)"
    if field.name in ("extra", "_document"):
        return root or "SELF"
    value = path(root, [values.json_key(field)])
    if field.name == "st_deleted":
        # Only true means deleted. A phone may have written other values.
        return f"IFMISSINGORNULL({value} = TRUE, FALSE)"
    found = read(values.kind(field).shape, value)
    other = values.other_key(field) if isinstance(field, models.ForeignKey) else None
    if other is not None:
        name, beginning = other
        there = path(root, [name])
        like = literal(re.sub(r"([\\%_])", r"\\\1", beginning) + "%")
        found = (
            f"CASE WHEN {value} IS MISSING AND {there} LIKE {like} THEN {there} ELSE {found} END"
        )
    return found
