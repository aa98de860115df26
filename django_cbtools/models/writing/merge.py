"""Three-way merges of JSON."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Mapping
from typing import Any, Literal, TypeAlias

from django.utils import dateparse, timezone

from django_cbtools.exceptions import MergeConflict, SyncGatewayConflict

from ..document import ATTACHMENTS, GATEWAY_KEYS

JSON: TypeAlias = Mapping[str, Any]
#: A function for ``save(merge=...)``. It takes base, ours and theirs, and returns the document to
#: save.
Merge: TypeAlias = Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], JSON]
#: A function that takes a key's values in base, ours and theirs (None if it is missing), and
#: returns the merged value.
Rule: TypeAlias = Callable[[Any, Any, Any], Any]

#: A marker for a missing key.
_NOTHING: Any = object()


def merge_fields(
    base: JSON,
    ours: JSON,
    theirs: JSON,
    *,
    prefer: Literal["ours", "theirs"] | None = None,
    rules: Mapping[str, Rule] | None = None,
) -> dict[str, Any]:
    """Merge the changes of both sides in a document's JSON, key by key, also in nested objects.

    A key that only one side has changed, added or removed is taken from that side. Lists are
    compared as a whole, except for ``channels``, where additions and removals of both sides are
    applied. Attachments are merged by name. The later ``updated`` and the earlier ``created`` are
    taken. The gateway's own keys (``_rev``) are taken from ``theirs``.

    ``prefer`` (``"ours"`` or ``"theirs"``) says which side wins if both have changed a key to
    different values. ``rules`` maps keys of the document to functions that merge such values:
    ``{"views": lambda base, ours, theirs: ours + theirs - (base or 0)}``. A rule that cannot decide
    raises SyncGatewayConflict.

    Returns the merged document. Raises MergeConflict with the names of the keys that both sides
    have changed to different values, if neither ``rules`` nor ``prefer`` decides.
    """
    if prefer not in (None, "ours", "theirs"):
        raise ValueError(f"prefer is 'ours', 'theirs' or None, not {prefer!r}.")
    all_rules = {**RULES, **(rules or {})}
    clashes: list[str] = []

    def decided(path: tuple[str, ...], was: Any, our: Any, their: Any) -> Any:
        rule = all_rules.get(path[0])
        is_attachment = len(path) == 2 and path[0] == ATTACHMENTS
        if rule is not None:
            with contextlib.suppress(SyncGatewayConflict):
                return rule(*(None if side is _NOTHING else side for side in (was, our, their)))
        elif not is_attachment:
            sides = [{} if was is _NOTHING else was, our, their]
            if all(isinstance(side, Mapping) for side in sides):
                return merged(path, *sides)
        if prefer is None:
            clashes.append(".".join(path))
        return their if prefer == "theirs" else our

    def merged(path: tuple[str, ...], base: JSON, ours: JSON, theirs: JSON) -> dict[str, Any]:
        found = {}
        for key in {**theirs, **ours}:
            was, our, their = (side.get(key, _NOTHING) for side in (base, ours, theirs))
            if is_same(our, was):
                value = their
            elif is_same(their, was) or is_same(our, their):
                value = our
            else:
                value = decided((*path, key), was, our, their)
            if value is not _NOTHING:
                found[key] = value
        return found

    winner = merged((), _without(base), _without(ours), _without(theirs))
    if clashes:
        raise MergeConflict(tuple(clashes))
    return {**{key: theirs[key] for key in theirs if key in GATEWAY_KEYS}, **winner}


def is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are equal: ``1`` and ``1.0`` are, ``1`` and ``true`` are
    not."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(one) == len(other) and all(map(is_same, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and bool(one == other)


# ----------------------------------------------------------------------- rules


def merge_members(base: Any, ours: Any, theirs: Any) -> list[Any]:
    """Merge lists as sets: the members of both sides, without those that either side has
    removed."""
    sides = [side or [] for side in (base, ours, theirs)]
    if not all(isinstance(side, (list, tuple)) for side in sides):
        raise SyncGatewayConflict("These are no lists.")
    was, our, their = sides
    kept = [member for member in their if member in our or member not in was]
    return kept + [member for member in our if member not in their and member not in was]


def later(base: Any, ours: Any, theirs: Any) -> Any:
    """Return the later of two dates and times. One that cannot be read loses."""
    return max(ours, theirs, key=lambda text: _moment(text, datetime.datetime.min))


def earlier(base: Any, ours: Any, theirs: Any) -> Any:
    """Return the earlier of two dates and times. One that cannot be read loses."""
    return min(ours, theirs, key=lambda text: _moment(text, datetime.datetime.max))


def _moment(text: Any, otherwise: datetime.datetime) -> datetime.datetime:
    try:
        found = dateparse.parse_datetime(text) or otherwise
    except (TypeError, ValueError):
        found = otherwise
    return found if timezone.is_aware(found) else found.replace(tzinfo=datetime.timezone.utc)


#: The rules for keys that both sides have changed.
RULES: Mapping[str, Rule] = {"channels": merge_members, "created": earlier, "updated": later}


def _without(document: JSON) -> JSON:
    return {key: value for key, value in document.items() if key not in GATEWAY_KEYS}
