"""Reads, merges, shows and versions the configurations of databases."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from django_cbtools import canonical

from .. import gostructs
from ..options import DATABASE, RUNTIME

#: A string in backquotes. JavaScript functions with several lines are written like that.
_BACKQUOTED = re.compile(r"`([^`\\]*(?:\\.[^`\\]*)*)(`|\\?\Z)", re.DOTALL)
#: Shown in place of a secret.
REDACTED = "xxxxx"


def read(text: str) -> dict[str, Any]:
    """Parse a database configuration, and return it without empty options.

    The text is JSON, but strings may be enclosed in backquotes and then contain line breaks. Raises
    a 400 GatewayError if the text is invalid.
    """
    if "`" in text and not _is_json(text):
        text = _BACKQUOTED.sub(_quoted, text)
    config = _without_nulls(gostructs.read(text, DATABASE))
    if "guest" in config:
        config["guest"] = {key: value for key, value in config["guest"].items() if value != []}
    if not config.get("scopes", True):
        del config["scopes"]
    return config


def _quoted(found: re.Match[str]) -> str:
    """Return a string in backquotes as JSON. An unterminated string is not changed."""
    return canonical.dumps(found[1].replace("\r", "")) if found[2] == "`" else found[0]


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with changes applied. Objects are merged member by member.

    A scope is replaced as a whole: collections that ``changes`` does not name are removed from it.
    """
    result = dict(base)
    for key, value in changes.items():
        is_object = isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        if is_object and key == "scopes":
            value = {**base[key], **value}
        elif is_object:
            value = merged(base[key], value)
        result[key] = value
    return result


def ordered(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with its options in the order in which answers list them."""
    return {key: config[key] for key in DATABASE.members if key in config}


def dumps(config: Mapping[str, Any]) -> str:
    """Return a configuration as JSON."""
    return json.dumps(ordered(config), separators=(",", ":"), ensure_ascii=False)


def runtime(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the defaults of all missing options."""
    return ordered(merged(RUNTIME, config))


def redacted(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with its secrets replaced by REDACTED."""
    return {
        key: REDACTED
        if value and key in ("password", "remote_password", "validation_key")
        else redacted(value)
        if isinstance(value, Mapping)
        else value
        for key, value in config.items()
    }


def version(previous: str, config: Mapping[str, Any]) -> str:
    """Return the version of a configuration, such as ``2-83ba...``.

    ``previous`` is the version that it follows ('': none). A version is made like a revision id,
    from the JSON of the configuration with its options in order (30-config.json, step 1).
    """
    generation, _, digest = previous.partition("-")
    text = canonical.escaped(dumps(config))
    data = bytes([len(digest)]) + digest.encode() + text.encode()
    number = int(generation or 0) + 1
    return f"{number}-{hashlib.md5(data, usedforsecurity=False).hexdigest()}"


def _without_nulls(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with empty objects in place of nulls."""
    return {
        key: _without_nulls(value or {}) if isinstance(value, (Mapping, type(None))) else value
        for key, value in config.items()
    }


def _is_json(text: str) -> bool:
    try:
        canonical.loads(text)
    except ValueError:
        return False
    return True
