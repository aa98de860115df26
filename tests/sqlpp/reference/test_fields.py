"""Constructs over a key that has any JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import of_fields
from .checking import check, each, saved


@pytest.fixture(scope="module", autouse=True)
def documents(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), saved("odd values"):
        yield


@pytest.mark.django_db
@each(of_fields.CONSTRUCTS)
def test_construct(name: str, ask: Any) -> None:
    check(name, ask)
