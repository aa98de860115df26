"""Decodes JSON from clients, with a memory limit and the error messages of Go's decoder.

All JSON that clients send goes through this module.
"""

from __future__ import annotations

import json
import re
import sys
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
#: The most memory (bytes) that the characters of a JSON text may take. A document's characters are
#: in memory up to four times: as a value, twice while that is encoded, and as the stored document.
MAX_TEXT = 48 * 1024 * 1024
#: The most memory (bytes) that the decoded values of a JSON text may take.
MAX_MEMORY = 128 * 1024 * 1024
#: Estimates the memory (bytes) of values: what each of these characters outside of strings costs. A
#: string has two quotes.
_COSTS = {"{": 200, "[": 90, ",": 80, ":": 80, '"': 40}
_KINDS = {dict: "object", list: "array", str: "string", bool: "bool", int: "number"}


def kind(value: Any) -> str:
    """Return the JSON type of a value, as Go names it."""
    return _KINDS.get(type(value), "number")


def width(text: str) -> int:
    """Return how many bytes Python uses for each character of a string.

    That is the number of bytes that the widest character needs: 1, 2 or 4.
    """
    return max(1, sys.getsizeof(text) // (len(text) + 1)) if len(text) > 100 else 4


def check_memory(text: str) -> None:
    """Raise a 413 GatewayError for a JSON text whose values would take too much memory.

    Decoded values can be a hundred times as large as the text: ``{}`` becomes a whole object.
    """
    if len(text) * _COSTS["{"] <= MAX_MEMORY:
        return
    widest = width(text)
    if "\\u" in text:
        widest = max(widest, 4 if re.search(r"\\u[dD]", text) else 2)
    # These are escaped with six characters each in the JSON that is stored and digested.
    escaped = sum(text.count(character) for character in "<>&")
    size = (len(text) - 5 * text.count("\\u")) * widest + escaped * 5
    if size > MAX_TEXT:
        raise GatewayError(413, "Request body too large: send less at once")
    for outside, quotes in canonical.outside_of_strings(text):
        size += sum(outside.count(character) * cost for character, cost in _COSTS.items())
        size += quotes * _COSTS['"']
        if size > MAX_MEMORY:
            raise GatewayError(413, "Request body too large: send fewer values at once")


def decode(text: str) -> Any:
    """Return the first value of a JSON text. Like Go's stream decoder, this ignores the rest.

    Raises a 400 GatewayError if the text is not JSON, and a 413 GatewayError if its values would
    take too much memory.
    """
    check_memory(text)
    try:
        return canonical.loads(text)[0]
    except ValueError as error:
        raise bad_request(f"Bad JSON: {_message(text, error, 'unexpected EOF')}") from None


def decode_object(text: str, go_type: str = "db.Body") -> dict[str, Any]:
    """Return the object that a JSON text begins with, as :func:`decode` does.

    Raises a 400 GatewayError if the value is not an object. ``go_type`` is the type in the message.
    """
    value = decode(text)
    if value is None:
        raise bad_request("Document body is empty")
    if not isinstance(value, dict):
        raise bad_request(
            f"Bad JSON: json: cannot unmarshal {kind(value)} into Go value of type {go_type}"
        )
    return value


def unmarshal(text: str) -> Any:
    """Return the value of a JSON text. As with Go's Unmarshal, nothing may follow the value.

    Raises a 400 GatewayError if the text is not JSON, and a 413 GatewayError if its values would
    take too much memory.
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
