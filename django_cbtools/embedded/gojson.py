"""Decodes JSON from clients, with a memory limit and the error messages of Go's decoder.

All JSON that clients send goes through this module.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from django_cbtools import canonical

from . import gosyntax
from .errors import GatewayError, bad_request

_SPACE = " \t\r\n"
#: Go's Unmarshal reads the end of a text as a space, in the middle of a number as well.
_END = " "
_CUT_OFF = "unexpected end of JSON input"
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
        if text[end:].strip(_SPACE):
            raise _invalid(gosyntax.after_value(text + _END, end) or _CUT_OFF)
    except ValueError as error:
        raise _invalid(_message(text + _END, error, _CUT_OFF)) from None
    return value


def _invalid(message: str) -> GatewayError:
    return bad_request(f'Invalid JSON: "{message}"')


def _message(text: str, error: ValueError, at_end: str) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    if not text.strip(_SPACE):
        return "EOF" if at_end == "unexpected EOF" else at_end
    complaint = gosyntax.complaint(text, error)
    return at_end if complaint is None else complaint
