"""The gateway as a Django view, for a site's URLconf. It works under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Container
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from asgiref.sync import SyncToAsync, sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import connections
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase
from django.urls import ResolverMatch, URLPattern
from django.urls.resolvers import RegexPattern
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt

from django_cbtools import conf

from .. import callers
from ..api.gateway import respond
from ..errors import bad_request
from ..http.answers import Answer
from ..http.messages import Call
from ..http.streams import Waiting
from .pieces import Pieces
from .pools import Pool, run, shared

#: The WSGI variables that hold the path as the client sent it. PATH_INFO is unescaped, so that
#: escaped slashes are lost.
_RAW_PATHS = ("RAW_URI", "REQUEST_URI", "UNENCODED_URL")
#: How long (in seconds) a feed may wait under a server that answers one request at a time.
_LONGEST_WAIT = 20.0


class _Everything(Container[Any]):
    def __contains__(self, item: object) -> bool:
        return True


def urlpatterns(port: str) -> list[URLPattern]:
    """Return the URL patterns that serve one of the gateway's ports."""
    return [_Pattern(port)]


class _Pattern(URLPattern):
    """A pattern for all paths. Its view is synchronous under WSGI and asynchronous under ASGI.

    Under ASGI, a feed that waits does not occupy a thread.
    """

    def __init__(self, port: str) -> None:
        def gateway(request: HttpRequest, path: str) -> HttpResponseBase:
            call = call_of(port, request, path)
            answer = respond(call)
            return _response(answer, None if answer.stream is None else answer.chunks())

        async def asynchronous(request: HttpRequest, path: str) -> HttpResponseBase:
            call = call_of(port, request, path)
            pools = shared()
            answer = await _run(pools.of(call.method), call, partial(respond, call))
            if answer.stream is None:
                return _response(answer, None)
            on_thread = partial(_run, pools.streams, call)
            return _response(answer, _Pieces(answer.stream, on_thread))

        self._asynchronous = _as_view(asynchronous, port)
        # An id can contain a newline. With (?s), Django could reverse no URL of the site.
        super().__init__(RegexPattern(r"^(?P<path>[\s\S]*)\Z"), _as_view(gateway, port))

    def resolve(self, path: str) -> ResolverMatch | None:
        found = super().resolve(path)
        if found is not None and _is_in_loop():
            found.func = self._asynchronous
        return found


class _Pieces(Pieces):
    async def _wait(self, waiting: Waiting) -> None:
        # asgiref keeps a thread for each request until it is answered. The feed does not need
        # that thread while it waits, so it is ended here; asgiref starts another when needed.
        context = SyncToAsync.thread_sensitive_context.get(None)
        if context is not None:
            executor = SyncToAsync.context_to_thread_executor.pop(context, None)
            if executor is not None:
                executor.submit(connections.close_all)
                executor.shutdown(wait=False)
        await super()._wait(waiting)


def _as_view(view: Callable[..., Any], port: str) -> Callable[..., Any]:
    view = csrf_exempt(view)
    view.gateway_port = port  # type: ignore[attr-defined]
    # The gateway has its own users and its own transactions. With ATOMIC_REQUESTS, a long poll
    # would hold a transaction open and block all other writes.
    view.login_required = False  # type: ignore[attr-defined]
    view._non_atomic_requests = _Everything()  # type: ignore[attr-defined]
    return view


def _is_in_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


async def _run(pool: Pool, call: Call, work: Callable[[], Any]) -> Any:
    if SyncToAsync.thread_sensitive_context.get(None) is None:
        # Django's test client: the test's transaction belongs to its own thread.
        return await sync_to_async(work)()
    return await run(pool, call.alias, call.caller, work)


def call_of(port: str, request: HttpRequest, path: str) -> Call:
    """Return the request to the gateway that a request to the site is."""
    mount, raw_path, is_raw = _split(request, path)
    has_threads = request.META.get("wsgi.multithread", True)
    return Call(
        port=port,
        alias=conf.gateway_alias(),
        method=request.method or "GET",
        path=raw_path,
        query_string=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        read=_Body(request).read,
        mount=mount,
        is_raw=is_raw,
        longest_wait=math.inf if has_threads else _LONGEST_WAIT,
        can_follow=has_threads,
        is_secure=request.is_secure(),
        host=request.get_host(),
        address=request.META.get("REMOTE_ADDR", ""),
    )


def _response(answer: Answer, stream: Any) -> HttpResponseBase:
    response_class: Any = HttpResponse if stream is None else StreamingHttpResponse
    response: HttpResponseBase = response_class(
        answer.body if stream is None else stream,
        status=answer.status, reason=answer.phrase, headers=answer.headers,
    )  # fmt: skip
    if stream is not None and answer.length is not None:
        response["Content-Length"] = str(answer.length)
    if "Content-Type" not in answer.headers:
        del response["Content-Type"]
    # Otherwise the site's cache could show one user an answer meant for another.
    patch_cache_control(response, private=True, max_age=0)
    return response


class _Body:
    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        length = request.META.get("CONTENT_LENGTH", "")
        # Django, too, takes a malformed length for 0, and Python refuses thousands of digits.
        self._remaining = int(length) if length.isdecimal() and len(length) < 20 else 0

    def read(self, limit: int) -> bytes:
        try:
            # Django limits the size of request.body (DATA_UPLOAD_MAX_MEMORY_SIZE), for forms.
            with callers.pausing():
                data = self._request.read(limit)
        except UnreadablePostError as error:
            raise bad_request(f"The request's body did not arrive: {error}") from None
        self._remaining -= len(data)
        if len(data) < limit and self._remaining > 0:
            raise bad_request("The request's body is shorter than its Content-Length")
        return data


def _split(request: HttpRequest, path: str) -> tuple[str, str, bool]:
    """Return the path prefix at which the gateway is mounted, the path below it, and a flag.

    The flag is true if the path is as the client sent it, with its escapes. Otherwise only the
    unescaped path is known, and has been escaped again.
    """
    mount = request.path[: len(request.path) - len(path)].rstrip("/")
    if isinstance(request, ASGIRequest):
        sent = [request.scope.get("raw_path", b"").decode("latin-1")]
    else:
        sent = [request.META.get(name, "") for name in _RAW_PATHS]
    for target in sent:
        raw = _end(target.partition("?")[0], path)
        if raw is not None:
            return mount, "/" + raw, True
    return mount, "/" + _with_slashes_escaped(quote(path)), False


def _with_slashes_escaped(path: str) -> str:
    """Return an unescaped path with escaped slashes in its third segment if it has more segments.

    Only documents have such paths. Their handlers find out what each slash means.
    """
    segments = path.split("/")
    if len(segments) < 4 or segments[1][:1] in ("", "_") or not segments[-1]:
        return path
    if not {".", ".."}.isdisjoint(segments):
        return path
    return "/".join([*segments[:2], "%2F".join(segments[2:])])


def _end(target: str, path: str) -> str | None:
    """Return the end of ``target``, a path as it was sent, that unescapes to ``path``.

    Returns None if no end of it does. The beginning is not compared because proxies and servers may
    remove or add prefixes.
    """
    segments = target.split("/")
    missing = len(path)
    for start in range(len(segments) - 1, 0, -1):
        missing -= len(unquote(segments[start]))
        if missing <= 0:
            raw = "/".join(segments[start:])
            return raw if unquote(raw) == path else None
        missing -= 1
    return None
