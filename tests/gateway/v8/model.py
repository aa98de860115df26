"""What Couchbase Server answers to a view query, in plain Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from tests.gateway.v8.helpers import ranks


class View(NamedTuple):
    """A map function in JavaScript, and the same in Python: the (key, value) of a document."""

    source: str
    function: Callable[[Mapping[str, Any]], list[tuple[Any, Any]]]


class NotANumber(Exception):
    """A reduce of numbers was given something else."""


def every_text(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from every_text(item)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from every_text([name, item])


class Order:
    """Couchbase's order of keys, among values that are all known."""

    def __init__(self, *values):
        self.ranks = ranks(every_text(list(values)))

    def __call__(self, value):
        if value is None:
            return (0,)
        if isinstance(value, bool):
            return (1, value)
        if isinstance(value, (int, float)):
            return (2, float(value))
        if isinstance(value, str):
            return (3, self.ranks[value])
        if isinstance(value, list):
            return (4, [self(item) for item in value])
        return (5, [part for name, item in value.items() for part in (self(name), self(item))])


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def stats(numbers):
    return {
        "sum": sum(map(float, numbers)),
        "count": len(numbers),
        "min": min(numbers),
        "max": max(numbers),
        "sumsqr": sum(float(number) * number for number in numbers),
    }


#: Reduces, of the keys and values of a group.
REDUCES: dict[str, Callable[[list[Any], list[Any]], Any]] = {
    "count": lambda keys, values: len(values),
    "sum": lambda keys, values: sum(map(float, values)),
    "stats": lambda keys, values: stats(values),
    "keep": lambda keys, values: [list(pair) for pair in zip(keys, values, strict=True)],
}


class Model:
    """The documents, and what Couchbase Server would answer."""

    def __init__(self, documents: Mapping[str, Any]):
        self.documents = documents

    def answer(self, view: View, reduce: str | None, parameters: Mapping[str, Any]) -> list[Any]:
        emitted = [
            (uid, key, value)
            for uid, document in self.documents.items()
            for key, value in view.function(document)
        ]
        asked = [parameters.get(name) for name in ("key", "keys", "startkey", "endkey")]
        self.order = Order(asked, *(key for _, key, _ in emitted))
        # Sorting is stable: the rows of a document stay in the order in which they were emitted.
        found = sorted(emitted, key=lambda row: (self.order(row[1]), row[0].encode()))
        if parameters.get("descending"):
            found.reverse()
        answered = (
            row
            for part in self.parts(found, parameters)
            for row in (part if reduce is None else self.reduce(reduce, part, parameters))
        )
        skip, limit = parameters.get("skip", 0), parameters.get("limit")
        # Groups beyond the limit are not reduced, and so cannot fail.
        return list(itertools.islice(answered, skip, None if limit is None else skip + limit))

    def parts(self, found, parameters):
        if "keys" in parameters:
            for key in parameters["keys"]:
                yield [row for row in found if self.order(row[1]) == self.order(key)]
        else:
            yield [row for row in found if self.in_range(row, parameters)]

    def in_range(self, row, parameters):
        uid, key, _ = row
        sign = -1 if parameters.get("descending") else 1
        for edge, side in (("startkey", 1), ("endkey", -1)):
            name = "key" if "key" in parameters else edge
            if name not in parameters:
                continue
            place, limit = [self.order(key)], [self.order(parameters[name])]
            if f"{edge}_docid" in parameters:
                place.append(uid.encode())
                limit.append(parameters[f"{edge}_docid"].encode())
            beyond = ((place > limit) - (place < limit)) * sign * side
            inclusive = edge == "startkey" or parameters.get("inclusive_end", True)
            if beyond < (0 if inclusive else 1):
                return False
        return True

    def group(self, key, parameters):
        level = parameters.get("group_level")
        if not level:
            return key if parameters.get("group") else None
        return key[:level] if isinstance(key, list) else key

    def reduce(self, reduce, part, parameters):
        grouped = itertools.groupby(part, lambda row: self.order(self.group(row[1], parameters)))
        for _, members in grouped:
            members = list(members)
            values = [value for _, _, value in members]
            key = self.group(members[0][1], parameters)
            if reduce in ("sum", "stats") and not all(map(is_number, values)):
                raise NotANumber
            yield "", key, REDUCES[reduce]([key for _, key, _ in members], values)
