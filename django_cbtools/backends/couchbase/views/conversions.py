"""JavaScript's conversions, in SQL++ and of constants."""

from __future__ import annotations

import json
import re

from ..columns import literal

#: What JavaScript takes for white space.
_SPACE = r"[\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]*"
_NUMBER = "[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?"
_FALSY = "[FALSE, 0, '']"


def truthy(sql: str) -> str:
    """Return SQL++ that is TRUE if JavaScript takes the value for true, else FALSE."""
    return f"IFMISSINGORNULL({sql}, FALSE) NOT IN {_FALSY}"


def falsy(sql: str) -> str:
    return f"IFMISSINGORNULL({sql}, FALSE) IN {_FALSY}"


def exactly(sql: str) -> str:
    """A condition as TRUE or FALSE."""
    return f"IFMISSINGORNULL({sql}, FALSE)"


def number(sql: str) -> str:
    """``Number(value)``; NULL for what is none. (What counts as 0 or 1 among arrays is none.)"""
    only = literal(f"{_SPACE}{_NUMBER}{_SPACE}")
    return (
        f"CASE WHEN {sql} IS NULL THEN 0 WHEN ISNUMBER({sql}) THEN {sql} "
        f"WHEN ISBOOLEAN({sql}) THEN CASE WHEN {sql} THEN 1 ELSE 0 END "
        f"WHEN REGEXP_LIKE({sql}, {literal(_SPACE)}) THEN 0 "
        f"WHEN REGEXP_LIKE({sql}, {only}) THEN {_first_number(sql)} END"
    )


def leading_number(sql: str) -> str:
    """``parseFloat(value)``; NULL for what is none."""
    begins = literal(f"^{_SPACE}{_NUMBER}")
    return (
        f"CASE WHEN ISNUMBER({sql}) THEN {sql} "
        f"WHEN REGEXP_CONTAINS({sql}, {begins}) THEN {_first_number(sql)} END"
    )


def _first_number(sql: str) -> str:
    return f"TONUMBER(REGEXP_MATCHES({sql}, {literal(_NUMBER)})[0])"


def lower(sql: str) -> str:
    """``value.toLowerCase()``."""
    return f"LOWER(REPLACE({sql}, '\u0130', 'i\u0307'))"


def constant(value: object) -> str:
    """A constant of JSON in SQL++."""
    return literal(value) if isinstance(value, str) else json.dumps(value).upper()


def number_of(text: str) -> int | float | None:
    """The number that JavaScript takes a constant text for; None for none."""
    found = text.strip("\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff")
    if not found:
        return 0
    if re.fullmatch(_NUMBER, found):
        return float(found) if re.search("[.eE]", found) else int(found)
    if re.fullmatch("0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", found):
        return int(found, 0)
    return None
