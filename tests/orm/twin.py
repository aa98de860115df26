"""Answers in a form that can be compared with those of other databases."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import models

from .rows import DOCUMENTS, TWINS

#: The marks of tests whose queries are answered from the rows.
on_rows = [
    pytest.mark.usefixtures("rows"),
    pytest.mark.django_db(databases=["default", "plain"]),
]


def same(query: Callable[[Any], Any]) -> Any:
    """What documents answer, which has to be what their twins do.

    ``query`` is given the models. Rows that it does not put in order are sorted.
    """
    found, expected = answer(query(DOCUMENTS)), answer(query(TWINS))
    assert found == expected
    return found


def answer(found: Any) -> Any:
    """An answer in plain values: an instance is its uid, numbers are rounded."""
    if isinstance(found, models.QuerySet):
        is_sorted = found.query.order_by or found.query.extra_order_by or found.query.is_sliced
        rows = [answer(row) for row in found]
        return rows if is_sorted else sorted(rows, key=repr)
    if isinstance(found, models.Model):
        return found.pk
    if isinstance(found, float):
        return float(f"{found:.9g}")
    if isinstance(found, dict):
        return {key: answer(value) for key, value in found.items()}
    if isinstance(found, (list, tuple)):
        return (
            type(found)(answer(item) for item in found)
            if type(found) in (list, tuple)
            else (tuple(answer(item) for item in found))
        )
    return found


def each(queryset: Any, *names: str) -> Any:
    """Annotations, by default ``x``, of all rows; they are in the order of their uids."""
    return queryset.order_by("uid").values_list(*(names or ("x",)), flat=len(names) < 2)


def line_of(value: Any) -> str:
    """The name of a test of a query: the line where it stands."""
    return f"line{value.__code__.co_firstlineno}" if callable(value) else ""
