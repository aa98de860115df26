"""Values that phones have written and that cannot be represented in JSON unchanged."""

from __future__ import annotations

import json
from typing import Any

#: The largest depth of arrays and objects in a response. Encoders and clients fail at some depth.
DEEPEST = 100


def shown(value: Any) -> Any:
    """Return a JSON value that a response can contain. In most cases it is the value itself.

    A number that is not finite becomes a text, as does a value that is nested too deeply.
    Characters that UTF-8 cannot encode are escaped.
    """
    return value if is_shown(value) else _safe(value, DEEPEST)


def is_shown(value: Any) -> bool:
    """Return whether an answer can contain the value unchanged."""
    cls = value.__class__
    if cls is str:
        return value.isascii() or _is_encodable(value)
    if cls is float:
        return bool(value - value == 0)
    if cls is list or cls is dict:
        return _is_plain(value)
    return True


def _is_plain(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        below: list[Any] = []
        for each in level:
            if each.__class__ is dict:
                if not all(map(is_shown, each)):
                    return False
                each = each.values()
            for item in each:
                if item.__class__ in (list, dict):
                    below.append(item)
                elif not is_shown(item):
                    return False
        if not below:
            return True
        level = below
    return False


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _safe(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, float):
        return value if is_shown(value) else str(value)
    if not isinstance(value, (list, tuple, dict)):
        return value
    if not depth:
        return _as_text(value)
    if isinstance(value, dict):
        return {_safe(str(key), 0): _safe(item, depth - 1) for key, item in value.items()}
    return [_safe(item, depth - 1) for item in value]


def _as_text(value: Any) -> str:
    try:
        return json.dumps(value)
    except (RecursionError, TypeError, ValueError):
        return "…"
