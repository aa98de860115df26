"""A document's past, as the gateway has it."""

from __future__ import annotations

import json
from typing import Any

from django_cbtools.models.document import GATEWAY_KEYS
from django_cbtools.models.writing.merge import is_same
from django_cbtools.sync_gateway.facade import gateway_of

_NOTHING: Any = object()


def history(model: Any, uid: str, limit: int) -> list[dict[str, Any]]:
    """The newest revisions of a document of a class, each with what it changed of the one before.

    ``is_kept``: the gateway has its body. ``is_whole``: it lacks the body of the one before, so
    that all keys are listed. ``changes``: rows of ``key``, ``before`` and ``after``.

    Raises SyncGatewayException.
    """
    revisions = gateway_of(model).get_revisions(uid, limit)
    return [
        {
            "rev": revision.rev,
            "is_kept": revision.body is not None,
            "is_whole": not revision.rev.startswith("1-") and (older is None or not older.body),
            "changes": _changes(older.body if older else None, revision.body),
        }
        for revision, older in zip(revisions, [*revisions[1:], None], strict=True)
    ]


def _changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    if after is None:
        return []
    sides = (before or {}, after)
    keys = [key for key in {**sides[0], **after} if key not in GATEWAY_KEYS]
    rows = [(key, *(side.get(key, _NOTHING) for side in sides)) for key in sorted(keys)]
    return [
        {"key": key, "before": _shown(was), "after": _shown(now)}
        for key, was, now in rows
        if _NOTHING in (was, now) or not is_same(was, now)
    ]


def _shown(value: Any) -> str:
    if value is _NOTHING:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=1)
