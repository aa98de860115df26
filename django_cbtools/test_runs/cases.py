"""Lets test cases of Django and pytest-django use the gateway for tests wherever they may use any
database."""

from __future__ import annotations

from typing import Any

from django.test import SimpleTestCase, TransactionTestCase

from . import gateway

# The extended methods are not public.
_simple: Any = SimpleTestCase
_transactional: Any = TransactionTestCase
_validate_databases = _simple._validate_databases.__func__
_fixture_teardown = _transactional._fixture_teardown


def extend() -> None:
    """Let test cases use the gateway for tests as one of their databases."""
    _simple._validate_databases = classmethod(_with_gateway)
    _transactional._fixture_teardown = _teardown_with_gateway


def _with_gateway(cls: Any) -> frozenset[str]:
    """Return the databases that a test class may use. A ``SimpleTestCase`` may use none."""
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
