"""Constructs over documents of several classes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import of_arrays, of_dates, of_functions, of_json, of_shapes
from .checking import check, each, saved


@pytest.fixture(scope="module", autouse=True)
def documents(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), saved("several"):
        yield


@pytest.mark.django_db
@each(
    of_arrays.CONSTRUCTS,
    of_dates.CONSTRUCTS,
    of_functions.CONSTRUCTS,
    of_json.CONSTRUCTS,
    of_shapes.CONSTRUCTS,
)
def test_construct(name: str, ask: Any) -> None:
    check(name, ask)
