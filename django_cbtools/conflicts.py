"""Repeats functions whose save raised a conflict."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
import os
import random
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from io import BytesIO
from typing import Any, TypeVar, overload

from asgiref.sync import iscoroutinefunction
from django.core.exceptions import RequestDataTooBig
from django.db import connections

from django_cbtools.exceptions import SyncGatewayConflict

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

ATTEMPTS = 3
#: The number of seconds before the second attempt.
DELAY = 0.5
#: The factor by which each pause is longer than the one before.
BACKOFF = 1.5


@overload
def retry_on_conflict(function: F, /) -> F: ...


@overload
def retry_on_conflict(
    *, attempts: int = ATTEMPTS, delay: float = DELAY, backoff: float = BACKOFF
) -> Callable[[F], F]: ...


def retry_on_conflict(
    function: Any = None,
    /,
    *,
    attempts: int = ATTEMPTS,
    delay: float = DELAY,
    backoff: float = BACKOFF,
) -> Any:
    """Call a function again if a save in it raises SyncGatewayConflict.

    The function is called at most ``attempts`` times. Then the last conflict is raised. The first
    pause is ``delay`` seconds, and each further one is ``backoff`` times as long. Pauses are varied
    at random by up to a half, so that competing writers do not meet again.

    It decorates functions and views, sync or async, with or without arguments. For a class-based
    view, use ``method_decorator(retry_on_conflict, name="dispatch")``. Load the document inside the
    function, and do outside what must not be done twice. A view that is called again can read the
    request's body and files again.

    Only SyncGatewayConflict is retried. SyncGatewayBulkError is not, since the documents that were
    not refused are saved already, and would be changed or created twice. The conflict is raised at
    once inside a transaction that will be rolled back, and if the view can no longer read its
    request (it has read a body larger than DATA_UPLOAD_MAX_MEMORY_SIZE as a stream, or has closed a
    file).

    Raises ValueError if ``attempts``, ``delay`` or ``backoff`` is invalid.
    """
    if attempts < 1 or delay < 0 or backoff < 0:
        raise ValueError(
            "retry_on_conflict() takes attempts of 1 or more, a delay and a backoff of 0 or more, "
            f"not attempts={attempts}, delay={delay}, backoff={backoff}."
        )
    if function is None:
        return functools.partial(_retrying, attempts=attempts, delay=delay, backoff=backoff)
    return _retrying(function, attempts, delay, backoff)


def waits(attempts: int, delay: float, backoff: float) -> Iterator[float | None]:
    """Yield the seconds to wait after each attempt, and None after the last one."""
    for number in range(attempts - 1):
        yield delay * backoff**number * random.uniform(0.5, 1.5)  # noqa: S311 (no secret)
    yield None


def _retrying(function: Any, attempts: int, delay: float, backoff: float) -> Any:
    if not callable(function):
        raise TypeError(f"retry_on_conflict decorates a function, not {function!r}.")
    name = getattr(function, "__qualname__", repr(function))

    async def awaiting(running: Awaitable[Any] | None, *args: Any, **kwargs: Any) -> Any:
        requests = _requests(*args, *kwargs.values())
        for wait in waits(attempts, delay, backoff):
            try:
                return await (running or function(*args, **kwargs))
            except SyncGatewayConflict as conflict:
                if wait is None or not _may_repeat(name, conflict, wait, requests):
                    raise
            running = None
            await asyncio.sleep(wait)

    @functools.wraps(function)
    async def asynchronous(*args: Any, **kwargs: Any) -> Any:
        return await awaiting(None, *args, **kwargs)

    @functools.wraps(function)
    def synchronous(*args: Any, **kwargs: Any) -> Any:
        requests = _requests(*args, *kwargs.values())
        for wait in waits(attempts, delay, backoff):
            try:
                result = function(*args, **kwargs)
            except SyncGatewayConflict as conflict:
                if wait is None or not _may_repeat(name, conflict, wait, requests):
                    raise
            else:
                # The ``dispatch()`` of an async view is no coroutine function.
                is_async = inspect.iscoroutine(result)
                return awaiting(result, *args, **kwargs) if is_async else result
            time.sleep(wait)

    return asynchronous if iscoroutinefunction(function) else synchronous


def _may_repeat(name: str, conflict: SyncGatewayConflict, wait: float, requests: list[Any]) -> bool:
    if any(connection.needs_rollback for connection in connections.all(initialized_only=True)):
        logger.warning("%s: %r. Not again: the transaction is broken.", name, str(conflict))
        return False
    if not all(_rewound(request) for request in requests):
        logger.warning("%s: %r. Not again: the request is used up.", name, str(conflict))
        return False
    logger.info("%s: %r. Again in %.2f seconds.", name, str(conflict), wait)
    return True


# -------------------------------------------------------------------- requests


def _requests(*args: Any) -> list[Any]:
    """Return the HttpRequests among the arguments, including those of Django REST framework,
    prepared to be read more than once."""
    from django.http import HttpRequest

    # Lazy objects of Django, such as request.user, must not be evaluated.
    found = [getattr(arg, "__dict__", {}).get("_request", arg) for arg in args]
    requests = [request for request in found if issubclass(type(request), HttpRequest)]
    for request in requests:
        _keep_body(request)
    return requests


def _keep_body(request: Any) -> None:
    """Read the body if Django may keep it, so that it can be read as a stream again.

    Forms with files are left alone, since Django parses them once and keeps the result.
    """
    has_body = str(request.META.get("CONTENT_LENGTH", "")).isdigit()
    if has_body and not _is_begun(request) and request.content_type != "multipart/form-data":
        try:
            request.body  # noqa: B018 (it is kept)
        except RequestDataTooBig:
            logger.debug("%r: its body is too large to be kept.", request.path)


def _is_begun(request: Any) -> bool:
    # An HttpRequest that no server has created has no stream.
    return getattr(request, "_read_started", False)


def _rewound(request: Any) -> bool:
    """Rewind the request to its beginning, and return whether it can be read again."""
    if hasattr(request, "_body"):
        request._stream = BytesIO(request._body)
    elif _is_begun(request) and not hasattr(request, "_post"):
        return False
    files = request._files.lists() if hasattr(request, "_files") else ()
    return all(_file_rewound(file) for _, named in files for file in named)


def _file_rewound(file: Any) -> bool:
    if file.closed:
        return False
    file.seek(0)
    if hasattr(file, "temporary_file_path") and not os.path.exists(file.temporary_file_path()):
        # The file has been moved to the storage of a FileField.
        with open(file.temporary_file_path(), "xb", opener=_private) as copy:
            shutil.copyfileobj(file, copy)
        file.seek(0)
    return True


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
