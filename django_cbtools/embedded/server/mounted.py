"""The WebSockets of a gateway that is mounted in a site and served by ASGI."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

from django.core.exceptions import SuspiciousOperation
from django.core.handlers.asgi import ASGIRequest
from django.urls import Resolver404, resolve

from ..api.gateway import respond
from ..errors import bad_request
from ..http.answers import Answer
from . import site, sockets
from .pools import run, shared


async def answer(scope: Any, receive: Any, send: Any) -> bool:
    """Answer the request for a WebSocket, and replicate over it.

    Return False if the site's URLs lead the request to something else than the gateway.
    """
    as_http = {
        "type": "http", "method": "GET",
        "scheme": "https" if scope.get("scheme") == "wss" else "http",
    }  # fmt: skip
    request = ASGIRequest({**scope, **as_http}, io.BytesIO())
    try:
        found = resolve(request.path_info)
    except Resolver404:
        return False
    port = getattr(found.func, "gateway_port", None)
    if port is None:
        return False
    try:
        call = site.call_of(port, request, found.kwargs["path"])
    except SuspiciousOperation as error:
        await sockets.refuse(Answer.of_error(bad_request(str(error))), scope, send)
        return True
    call.is_socket = True
    pools = shared()
    given = await run(pools.of(call.method), call.alias, call.caller, partial(respond, call))
    await sockets.settle(call, given, pools, scope, receive, send)
    return True
