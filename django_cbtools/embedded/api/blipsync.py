"""The upgrade to a WebSocket on which Couchbase Lite replicates."""

from __future__ import annotations

from ..blip import profiles
from ..blip.session import PROTOCOLS
from ..errors import GatewayError
from ..http.answers import Answer
from ..http.messages import Call

_TEXT = {"Content-Type": "text/plain; charset=utf-8"}


def blipsync(call: Call) -> Answer:
    """GET _blipsync: answer 101 with the sub-protocol. The server then runs the session.

    Raises a 426 GatewayError if the server cannot make a WebSocket of this request.
    """
    protocol = profiles.chosen(call.headers.get("sec-websocket-protocol", ""))
    if protocol is None:
        return Answer(500, f"I only speak {','.join(PROTOCOLS)} protocols\n".encode(), _TEXT)
    if not call.is_socket:
        raise GatewayError(
            426,
            "Can't upgrade this request to websocket connection: see 'Phones' in "
            "docs/embedded-gateway.rst for the servers that can",
        )
    return Answer(101, headers={"Sec-WebSocket-Protocol": protocol})
