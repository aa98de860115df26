"""JSON as the gateway reads and writes it, and the revision digest taken over it.

The rule is in ``tests/gateway/transcripts/rev-digest-examples.json``: keys sorted at every level,
the text
of numbers exactly as sent, Go's escapes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

#: Special properties: they take no part in the digest and are not kept in the stored body.
SPECIAL = frozenset(
    ("_attachments", "_cv", "_exp", "_id", "_purged", "_removed", "_rev", "_revisions", "_sync")
)
#: How deep a value may be nested. A real gateway goes to 10,000; Python and SQLite do not.
MAX_DEPTH = 200
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPE = re.compile(
    r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    r"|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)
_GO_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_NEEDS_ESCAPE = re.compile("[<>&\u2028\u2029]")


class Number(float):
    """A JSON number whose text Python would write differently, such as ``1E+2`` or ``-0``."""

    text: str

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


def _float(text: str) -> float:
    number = float(text)
    return number if repr(number) == text else Number(text)


def _int(text: str) -> int | float:
    return Number(text) if text == "-0" or len(text) > 4000 else int(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"invalid character {text[0]!r} looking for beginning of value")


_fast = json.JSONDecoder(parse_float=_float, parse_constant=_refuse_constant)
_careful = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=_refuse_constant)
_ODD_INT = re.compile(r"-0(?![.\deE])|\d{4001}")


def loads(text: str) -> tuple[Any, int]:
    """The first JSON value of ``text``, and where it ends.

    Half of a surrogate pair becomes U+FFFD, as in Go. Raises ValueError (json.JSONDecodeError)
    where there is no value, or where it is nested deeper than MAX_DEPTH.
    """
    decoder = _careful if _ODD_INT.search(text) else _fast
    if _SURROGATE_ESCAPE.search(text):
        text = _ESCAPE.sub(lambda found: "\\ufffd" if found[1] else found[0], text)
    start = len(text) - len(text.lstrip(" \t\r\n"))
    try:
        value, end = decoder.raw_decode(text, start)
    except RecursionError:
        raise ValueError("exceeded max depth") from None
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_too_deep(value):
        raise ValueError("exceeded max depth")
    return value, end


def _is_too_deep(value: Any) -> bool:
    level: list[Any] = [[value]]
    for _ in range(MAX_DEPTH + 1):
        level = [
            item
            for holder in level
            for item in (holder.values() if isinstance(holder, dict) else holder)
            if isinstance(item, (dict, list))
        ]
        if not level:
            return False
    return True


_encode_plain = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
).encode
_encode_string: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


def _has_odd_number(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_odd_number, value.values()))
    if isinstance(value, list):
        return any(map(_has_odd_number, value))
    return isinstance(value, Number)


def _encode_odd(value: Any) -> str:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        members = (f"{_encode_string(k)}:{_encode_odd(value[k])}" for k in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_encode_odd, value)) + "]"
    return _encode_plain(value)


def dumps(value: Any) -> str:
    """The canonical text of a value read by :func:`loads`."""
    return escaped(_encode_odd(value) if _has_odd_number(value) else _encode_plain(value))


def escaped(text: str) -> str:
    """A JSON text with the escapes that Go has for some characters."""
    return text.translate(_GO_ESCAPES) if _NEEDS_ESCAPE.search(text) else text


def digest_body(body: Mapping[str, Any]) -> str:
    """The text that a revision's digest is taken over: the body without special properties."""
    return dumps({key: value for key, value in body.items() if key not in SPECIAL})


def generation(rev: str) -> int:
    """The number before the dash of a revision id; 0 for ''."""
    return int(rev.partition("-")[0]) if rev else 0


def revision_id(parent: str, body_text: str) -> str:
    """The id of the revision that ``body_text`` makes on top of ``parent`` ('' for the first)."""
    digest = hashlib.md5(usedforsecurity=False)
    digest.update(bytes([len(parent) % 256]) + parent.encode())
    digest.update(body_text.encode())
    return f"{generation(parent) + 1}-{digest.hexdigest()}"
