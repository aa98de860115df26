"""JSON from outside, with the gateway's answers to what is no JSON: it speaks as Go does."""

from __future__ import annotations

import json
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
_KINDS = {dict: "object", list: "array", str: "string", bool: "bool", int: "number"}


def kind(value: Any) -> str:
    """The JSON kind of a value, in the word that Go has for it."""
    return _KINDS.get(type(value), "number")


def decode(text: str) -> Any:
    """The first JSON value in a text, as Go's stream decoder reads it: what follows is ignored.

    Raises a 400 GatewayError.
    """
    try:
        return canonical.loads(text)[0]
    except ValueError as error:
        raise bad_request(f"Bad JSON: {_message(text, error, 'unexpected EOF')}") from None


def decode_object(text: str, go_type: str = "db.Body") -> dict[str, Any]:
    """As :func:`decode`, for an object."""
    value = decode(text)
    if value is None:
        raise bad_request("Document body is empty")
    if not isinstance(value, dict):
        raise bad_request(
            f"Bad JSON: json: cannot unmarshal {kind(value)} into Go value of type {go_type}"
        )
    return value


def unmarshal(text: str) -> Any:
    """The JSON value that a text is, as Go's Unmarshal reads it: nothing may follow.

    Raises a 400 GatewayError.
    """
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
    """Whether the innermost open bracket of a JSON text that breaks off is an array's."""
    openers: list[str] = []
    in_string = escaped = False
    for character in text:
        if in_string:
            in_string = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"':
            in_string = True
        elif character in "[{":
            openers.append(character)
        elif character in "]}":
            openers.pop()
    return "after array element" if openers[-1:] == ["["] else "after object key:value pair"
