"""WebSockets over ASGI: opened or refused by the gateway's answer to the request for one."""

from __future__ import annotations

from typing import Any

from ..blip import profiles
from ..errors import bad_request
from ..http.answers import Answer
from ..http.messages import Call
from .pools import Pools
from .replication import Replication

#: The extension of ASGI by which a WebSocket is refused with any answer.
_RESPONSE = "websocket.http.response"
_PROTOCOL = "Sec-WebSocket-Protocol"
#: The most bytes of a reason for which a WebSocket is closed.
_MAX_REASON = 123


async def settle(
    call: Call, answer: Answer, pools: Pools, scope: Any, receive: Any, send: Any
) -> None:
    """Open the WebSocket for which the gateway answered 101 and replicate over it, or refuse it."""
    if answer.status != 101:
        if answer.stream is not None:
            answer.stream.close()
            answer = Answer.of_error(bad_request("There is no WebSocket at this address"))
        await refuse(answer, scope, send)
        return
    await receive()  # the event that says that the client is there
    headers = [
        (b"set-cookie", value.encode("latin-1"))
        for name, value in answer.headers.items()
        if name == "Set-Cookie"
    ]
    protocol = answer.headers[_PROTOCOL]
    await send({"type": "websocket.accept", "subprotocol": protocol, "headers": headers})
    closing = await Replication(profiles.opened(call, protocol), pools, send).run(receive)
    if closing is not None:
        code, reason = closing
        cut = reason.encode()[:_MAX_REASON].decode("utf-8", "ignore")
        await send({"type": "websocket.close", "code": code, "reason": cut})


async def refuse(answer: Answer, scope: Any, send: Any) -> None:
    """Refuse a WebSocket with an answer; servers that cannot send it send 403 instead."""
    if _RESPONSE not in (scope.get("extensions") or {}):
        await send({"type": "websocket.close"})
        return
    headers = [
        (name.encode("latin-1"), value.strip().encode("latin-1"))
        for name, value in answer.sent_headers("GET").items()
    ]
    start = {"type": f"{_RESPONSE}.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": f"{_RESPONSE}.body", "body": answer.body})
