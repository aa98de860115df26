"""Server-sent events: new rows of a table are sent to browsers, which reconnect by themselves.

It works with threads (runserver, gunicorn with threads) and under ASGI. Under both, a connection
keeps a thread, which sleeps while nothing happens: Django's ASGI handler gives each request one.
"""

import asyncio
import json
import threading
import time
import weakref

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpResponse, StreamingHttpResponse

#: Seconds between two looks at the table; after which a proxy is told that the connection is still
#: alive; after which a connection ends, so that servers can be stopped; and before a browser comes
#: back.
PAUSE, HEARTBEAT, LIFETIME, RETRY = 1.0, 15.0, 600.0, 2.0
#: How many connections a process serves at once. Each of them keeps a thread.
CONNECTIONS = 20
_free = threading.BoundedSemaphore(CONNECTIONS)
_END = object()


class EventStream(StreamingHttpResponse):
    """A connection, which makes room for another one when it is closed; or when it is forgotten, as
    a server does where the browser leaves before there is an answer."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._leave = weakref.finalize(self, _free.release)

    def close(self):
        super().close()
        self._leave()


def stream(request, since, read):
    """Answer with what ``read(since)`` finds, again and again: pairs of a number and what JSON
    holds. 503 where there are too many connections."""
    if not _free.acquire(blocking=False):
        return HttpResponse(status=503, headers={"Retry-After": "30"})
    told = _told(since, read)
    body = _in_a_loop(told) if isinstance(request, ASGIRequest) else _in_a_thread(told)
    headers = {"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"}
    return EventStream(body, content_type="text/event-stream", headers=headers)


def _told(since, read):
    """What is to be sent; None where it is time to wait."""
    yield f"retry: {int(RETRY * 1000)}\n\n"
    begun = quiet = time.monotonic()
    while time.monotonic() - begun < LIFETIME:
        close_old_connections()
        for since, data in read(since):  # noqa: B020 (it goes on from there)
            quiet = time.monotonic()
            yield f"id: {since}\ndata: {json.dumps(data)}\n\n"
        if time.monotonic() - quiet > HEARTBEAT:
            quiet = time.monotonic()
            yield ": still here\n\n"
        yield None


def _in_a_thread(told):
    for piece in told:
        if piece is None:
            time.sleep(PAUSE)
        else:
            yield piece


async def _in_a_loop(told):
    step = sync_to_async(lambda: next(told, _END))
    while (piece := await step()) is not _END:
        if piece is None:
            await asyncio.sleep(PAUSE)
        else:
            yield piece
