"""The error messages of Go for text that is not JSON."""

from __future__ import annotations

import json
import re

from django_cbtools import canonical

_BEFORE = {
    "Expecting property name enclosed in double quotes": "looking for beginning of object key "
    "string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
    "Invalid control character at": "in string literal",
}
#: How a number goes on: a character that does not fit is told with the place's name.
_NUMBER = re.compile(r"\.|[eE][+-]?")
_ESCAPES = {
    "'": r"\'",
    "\\": r"\\",
    **{chr(7 + place): rf"\{letter}" for place, letter in enumerate("abtnvfr")},
}


def complaint(text: str, error: json.JSONDecodeError) -> str | None:
    """Return what Go says where Python has found ``error``; None if the text ends too early."""
    position = error.pos + error.msg.startswith("Illegal trailing comma")
    if not error.msg.startswith("Invalid"):
        position = _first(r"[^ \t\r\n]", text, position)
    if error.msg.startswith("Unterminated string"):
        return None
    if error.msg.startswith("Invalid \\"):
        position = text.rfind("\\", 0, error.pos + 1) + 1
        place = "in string escape code"
        if text[position : position + 1] == "u":
            position = _first(r"[^0-9a-fA-F]", text, position + 1)
            place = "in \\u hexadecimal character escape"
    elif error.msg == "Expecting value":
        position, place = _value(text, position)
    elif error.msg == "Expecting ',' delimiter":
        position, place = _number(text, position) or (position, _after(text[:position]))
    else:
        place = _BEFORE[error.msg]
    return _invalid(text, position, place)


def after_value(text: str, end: int) -> str | None:
    """Return what Go says of what follows a value, as :func:`complaint` does."""
    position = _first(r"[^ \t\r\n]", text, end)
    return _invalid(text, *(_number(text, position) or (position, "after top-level value")))


def _invalid(text: str, position: int, place: str) -> str | None:
    if position >= len(text):
        return None
    # Go reads bytes: a character of several is told by the first. (Which byte it was that cannot be
    # decoded is not known here.)
    byte = text[position]
    if byte != "\ufffd":
        byte = chr(byte.encode("utf-8", "surrogatepass")[0])
    quoted = _ESCAPES.get(byte, byte if byte.isprintable() else f"\\x{ord(byte):02x}")
    return f"invalid character '{quoted}' {place}"


def _value(text: str, position: int) -> tuple[int, str]:
    for word in ("true", "false", "null"):
        if text.startswith(word[0], position):
            fits = 1
            while text.startswith(word[: fits + 1], position):
                fits += 1
            return position + fits, f"in literal {word} (expecting '{word[fits]}')"
    if text.startswith("-", position):
        return position + 1, "in numeric literal"
    return position, "looking for beginning of value"


def _number(text: str, position: int) -> tuple[int, str] | None:
    """Return where a number that goes on at a position is wrong; None if none goes on there."""
    part = _NUMBER.match(text, position)
    if part is None or not text[position - 1 : position].isdecimal():
        return None
    place = "after decimal point in" if part[0] == "." else "in exponent of"
    return part.end(), f"{place} numeric literal"


def _after(text: str) -> str:
    """Return Go's words for the place at the end of a JSON text that is cut off after a value.

    They depend on the innermost open bracket.
    """
    openers: list[str] = []
    for bracket in canonical.brackets(text):
        if bracket in "[{":
            openers.append(bracket)
        else:
            openers.pop()
    return "after array element" if openers[-1:] == ["["] else "after object key:value pair"


def _first(pattern: str, text: str, start: int) -> int:
    found = re.compile(pattern).search(text, start)
    return found.start() if found else len(text)
