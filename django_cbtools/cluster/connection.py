"""The connections of a process to clusters, one for each, shared by its threads.

A connection belongs to the process that made it. It is closed when the interpreter ends, and when
the settings change. A forked child does not close an inherited connection, since the threads to
finalise it do not exist there. It makes its own when it needs one.
"""

from __future__ import annotations

import atexit
import ctypes
import os
import threading
import traceback
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.signals import setting_changed

from django_cbtools.exceptions import SyncGatewayUnavailable

from . import options
from .errors import translated

if TYPE_CHECKING:
    from couchbase.bucket import Bucket
    from couchbase.cluster import Cluster


class Connection(NamedTuple):
    cluster: Cluster
    bucket: Bucket


#: The number of seconds that the end of a program waits for requests of its threads.
PATIENCE = 10.0

#: Connections that exist, or that one thread makes while others wait for them.
_connections: dict[options.Target, Future[Connection]] = {}
#: The number of threads that are using connections.
_users = 0
_ending = False
_changed = threading.Condition()


@contextmanager
def connected(target: options.Target | None = None) -> Generator[Connection, None, None]:
    """Yield the process's connection to a cluster and its bucket, by default those of the settings.

    Raises ImproperlyConfigured if the settings cannot be used. If there is no connection, raises an
    exception of :mod:`django_cbtools.exceptions`: SyncGatewayForbidden, SyncGatewayNotFound (for
    the bucket), or SyncGatewayUnavailable.
    """
    global _users
    with _changed:
        if _ending:
            raise SyncGatewayUnavailable("The program is ending: its cluster is closed.")
        _users += 1
    try:
        yield _current(target or options.of_settings())
    finally:
        with _changed:
            _users -= 1
            _changed.notify_all()


def close() -> None:
    """Close the process's connections. The next use makes new ones.

    Call it when no thread uses them.
    """
    with _changed:
        made = list(_connections.values())
        _connections.clear()
    _close(made)


def _close(connections: list[Future[Connection]]) -> None:
    for made in connections:
        if made.exception() is None:
            made.result().cluster.close()


def _current(target: options.Target) -> Connection:
    with _changed:
        current = _connections.get(target)
        if current is None:
            made = _connections[target] = Future()
    if current is not None:
        return current.result()
    try:
        made.set_result(_connect(target))
    except BaseException as error:
        # Threads that wait now fail, too. A later one may succeed.
        with _changed:
            if _connections.get(target) is made:
                del _connections[target]
        made.set_exception(error)
    return made.result()


def _connect(target: options.Target) -> Connection:
    from couchbase.cluster import Cluster

    names = target.names
    with translated(
        f"Bucket {target.bucket!r} of the cluster at {target.address} cannot be opened",
        f"{names.options}['bootstrap_timeout']",
        f"Is {names.hosts} right? A cluster's certificate must be signed by what "
        f"{names.options}['trust_store_path'] names",
        names,
    ):
        opened = None
        try:
            opened = Cluster(target.address, options.cluster_options(target))
            return Connection(opened, opened.bucket(target.bucket))
        except BaseException as error:
            if opened is not None:
                opened.close()
            # A connection that is only half open has threads, too. They end now, and not with the
            # error later, perhaps in a forked child.
            opened = None
            traceback.clear_frames(error.__traceback__)
            raise


def _end() -> None:
    global _ending
    with _changed:
        _ending = True
        # If a daemon thread is inside the SDK when the connection is closed or Python ends, the
        # process crashes.
        _changed.wait_for(lambda: _users <= 0, timeout=PATIENCE)
    _close(list(_connections.values()))


def _leave_to_parent() -> None:
    global _users, _changed
    for made in _connections.values():
        # An extra reference, which is never released, so that the connection is not finalised here.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(made))
    _connections.clear()
    _users = 0
    _changed = threading.Condition()


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting.startswith("COUCHBASE_") or setting == "SYNC_GATEWAY_BUCKET":
        close()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
setting_changed.connect(_forget, dispatch_uid="django_cbtools.cluster")
