"""What is expected, and what is found, in forms that can be compared."""

from __future__ import annotations

import statistics

import pytest


def uids(found):
    return sorted(item.uid for item in found)


def by_uid(found, *names):
    """The annotations of documents, by uid."""
    found = list(found)
    values = {item.uid: tuple(getattr(item, name) for name in names) for item in found}
    assert len(values) == len(found)
    return values


def elevations(row, says=lambda a: True):
    return [a.elevation for a in row.airports if says(a)]


def of_each(rows, *functions):
    return {row.uid: tuple(function(row) for function in functions) for row in rows}


def average(values):
    return pytest.approx(statistics.fmean(values)) if values else None
