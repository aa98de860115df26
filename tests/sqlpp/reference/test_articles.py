"""Constructs over articles, their authors and comments."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from . import of_articles, of_expressions
from .checking import check, each, saved


@pytest.fixture(scope="module", autouse=True)
def documents(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), saved("articles"):
        yield


@pytest.mark.django_db
@each(of_articles.CONSTRUCTS, of_expressions.CONSTRUCTS)
def test_construct(name: str, ask: Any) -> None:
    check(name, ask)
