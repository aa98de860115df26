"""The embedded gateway of a test run. Each process of parallel tests has its own."""

from __future__ import annotations

import atexit
import multiprocessing
import os
import shutil
import sqlite3
import sys
import tempfile
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.signals import setting_changed
from django.db import connections

from django_cbtools import conf

#: The environment variable with the path of the gateway, for processes that Django spawns for
#: parallel tests.
_VARIABLE = "CBTOOLS_TEST_GATEWAY"

#: The folder of the gateway's files, and the process that created it and will remove it.
_folder: Path | None = None
_owner = 0
#: The alias of the gateway, while there is one.
_alias: str | None = None


def alias() -> str | None:
    """Return the alias of this run's gateway, or None if it has none."""
    return _alias


def check() -> None:
    """Raise ImproperlyConfigured if tests need a gateway that cannot be set up."""
    names = conf.without_test_in_name()
    if names and find_spec("py_mini_racer") is None:
        raise ImproperlyConfigured(
            f"Tests do not begin: they must not touch {names[0]!r}, as its name does not have "
            "'test' in it, and the embedded gateway that takes its place needs an extra: "
            "pip install 'django-cbtools[embedded]'. Or name a database for tests in "
            "SYNC_GATEWAY_BUCKET (and COUCHBASE_BUCKET), with 'test' in its name."
        )


def begin() -> None:
    """Create the gateway of this run, if it needs one."""
    global _folder, _owner, _alias
    if not conf.uses_test_gateway():
        return
    parents = _parents_file()
    _folder = Path(tempfile.mkdtemp(prefix="test_cbtools_", dir=parents and parents.parent))
    _owner = os.getpid()
    name = _own_file()
    if parents is not None:
        _copy(str(parents), name)
    os.environ[_VARIABLE] = f"{_owner}:{name}"
    atexit.register(end)
    _alias = conf.test_alias()
    settings.DATABASES[_alias] = {
        "ENGINE": conf.EMBEDDED_ENGINE,
        "NAME": name,
        "OPTIONS": {"init_command": "PRAGMA synchronous=OFF;"},
        # For a mirror, Django does not create, migrate, fill or clone a test database.
        "TEST": {"MIRROR": _alias},
        conf.STANDS_IN_FOR: settings.DATABASES.get(_alias, {}),
    }
    _reconnect(_alias)


def end() -> None:
    """Remove the files that :func:`begin` has created. A second call, or one in another process,
    does nothing."""
    global _folder, _alias
    folder, _folder = _folder, None
    if folder is None or _owner != os.getpid():
        return
    atexit.unregister(end)
    alias, _alias = str(_alias), None
    databases: dict[str, Any] = settings.DATABASES
    former = databases.pop(alias)[conf.STANDS_IN_FOR]
    if former:
        databases[alias] = former
    del os.environ[_VARIABLE]
    _reconnect(alias)
    shutil.rmtree(folder, ignore_errors=True)


def use_own_file() -> None:
    """Give a process for parallel tests its own gateway, with the data that migrations have
    saved."""
    connection = connections[str(_alias)]
    found, own = connection.settings_dict["NAME"], _own_file()
    if found != own:
        connection.close()
        if not os.path.exists(own):
            _copy(found, own)
        connection.settings_dict["NAME"] = own


def _own_file() -> str:
    """Return the path of this process's file. Processes that Django has forked for parallel tests
    are numbered."""
    runner = sys.modules.get("django.test.runner")
    number = 0 if _owner == os.getpid() else getattr(runner, "_worker_id", 0)
    return os.path.join(str(_folder), f"gateway_{number}.sqlite3")


def _parents_file() -> Path | None:
    """Return the file of the process that has spawned this one for parallel tests, or None."""
    parent = multiprocessing.parent_process()
    pid, _, name = os.environ.get(_VARIABLE, "").partition(":")
    return Path(name) if parent is not None and pid == str(parent.pid) else None


def _copy(source: str, target: str) -> None:
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def empty() -> None:
    """Delete all data of the gateway."""
    call_command(
        "flush",
        verbosity=0,
        interactive=False,
        database=_alias,
        inhibit_post_migrate=True,
    )


def _reconnect(alias: str) -> None:
    """Close the connections to an alias whose documents are in another file from now on."""
    for connection in connections.all(initialized_only=True):
        if connection.alias == alias:
            connection.close()
            del connections[alias]
    # This sets the default values of a database's settings.
    connections.settings = connections.configure_settings(None)
    values: dict[str, Any] = {
        name: conf.get(name) for name in ("SYNC_GATEWAY_URL", "COUCHBASE_HOSTS")
    }
    for name, value in values.items():
        setting_changed.send(sender=_reconnect, setting=name, value=value, enter=conf.is_test_run())
