"""Reads JSON objects with known members, as Go reads JSON into structs.

Names of members are not case-sensitive, and a member that is null counts as missing. If a value has
the wrong type, the error is Go's message for the first such value. The types Set and time.Time
decode themselves in Go. If one of them fails, its error comes before those of all other types.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeAlias

from django_cbtools import canonical

from . import gojson
from .errors import GatewayError, bad_request


class Struct(NamedTuple):
    """An object with known members.

    If ``name`` is empty, ``package`` is the whole name of the type.
    """

    name: str
    members: Mapping[str, Type]
    package: str = "rest"

    @property
    def go_type(self) -> str:
        return f"{self.package}.{self.name}" if self.name else self.package


class Map(NamedTuple):
    """An object with arbitrary names of members, whose values all have the same type."""

    go_type: str
    item: Type


#: The type of a value. A str names one of Go's types. With a question mark, the type's zero value
#: counts as missing. "Set" is a list of strings which decodes itself.
Type: TypeAlias = "str | Struct | Map"

#: The smallest and largest numbers of Go's integer types.
_RANGES = {
    "int": (-(1 << 63), (1 << 63) - 1), "uint": (0, (1 << 64) - 1), "uint16": (0, (1 << 16) - 1),
    "uint32": (0, (1 << 32) - 1), "uint64": (0, (1 << 64) - 1),
}  # fmt: skip
_ZEROS: tuple[Any, ...] = ("", False, 0, [])
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")
#: The characters beyond ASCII that Go considers equal to an ASCII letter of another case.
_FOLDED = str.maketrans({"\u017f": "s", "\u212a": "k"})


class _MisfitError(Exception):
    """A value has the wrong type."""


class _OwnError(_MisfitError):
    """A value has the wrong type, and the type decodes itself: Go stops there."""


class _TimeError(_OwnError):
    """A value is not a valid time."""


class _UnknownFieldError(Exception):
    """An object has a member that its struct does not have."""


class _Place(NamedTuple):
    """The place of a value: the innermost struct, and the path from the outermost one."""

    struct: str = ""
    path: str = ""

    def at(self, struct: Struct, name: str) -> _Place:
        return _Place(struct.name, f"{self.path}.{name}")


def read(text: str, wanted: Type) -> Any:
    """Return the value in a request's body, which must have the type ``wanted``.

    Raises a 400 GatewayError if the body is not JSON, has another type or has unknown members, and
    a 413 GatewayError if it would take too much memory.
    """
    return fill(gojson.decode(text), wanted)


def fill(value: Any, wanted: Type) -> Any:
    """Return a decoded value in the form that :func:`read` returns.

    Raises a 400 GatewayError if it has another type or unknown members.
    """
    try:
        return _typed(value, wanted, _Place(), strict=True)
    except _MisfitError as error:
        raise bad_request(f"Bad JSON: {error}") from None
    except _UnknownFieldError as error:
        raise bad_request(
            f"JSON Unknown Field: json: unknown field {error}: unrecognized JSON field"
        ) from None


def unmarshal(text: str, wanted: Type) -> Any:
    """Return the value of a JSON text, which must have the type ``wanted``.

    Unknown members are ignored. Raises a 400 GatewayError if the text is not JSON or has another
    type, a 500 GatewayError if a time is invalid, and a 413 GatewayError if the values would take
    too much memory.
    """
    try:
        return _typed(gojson.unmarshal(text), wanted, _Place(), strict=False)
    except _TimeError as error:
        raise GatewayError(500, f"Internal error: {error}") from None
    except _MisfitError as error:
        raise bad_request(f'Invalid JSON: "{error}"') from None


def _typed(value: Any, wanted: Type, place: _Place, *, strict: bool) -> Any:
    """Return a value of the type ``wanted``, without members that count as missing."""
    if isinstance(wanted, Struct):
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise _misfit(value, wanted.go_type, place)
        return _members(value, wanted, place, strict=strict)
    if value is None:
        return None
    if isinstance(wanted, Map):
        if not isinstance(value, dict):
            raise _misfit(value, wanted.go_type, place)
        items = {
            key: None if item is None else _typed(item, wanted.item, place, strict=strict)
            for key, item in sorted(value.items())
        }
        return items
    name = wanted.rstrip("?")
    if name.startswith("[]"):
        value = _list(value, name, place, strict=strict)
    elif name == "Set":
        try:
            value = _list(value, "[]string", place, strict=strict)
        except _MisfitError as error:
            raise _OwnError(error) from None
    elif name == "time.Time":
        _check_time(value)
    elif not _fits(value, name):
        raise _misfit(value, name, place)
    return None if wanted.endswith("?") and value in _ZEROS else value


def _list(value: Any, go_type: str, place: _Place, *, strict: bool) -> list[Any]:
    if not isinstance(value, list):
        raise _misfit(value, go_type, place)
    item_type = go_type[2:]
    nothing = "" if item_type == "string" else None
    items = (_typed(item, item_type, place, strict=strict) for item in value)
    return [nothing if item is None else item for item in items]


def _members(
    value: Mapping[str, Any], wanted: Struct, place: _Place, *, strict: bool
) -> dict[str, Any]:
    found = {}
    errors: list[Exception] = []
    for key, item in value.items():
        name = key if key in wanted.members else key.translate(_FOLDED).lower()
        if name not in wanted.members:
            if strict:
                errors.append(_UnknownFieldError(canonical.dumps(key)))
            continue
        if item is not None:
            try:
                item = _typed(item, wanted.members[name], place.at(wanted, name), strict=strict)
            except _OwnError:
                raise
            except (_MisfitError, _UnknownFieldError) as error:
                errors.append(error)
        if item is not None:
            found[name] = item
    if errors:
        raise errors[0]
    return {name: found[name] for name in wanted.members if name in found}


def _fits(value: Any, name: str) -> bool:
    if name == "any":
        return True
    if name in _RANGES:
        low, high = _RANGES[name]
        return type(value) is int and low <= value <= high
    if name == "float32":
        return type(value) in (int, float, canonical.Number)
    return gojson.kind(value) == name


def _check_time(value: Any) -> None:
    if not isinstance(value, str):
        raise _TimeError("Time.UnmarshalJSON: input is not a JSON string")
    if not _TIME.fullmatch(value):
        text = canonical.dumps(value)
        raise _TimeError(
            f'parsing time {text} as "2006-01-02T15:04:05Z07:00": cannot parse {text} as "2006"'
        )


def _misfit(value: Any, go_type: str, place: _Place) -> _MisfitError:
    given = gojson.kind(value)
    if given == "number" and go_type in _RANGES:
        given = f"number {canonical.dumps(value)}"
    where = f"Go struct field {place.struct}{place.path}" if place.path else "Go value"
    return _MisfitError(f"json: cannot unmarshal {given} into {where} of type {go_type}")
