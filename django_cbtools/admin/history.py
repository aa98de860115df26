"""The history of a document: its revisions at the gateway."""

from __future__ import annotations

import json
from typing import Any

from django_cbtools.form_fields.unread import is_in_zone
from django_cbtools.models.document import GATEWAY_KEYS
from django_cbtools.models.fields.conversions import moment
from django_cbtools.models.writing.merge import is_same
from django_cbtools.sync_gateway.facade import gateway_of

_NOTHING: Any = object()
_UPDATED = "updated"
#: Keys whose changes are not shown: the gateway's own, and the time, which each save sets.
_UNTOLD = GATEWAY_KEYS | {_UPDATED}


def history(model: Any, uid: str, limit: int) -> list[dict[str, Any]]:
    """Return the newest revisions of a document, each with its changes to the one before.

    ``is_kept`` is true if the gateway has the revision's body. ``is_whole`` is true if the body of
    the one before is missing, so that all keys are listed. ``changes`` has rows of ``key``,
    ``before`` and ``after``. ``time`` is the time of the write according to ``updated``, as
    gateways record no times. It is a text if the current time zone cannot represent it.

    Raises SyncGatewayException.
    """
    revisions = gateway_of(model).get_revisions(uid, limit)
    return [
        {
            "rev": revision.rev,
            "is_kept": revision.body is not None,
            "is_whole": not revision.rev.startswith("1-") and (older is None or not older.body),
            "time": _time(older.body if older else None, revision.body),
            "changes": _changes(older.body if older else None, revision.body),
        }
        for revision, older in zip(revisions, [*revisions[1:], None], strict=True)
    ]


def _time(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Any:
    """Return the time of a write according to ``updated``. None if it is the same as in the
    revision before: a phone may not update it."""
    text = (after or {}).get(_UPDATED)
    if not isinstance(text, str) or (before or {}).get(_UPDATED) == text:
        return None
    try:
        found = moment(text)
    except ValueError:
        return None
    return found if found is None or is_in_zone(found) else text


def _changes(before: dict[str, Any] | None, after: dict[str, Any] | None) -> list[dict[str, Any]]:
    if after is None:
        return []
    sides = (before or {}, after)
    keys = [key for key in {**sides[0], **after} if key not in _UNTOLD]
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
