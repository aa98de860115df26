"""Databases' configurations: reading, merging, their versions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from django_cbtools import canonical

from .. import gojson
from ..errors import GatewayError, bad_request
from ..options import DATABASE, RUNTIME, Map, Struct, Type

#: The numbers of Go's types.
_RANGES = {
    "int": (-(1 << 63), (1 << 63) - 1), "uint": (0, (1 << 64) - 1), "uint16": (0, (1 << 16) - 1),
    "uint32": (0, (1 << 32) - 1), "uint64": (0, (1 << 64) - 1),
}  # fmt: skip
_ZEROS = ("", False, 0)
#: A string in backquotes, for functions of several lines.
_BACKQUOTED = re.compile(r"`([^`\\]*(?:\\.[^`\\]*)*)(`|\\?\Z)", re.DOTALL)
#: What has no place in an answer.
REDACTED = "xxxxx"


def read(text: str) -> dict[str, Any]:
    """A configuration as it came, without what says nothing; raises a 400 GatewayError.

    A string may be in backquotes, and then go over several lines.
    """
    if "`" in text and not _is_json(text):
        text = _BACKQUOTED.sub(_quoted, text)
    value = gojson.decode(text)
    if value is None:
        return {}
    config: dict[str, Any] = _typed(value, DATABASE, DATABASE.name, "")
    return config


def _quoted(found: re.Match[str]) -> str:
    """A string in backquotes as JSON; one that does not end stays as it is."""
    return canonical.dumps(found[1].replace("\r", "")) if found[2] == "`" else found[0]


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A configuration, changed as another says; objects are merged member by member."""
    result = dict(base)
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping):
            value = merged(base[key], value)
        result[key] = value
    return result


def ordered(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with its options in the order in which they are shown."""
    return {key: config[key] for key in DATABASE.members if key in config}


def dumps(config: Mapping[str, Any]) -> str:
    """The text of a configuration."""
    return json.dumps(ordered(config), separators=(",", ":"), ensure_ascii=False)


def runtime(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration with what holds where it says nothing."""
    return ordered(merged(RUNTIME, config))


def redacted(config: Mapping[str, Any]) -> dict[str, Any]:
    """The configuration without passwords."""
    return {
        key: REDACTED
        if value and key in ("password", "remote_password", "validation_key")
        else redacted(value)
        if isinstance(value, Mapping)
        else value
        for key, value in config.items()
    }


def version(previous: str, config: Mapping[str, Any]) -> str:
    """The version of a configuration that follows another, such as ``2-83ba...`` ('': the first).

    It is a revision id over the configuration's members in their order (30-config.json, step 1).
    """
    generation, _, digest = previous.partition("-")
    text = canonical.escaped(dumps(config))
    data = bytes([len(digest)]) + digest.encode() + text.encode()
    number = int(generation or 0) + 1
    return f"{number}-{hashlib.md5(data, usedforsecurity=False).hexdigest()}"


def _is_json(text: str) -> bool:
    try:
        canonical.loads(text)
    except ValueError:
        return False
    return True


def _typed(value: Any, wanted: Type, struct: str, path: str) -> Any:
    """A value of a type, without members that say nothing; raises a 400 GatewayError."""
    if isinstance(wanted, (Struct, Map)):
        if not isinstance(value, dict):
            raise _mismatch(value, wanted, struct, path)
        if isinstance(wanted, Struct):
            return _members(value, wanted, path)
        items = {
            key: _typed(item, wanted.item, struct, path)
            for key, item in sorted(value.items())
            if item is not None
        }
        return items or None
    name = wanted.rstrip("?")
    if name.startswith("[]"):
        if not isinstance(value, list):
            raise _mismatch(value, name, struct, path)
        items_ = [_typed(item, name[2:], struct, path) for item in value if item is not None]
        return items_ or None
    if not _fits(value, name):
        raise _mismatch(value, name, struct, path)
    return None if wanted.endswith("?") and value in _ZEROS else value


def _members(value: Mapping[str, Any], wanted: Struct, path: str) -> dict[str, Any]:
    found = {}
    for key, item in value.items():
        # As in Go, the case of a member's name does not matter.
        name = key if key in wanted.members else key.lower()
        if name not in wanted.members:
            raise bad_request(
                f'JSON Unknown Field: json: unknown field "{key}": unrecognized JSON field'
            )
        if item is not None:
            item = _typed(item, wanted.members[name], wanted.name, f"{path}.{name}")
        if item is not None:
            found[name] = item
    return {name: found[name] for name in wanted.members if name in found}


def _fits(value: Any, name: str) -> bool:
    if name == "any":
        return True
    if name in _RANGES:
        low, high = _RANGES[name]
        return type(value) is int and low <= value <= high
    if name == "float32":
        return type(value) in (int, float, canonical.Number)
    if name == "time.Time":
        return isinstance(value, str)
    return gojson.kind(value) == name


def _mismatch(value: Any, wanted: Type, struct: str, path: str) -> GatewayError:
    given = gojson.kind(value)
    name = wanted if isinstance(wanted, str) else wanted.name
    if isinstance(wanted, Struct):
        name = f"rest.{name}"
    if given == "number" and name in _RANGES:
        given = f"number {canonical.dumps(value)}"
    where = f"Go struct field {struct}{path}" if path else "Go value"
    return bad_request(f"Bad JSON: json: cannot unmarshal {given} into {where} of type {name}")
