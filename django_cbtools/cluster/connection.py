"""The process's one connection to the cluster, shared by its threads.

A connection belongs to the process that made it. It is closed when the interpreter ends, and when
the settings change; a forked child leaves an inherited one alone, since its threads are not there
to finalise it, and makes its own when it needs one.
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


#: Seconds that the end of a program waits for what its threads are asking.
PATIENCE = 10.0

#: What is there, or is being made by one thread while others wait for it.
_connection: Future[Connection] | None = None
#: How many threads are using it.
_users = 0
_ending = False
_changed = threading.Condition()


@contextmanager
def connected() -> Generator[Connection, None, None]:
    """The process's cluster, and its bucket COUCHBASE_BUCKET, for what is done inside.

    Raises ImproperlyConfigured for settings that are of no use, and the exceptions of
    :mod:`django_cbtools.exceptions` where there is no connection: SyncGatewayForbidden,
    SyncGatewayNotFound for the bucket, SyncGatewayUnavailable.
    """
    global _users
    with _changed:
        if _ending:
            raise SyncGatewayUnavailable("The program is ending: its cluster is closed.")
        _users += 1
    try:
        yield _current()
    finally:
        with _changed:
            _users -= 1
            _changed.notify_all()


def close() -> None:
    """Close the process's connection, if there is any; the next use makes another.

    It is for when no thread is using it.
    """
    global _connection
    with _changed:
        current, _connection = _connection, None
    _close(current)


def _close(made: Future[Connection] | None) -> None:
    if made is not None and made.exception() is None:
        made.result().cluster.close()


def _current() -> Connection:
    global _connection
    with _changed:
        current = _connection
        if current is None:
            made = _connection = Future()
    if current is not None:
        return current.result()
    try:
        made.set_result(_connect())
    except BaseException as error:
        # Those who wait have waited long enough; who comes later may have more luck.
        with _changed:
            if _connection is made:
                _connection = None
        made.set_exception(error)
    return made.result()


def _connect() -> Connection:
    from couchbase.cluster import Cluster

    address = options.connection_string()
    name = options.bucket_name()
    with translated(
        f"Bucket {name!r} of the cluster at {address} cannot be opened",
        "COUCHBASE_OPTIONS['bootstrap_timeout']",
        "Is COUCHBASE_HOSTS right? A cluster's certificate must be signed by what "
        "COUCHBASE_OPTIONS['trust_store_path'] names",
    ):
        opened = None
        try:
            opened = Cluster(address, options.cluster_options())
            return Connection(opened, opened.bucket(name))
        except BaseException as error:
            if opened is not None:
                opened.close()
            # Half a connection has threads too; they go now, not with the error, in some child.
            opened = None
            traceback.clear_frames(error.__traceback__)
            raise


def _end() -> None:
    global _ending
    with _changed:
        _ending = True
        # A daemon thread that is in the SDK, when the connection is closed or Python ends, takes
        # the process down with it.
        _changed.wait_for(lambda: _users <= 0, timeout=PATIENCE)
    _close(_connection)


def _leave_to_parent() -> None:
    global _connection, _users, _changed
    if _connection is not None:
        # One reference more than Python will ever give back: it is never finalised here.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(_connection))
    _connection = None
    _users = 0
    _changed = threading.Condition()


def _forget(*, setting: str, **kwargs: Any) -> None:
    if setting.startswith("COUCHBASE_") or setting == "SYNC_GATEWAY_BUCKET":
        close()


atexit.register(_end)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
setting_changed.connect(_forget, dispatch_uid="django_cbtools.cluster")
