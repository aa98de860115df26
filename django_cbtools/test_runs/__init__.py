"""Protects real gateways and clusters from tests, by an embedded gateway that replaces them.

While tests run, it replaces the gateway that the settings name, unless the name of that gateway's
database contains ``test``. It is set up with Django's test environment, by any test runner, in a
database of its own. ``TestCase`` rolls back its writes, and ``TransactionTestCase`` empties it.
This module is imported in production, too, so it imports ``django.test`` only when needed.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any

_UTILS = "django.test.utils"
#: The modules that have imported Django's functions by name.
_USERS = (_UTILS, "django.test.runner")


def watch() -> None:
    """Let Django's test environment set up the gateway for tests, as soon as it is imported."""
    if _UTILS in sys.modules:
        for name in _USERS:
            if name in sys.modules:
                _extend(sys.modules[name])
    elif not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    """An import finder that extends Django's module when it is imported."""

    def find_spec(self, name: str, path: Any, target: Any = None) -> ModuleSpec | None:
        if name != _UTILS:
            return None
        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def execute_and_extend(module: ModuleType) -> None:
                execute(module)
                _extend(module)

            spec.loader.exec_module = execute_and_extend  # type: ignore[method-assign]
        return spec


def _extend(module: ModuleType) -> None:
    for name, extended in (
        ("setup_test_environment", _with_gateway),
        ("teardown_test_environment", _with_its_end),
    ):
        function = getattr(module, name)
        if not hasattr(function, "_has_test_gateway"):
            setattr(module, name, extended(function))


def _with_gateway(setup: Callable[..., None]) -> Callable[..., None]:
    @wraps(setup)
    def extended(*args: Any, **kwargs: Any) -> None:
        from . import cases, gateway

        gateway.check()
        setup(*args, **kwargs)
        gateway.begin()
        cases.extend()

    extended._has_test_gateway = True  # type: ignore[attr-defined]
    return extended


def _with_its_end(teardown: Callable[..., None]) -> Callable[..., None]:
    @wraps(teardown)
    def extended(*args: Any, **kwargs: Any) -> None:
        from . import gateway

        teardown(*args, **kwargs)
        gateway.end()

    extended._has_test_gateway = True  # type: ignore[attr-defined]
    return extended
