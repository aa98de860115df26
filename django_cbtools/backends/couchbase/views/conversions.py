"""JavaScript's conversions, as SQL++ and of constants."""

from __future__ import annotations

import json
import re

from ..columns import literal

#: The characters that JavaScript takes for white space.
_SPACE = r"[\t-\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}]*"
_NUMBER = "[-+]?([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][-+]?[0-9]+)?"
_FALSY = "[FALSE, 0, '']"


def truthy(sql: str) -> str:
    """Return SQL++ that is TRUE if JavaScript takes the value for true, else FALSE."""
    return f"IFMISSINGORNULL({sql}, FALSE) NOT IN {_FALSY}"


def falsy(sql: str) -> str:
    return f"IFMISSINGORNULL({sql}, FALSE) IN {_FALSY}"


def exactly(sql: str) -> str:
    """Return SQL++ of a condition that is TRUE or FALSE, and never NULL or MISSING."""
    return f"IFMISSINGORNULL({sql}, FALSE)"


def number(sql: str) -> str:
    """Return SQL++ for ``Number(value)``, or NULL if that is NaN. Arrays that JavaScript converts
    to 0 or 1 are NULL, too."""
    only = literal(f"{_SPACE}{_NUMBER}{_SPACE}")
    return (
        f"CASE WHEN {sql} IS NULL THEN 0 WHEN ISNUMBER({sql}) THEN {sql} "
        f"WHEN ISBOOLEAN({sql}) THEN CASE WHEN {sql} THEN 1 ELSE 0 END "
        f"WHEN REGEXP_LIKE({sql}, {literal(_SPACE)}) THEN 0 "
        f"WHEN REGEXP_LIKE({sql}, {only}) THEN {_first_number(sql)} END"
    )


def leading_number(sql: str) -> str:
    """Return SQL++ for ``parseFloat(value)``, or NULL if that is NaN."""
    begins = literal(f"^{_SPACE}{_NUMBER}")
    return (
        f"CASE WHEN ISNUMBER({sql}) THEN {sql} "
        f"WHEN REGEXP_CONTAINS({sql}, {begins}) THEN {_first_number(sql)} END"
    )


def _first_number(sql: str) -> str:
    return f"TONUMBER(REGEXP_MATCHES({sql}, {literal(_NUMBER)})[0])"


def lower(sql: str) -> str:
    """Return SQL++ for ``value.toLowerCase()``."""
    return f"LOWER(REPLACE({sql}, '\u0130', 'i\u0307'))"


def constant(value: object) -> str:
    """Return a JSON constant as SQL++."""
    return literal(value) if isinstance(value, str) else json.dumps(value).upper()


def number_of(text: str) -> int | float | None:
    """Return the number that JavaScript converts a constant text to, or None for NaN."""
    found = text.strip("\t\n\v\f\r \xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff")
    if not found:
        return 0
    if re.fullmatch(_NUMBER, found):
        return float(found) if re.search("[.eE]", found) else int(found)
    if re.fullmatch("0([xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)", found):
        return int(found, 0)
    return None
