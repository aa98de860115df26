"""An ASGI application that serves one port of the gateway."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django_cbtools import conf

from ..api.gateway import respond
from ..errors import GatewayError
from ..http import limits
from ..http.answers import Answer
from ..http.messages import Call
from . import framing, sockets
from .pieces import Ending, Pieces
from .pools import Pools, run
from .request_body import Body

logger = logging.getLogger(__name__)

#: The key, in the state of an ASGI scope, of the Ending that tells an answer to stop.
ENDING = "django_cbtools.ending"
_CLOSE = {"Connection": "close"}


class Application:
    """The ASGI application for one port of the gateway.

    ``alias`` is the alias of the database in Django's setting DATABASES; None means the alias of
    the configured document database.
    """

    def __init__(self, port: str, alias: str | None, pools: Pools) -> None:
        self.port = port
        self.alias = alias
        self.pools = pools

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self._open(scope, receive, send)
            return
        try:
            framing.check(scope)
            body = Body(receive)
            call = self._call(scope, body)
        except GatewayError as error:
            error.headers = {**(error.headers or {}), **_CLOSE}
            await _send(Answer.of_error(error), scope["method"], send)
            return
        has_body = "content-length" in call.headers or "transfer-encoding" in call.headers
        body.is_complete = not has_body
        if has_body and not _waits_for_the_answer(call):
            try:
                await body.begin()
            except ConnectionError:
                return
        pool = self.pools.of(call.method) if body.is_complete else self.pools.uploads
        answer = await run(pool, call.alias, call.caller, partial(_answer, call))
        if answer.stream is None:
            await _send(answer, call.method, send)
        else:
            ending = scope["state"][ENDING]
            on_thread = partial(run, self.pools.streams, call.alias, call.caller)
            pieces = Pieces(answer.stream, on_thread, ending)
            try:
                await _send_pieces(answer, pieces, ending, call.method, send)
            finally:
                await on_thread(pieces.close)

    async def _open(self, scope: Any, receive: Any, send: Any) -> None:
        """Open a WebSocket if the answer to the request for it is to do so."""
        scope = {"method": "GET", **scope}
        try:
            framing.check(scope)
            call = self._call(scope, Body(receive))
        except GatewayError as error:
            await sockets.refuse(Answer.of_error(error), scope, send)
            return
        call.is_socket, call.read = True, lambda limit: b""
        pool = self.pools.of(call.method)
        answer = await run(pool, call.alias, call.caller, partial(_answer, call))
        await sockets.settle(call, answer, self.pools, scope, receive, send)

    def _call(self, scope: Any, body: Body) -> Call:
        return Call(
            port=self.port,
            alias=self.alias or conf.gateway_alias(),
            method=scope["method"],
            path=framing.path(scope),
            query_string=scope["query_string"].decode("latin-1"),
            headers=framing.as_dict(scope["headers"]),
            read=body.read,
            address=(scope.get("client") or ("",))[0],
        )


def _waits_for_the_answer(call: Call) -> bool:
    """Return whether the body is not asked for before it is needed.

    A client that sends "Expect: 100-continue" waits to be asked for its body. Small bodies are
    asked for at once, as otherwise a thread would have to wait for them.
    """
    length = int(call.headers.get("content-length", "0"))
    return "expect" in call.headers and length > limits.SMALL


def _answer(call: Call) -> Answer:
    """Return the answer to a request; runs on a thread. Unexpected errors become a 500 answer."""
    try:
        return respond(call)
    except Exception:
        logger.exception("The embedded gateway failed: %s %r", call.method, call.path)
        answer = Answer.of_error(GatewayError(500, "Internal error: look at the server's log"))
        return answer.without_body() if call.method == "HEAD" else answer


async def _send(answer: Answer, method: str, send: Any) -> None:
    await send(_start(answer, method))
    await send({"type": "http.response.body", "body": answer.body})


async def _send_pieces(
    answer: Answer, pieces: Pieces, ending: Ending, method: str, send: Any
) -> None:
    await send(_start(answer, method))
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})
    await send({"type": "http.response.body"})


def _start(answer: Answer, method: str) -> dict[str, Any]:
    headers = [
        (name.encode("latin-1"), value.strip().encode("latin-1"))
        for name, value in answer.sent_headers(method).items()
    ]
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
