"""The WebSocket protocol of uvicorn. Importing this needs the package websockets."""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from .replication import AGAIN


class Protocol(WebSocketsSansIOProtocol):
    """A connection to a client that asks for a WebSocket."""

    async def send(self, message: Any) -> None:
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            # Otherwise uvicorn logs that the WebSocket was neither opened nor refused.
            self.handshake_complete = True

    def shutdown(self) -> None:
        """Close the connection, since the server is being stopped."""
        if self.handshake_complete and not self.close_sent and not self.disconnected:
            self.queue.put_nowait({"type": "websocket.disconnect", "code": AGAIN})
            self.conn.send_close(AGAIN, "The gateway is being stopped")
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
        super().shutdown()
