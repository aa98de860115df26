"""Django's test cases, and pytest-django's, where documents have a database that they do not know:
it is theirs wherever any database is."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.test import SimpleTestCase, TransactionTestCase

from django_cbtools import conf

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
    if not databases or conf.TEST_ALIAS not in settings.DATABASES:
        return databases
    gateway.use_own_file()
    return databases | {conf.TEST_ALIAS}


def _teardown_with_gateway(self: Any) -> None:
    _fixture_teardown(self)
    if conf.TEST_ALIAS in self.databases:
        gateway.empty()
