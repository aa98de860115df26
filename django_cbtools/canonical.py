"""JSON as Sync Gateway reads and writes it, and revision ids, which are digests of it.

A digest is taken over canonical JSON: keys are sorted at every level, numbers keep the text that
was sent, and strings have Go's escapes. ``tests/gateway/transcripts/rev-digest-examples.json``
holds examples from a real gateway.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

#: Special properties. They are left out of digests and of stored bodies.
SPECIAL = frozenset(
    ("_attachments", "_cv", "_exp", "_id", "_purged", "_removed", "_rev", "_revisions", "_sync")
)
#: The largest depth of nesting. A real gateway allows 10,000 levels, Python and SQLite fewer.
MAX_DEPTH = 200
#: The size (characters) of the pieces in which a text is examined.
_PIECE = 1 << 20
_NO_BRACKET = re.compile(r"[^\[\]{}]+")
#: Integers with more digits keep their text. Converting them takes quadratic time.
_MAX_DIGITS = 300
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_GO_ESCAPES = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
_NEEDS_ESCAPE = re.compile("[<>&\u2028\u2029]")


class Number(float):
    """A JSON number that keeps its text. Python would change ``1E+2`` and ``-0``."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Number:
        number = super().__new__(cls, text)
        number.text = text
        return number


def _float(text: str) -> float:
    number = float(text)
    return number if repr(number) == text else Number(text)


def _int(text: str) -> int | float:
    return Number(text) if text == "-0" or len(text) > _MAX_DIGITS else int(text)


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"invalid character {text[0]!r} looking for beginning of value")


_decoder = json.JSONDecoder(parse_float=_float, parse_int=_int, parse_constant=_refuse_constant)


def loads(text: str) -> tuple[Any, int]:
    """Read the first JSON value of ``text``; return it, and the position where it ends.

    A lone surrogate becomes U+FFFD, as in Go. Raises ValueError (json.JSONDecodeError) if there is
    no value, or if it is nested deeper than MAX_DEPTH.
    """
    start = len(text) - len(text.lstrip(" \t\r\n"))
    if text.count("[") + text.count("{") > MAX_DEPTH and _is_too_deep(text):
        # Parsing until a RecursionError would break finalizers that happen to run meanwhile.
        raise ValueError("exceeded max depth")
    value, end = _decoder.raw_decode(text, start)
    if _SURROGATE_ESCAPE.search(text):
        value = _without_surrogates(value)
    return value, end


def _without_surrogates(value: Any) -> Any:
    """Return the value with U+FFFD in place of lone surrogates. Lists and objects are changed in
    place."""
    if isinstance(value, str):
        if not _SURROGATE.search(value):
            return value
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, list):
        for place, item in enumerate(value):
            value[place] = _without_surrogates(item)
    elif isinstance(value, dict):
        for key in list(value):
            item = _without_surrogates(value[key])
            if _SURROGATE.search(key):
                del value[key]
            value[_without_surrogates(key)] = item
    return value


def _is_too_deep(text: str) -> bool:
    depth = 0
    for bracket in brackets(text):
        depth += 1 if bracket in "[{" else -1
        if depth > MAX_DEPTH:
            return True
        if depth == 0:
            return False
    return False


def brackets(text: str) -> Iterator[str]:
    """Yield each bracket and brace of a JSON text that is outside of strings."""
    for outside, _ in outside_of_strings(text):
        yield from _NO_BRACKET.sub("", outside)


def outside_of_strings(text: str) -> Iterator[tuple[str, int]]:
    """Yield the parts of a JSON text outside of strings, and the number of quotes, by piece."""
    start = in_string = 0
    while start < len(text):
        piece = text[start : start + _PIECE]
        # A piece must not end within an escape sequence.
        if (len(piece) - len(piece.rstrip("\\"))) % 2:
            piece = text[start : start + _PIECE + 1]
        start += len(piece)
        parts = piece.replace("\\\\", "").replace('\\"', "").split('"')
        yield "".join(parts[in_string::2]), len(parts) - 1
        in_string ^= (len(parts) - 1) % 2


_encode_plain = json.JSONEncoder(
    ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False
).encode
_encode_string: Callable[[str], str] = json.JSONEncoder(ensure_ascii=False).encode


_CONTAINERS = frozenset((dict, list))


def _has_odd_number(value: Any) -> bool:
    if isinstance(value, dict):
        members: Collection[Any] = value.values()
    elif isinstance(value, list):
        members = value
    else:
        return isinstance(value, Number)
    types = set(map(type, members))
    if Number in types:
        return True
    return not _CONTAINERS.isdisjoint(types) and any(map(_has_odd_number, members))


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
    """Return the canonical JSON of a value that :func:`loads` has read."""
    return escaped(_encode_odd(value) if _has_odd_number(value) else _encode_plain(value))


def escaped(text: str) -> str:
    """Return JSON text with the escapes that Go uses: ``<``, ``>``, ``&``, U+2028 and U+2029."""
    return text.translate(_GO_ESCAPES) if _NEEDS_ESCAPE.search(text) else text


def digest_body(body: Mapping[str, Any]) -> str:
    """Return the text that goes into a revision's digest: the body without special properties."""
    digested = dict(body)
    for key in SPECIAL & digested.keys():
        del digested[key]
    return dumps(digested)


def generation(rev: str) -> int:
    """Return the number before the dash of a revision id; 0 for an empty one."""
    return int(rev.partition("-")[0]) if rev else 0


def revision_id(parent: str, body_text: str) -> str:
    """Return the id of a revision with ``body_text`` whose parent is ``parent`` ('' for none)."""
    digest = hashlib.md5(usedforsecurity=False)
    digest.update(bytes([len(parent) % 256]) + parent.encode())
    digest.update(body_text.encode())
    return f"{generation(parent) + 1}-{digest.hexdigest()}"
