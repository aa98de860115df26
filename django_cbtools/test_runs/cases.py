"""Django's test cases, and pytest-django's, where documents have a database that they do not know:
it is theirs wherever any database is."""

from __future__ import annotations

from typing import Any

from django.test import SimpleTestCase, TransactionTestCase

from . import gateway

# What is extended is not public.
_simple: Any = SimpleTestCase
_transactional: Any = TransactionTestCase
_validate_databases = _simple._validate_databases.__func__
_fixture_teardown = _transactional._fixture_teardown


def extend() -> None:
    """Let test cases treat the run's gateway as a database of theirs, while there is one."""
    _simple._validate_databases = classmethod(_with_gateway)
    _transactional._fixture_teardown = _teardown_with_gateway


def _with_gateway(cls: Any) -> frozenset[str]:
    """The databases that a class of tests may use; a ``SimpleTestCase`` has none."""
    databases: frozenset[str] = _validate_databases(cls)
    alias = gateway.alias()
    if not databases or alias is None:
        return databases
    gateway.use_own_file()
    return databases | {alias}


def _teardown_with_gateway(self: Any) -> None:
    _fixture_teardown(self)
    if gateway.alias() in self.databases:
        gateway.empty()
