"""Decode JSON from clients, with limits, and with the error messages of Go's decoder.

Every JSON text that a client sends goes through this module.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from typing import Any

from django_cbtools import canonical

from .errors import GatewayError, bad_request

_PLACES = {
    "Expecting value": "looking for beginning of value",
    "Expecting property name enclosed in double quotes": "looking for beginning of object key "
    "string",
    "Illegal trailing comma before end of object": "looking for beginning of object key string",
    "Illegal trailing comma before end of array": "looking for beginning of value",
    "Expecting ':' delimiter": "after object key",
}
#: The most memory (bytes) that the values of a text may take.
MAX_MEMORY = 128 * 1024 * 1024
#: About how many bytes a value takes by the characters that are outside of strings; a string has
#: two quotes.
_COSTS = {"{": 200, "[": 90, ",": 80, ":": 80, '"': 40}
#: A text is looked at in pieces of so many characters.
_PIECE = 1 << 20
_BRACKET = re.compile(r"[\[\]{}]")
_KINDS = {dict: "object", list: "array", str: "string", bool: "bool", int: "number"}


def kind(value: Any) -> str:
    """The JSON type of a value, as Go names it."""
    return _KINDS.get(type(value), "number")


def width(text: str) -> int:
    """How many bytes each character of a text takes: as many as the widest one needs."""
    return max(1, sys.getsizeof(text) // (len(text) + 1)) if len(text) > 100 else 4


def check_memory(text: str) -> None:
    """Raise a 413 GatewayError for a JSON text whose values would take too much memory.

    A few bytes of text can stand for a hundred times as much: ``{}`` is an object of its own.
    """
    if len(text) * _COSTS["{"] <= MAX_MEMORY:
        return
    widest = width(text)
    if "\\u" in text:
        widest = max(widest, 4 if re.search(r"\\u[dD]", text) else 2)
    # In the text that is stored, and that a digest is taken over, these are six characters each.
    escaped = sum(text.count(character) for character in "<>&")
    size = (len(text) - 5 * text.count("\\u")) * widest + escaped * 5
    for outside, quotes in _outside_of_strings(text):
        size += sum(outside.count(character) * cost for character, cost in _COSTS.items())
        size += quotes * _COSTS['"']
        if size > MAX_MEMORY:
            raise GatewayError(413, "Request body too large: send fewer values at once")


def _outside_of_strings(text: str) -> Iterator[tuple[str, int]]:
    """What is outside of the strings of a JSON text, piece by piece, and the number of quotes."""
    start = in_string = 0
    while start < len(text):
        piece = text[start : start + _PIECE]
        # An escape must not be cut in two.
        if (len(piece) - len(piece.rstrip("\\"))) % 2:
            piece = text[start : start + _PIECE + 1]
        start += len(piece)
        parts = piece.replace("\\\\", "").replace('\\"', "").split('"')
        yield "".join(parts[in_string::2]), len(parts) - 1
        in_string ^= (len(parts) - 1) % 2


def decode(text: str) -> Any:
    """The first value of a JSON text, as Go's stream decoder reads it: the rest is ignored.

    Raises a 400 GatewayError, or a 413 one as :func:`check_memory` does.
    """
    check_memory(text)
    try:
        return canonical.loads(text)[0]
    except ValueError as error:
        raise bad_request(f"Bad JSON: {_message(text, error, 'unexpected EOF')}") from None


def decode_object(text: str, go_type: str = "db.Body") -> dict[str, Any]:
    """Like :func:`decode`, for a text that must be an object."""
    value = decode(text)
    if value is None:
        raise bad_request("Document body is empty")
    if not isinstance(value, dict):
        raise bad_request(
            f"Bad JSON: json: cannot unmarshal {kind(value)} into Go value of type {go_type}"
        )
    return value


def unmarshal(text: str) -> Any:
    """The value of a JSON text, as Go's Unmarshal reads it: nothing may follow the value.

    Raises a 400 GatewayError, or a 413 one as :func:`check_memory` does.
    """
    check_memory(text)
    try:
        value, end = canonical.loads(text)
        if text[end:].strip():
            raise _invalid(f"invalid character '{text[end:].strip()[0]}' after top-level value")
    except ValueError as error:
        raise _invalid(_message(text, error, "unexpected end of JSON input")) from None
    return value


def _invalid(message: str) -> GatewayError:
    return bad_request(f'Invalid JSON: "{message}"')


def _message(text: str, error: ValueError, at_end: str) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    if not text.strip():
        return "EOF" if at_end == "unexpected EOF" else at_end
    position = error.pos + error.msg.startswith("Illegal trailing comma")
    rest = text[position:].lstrip(" \t\r\n")
    if not rest or error.msg.startswith("Unterminated string"):
        return at_end
    place = _PLACES.get(error.msg, "in string literal")
    if error.msg == "Expecting ',' delimiter":
        place = _after(text[:position])
    return f"invalid character {_quoted(rest[0])} {place}"


def _quoted(character: str) -> str:
    return "'\\''" if character == "'" else f"'{character}'"


def _after(text: str) -> str:
    """Go's words for a place in a JSON text, by the innermost bracket that is open at its end."""
    openers: list[str] = []
    for outside, _ in _outside_of_strings(text):
        for bracket in _BRACKET.findall(outside):
            if bracket in "[{":
                openers.append(bracket)
            else:
                openers.pop()
    return "after array element" if openers[-1:] == ["["] else "after object key:value pair"
