"""Lists of objects in a document: matches the objects that are sent to the stored ones.

Members that a client does not send are kept, including keys that no field declares. An object with
a ``uid`` is matched by it. Other objects are matched by their values and positions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from rest_framework import serializers

from .odd import shown


class Part(dict):  # type: ignore[type-arg]
    """The validated data of an object, with the stored object that they change (None for a new
    one)."""

    stored: Any = None


class PartsSerializer(serializers.ListSerializer):
    """A list of objects that are parts of a document."""

    is_odd = False
    #: The stored object of the child's present element, and those of the next ones.
    stored: Any = None
    _matches: Iterator[Any] = iter(())

    def to_representation(self, data: Any) -> Any:
        self.is_odd = not isinstance(data, (list, tuple))
        return shown(data) if self.is_odd else [self._shown(item) for item in data]

    def _shown(self, item: Any) -> Any:
        if item is None or isinstance(item, (self.child.Meta.model, Mapping)):
            return item if item is None else self.child.to_representation(item)
        self.is_odd = True
        return shown(item)

    def to_internal_value(self, data: Any) -> Any:
        stored = self._stored_items()
        places = (
            matched([self._shown(item) for item in stored], data) if isinstance(data, list) else []
        )
        self._matches = iter([None if place is None else stored[place] for place in places])
        return super().to_internal_value(data)

    def run_child_validation(self, data: Any) -> Any:
        match = next(self._matches)
        if match is not None and not isinstance(match, self.child.Meta.model):
            return match  # a phone's odd value, sent as it is shown
        self.stored = match
        try:
            return super().run_child_validation(data)
        finally:
            self.stored = None

    def _stored_items(self) -> list[Any]:
        owner = getattr(self.parent, "stored", None)
        items = getattr(owner, self.source, None)
        return list(items) if isinstance(items, (list, tuple)) else []


def matched(was: list[Any], sent: list[Any]) -> list[int | None]:
    """Return the index of the stored object for each sent one, or None for a new one."""
    found: list[int | None] = [None] * len(sent)
    left = set(range(len(was)))
    tokens, stored = list(map(_token, sent)), list(map(_token, was))

    def same(keys: list[Any], olds: list[Any]) -> None:
        places: dict[Any, list[int]] = {}
        for place in sorted(left, reverse=True):
            places.setdefault(olds[place], []).append(place)
        for place, key in enumerate(keys):
            if found[place] is None and key is not None and places.get(key):
                found[place] = places[key].pop()
                left.discard(found[place])

    same(list(map(_uid, sent)), list(map(_uid, was)))
    same(list(enumerate(tokens)), list(enumerate(stored)))
    same(tokens, stored)
    # If there are as many objects between two known ones as before, they are the changed old ones.
    new = old = 0
    for place, known in enumerate([*found, len(was)]):
        if known is None:
            continue
        news = range(new, place)
        olds = [each for each in range(old, known) if each in left]
        if len(news) == len(olds):
            for each, former in zip(news, olds, strict=True):
                if _uid(sent[each]) is None:
                    found[each] = former
                    left.discard(former)
        new, old = place + 1, known + 1
    return found


def _token(item: Any) -> str:
    return json.dumps(item, sort_keys=True, default=str)


def _uid(item: Any) -> Any:
    uid = item.get("uid") if isinstance(item, Mapping) else None
    return uid if isinstance(uid, str) else None
