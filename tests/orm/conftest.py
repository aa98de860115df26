"""The rows are saved once for all tests of a module, which leave them as they are."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import django
import pytest

from .rows import saved


@pytest.fixture(scope="module")
def rows(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), saved():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """What a test asks is compiled to the SQL++ that has been recorded for it."""
    from tests.sqlpp import compiled, recorder

    is_compared = django.VERSION[:2] == recorder.DJANGO and "tests.sqlpp.live" not in sys.modules
    wanted = compiled.recorded().get(item.nodeid) if is_compared else None
    if wanted is None:
        return (yield)
    with compiled.collecting() as found:
        yield
    assert sorted(found) == wanted
    return None
