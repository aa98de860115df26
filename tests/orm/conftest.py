"""The rows are saved once for all tests of a module, which leave them as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from .rows import saved


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), saved():
        yield
