"""The airports are saved once for all tests of a module, which leave them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .airports import loaded


@pytest.fixture(scope="module", autouse=True)
def _airports(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield from loaded()
