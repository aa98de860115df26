"""WebSockets of a gateway that is mounted in a Django site, for the site's ``asgi.py``."""

from __future__ import annotations

from typing import Any

from .server.mounted import answer


def with_websockets(application: Any) -> Any:
    """Return an ASGI application that also answers the WebSockets of a mounted gateway.

    ``application`` is the site's: the result of ``get_asgi_application()``. Phones with Couchbase
    Lite then sync with the site. Other WebSockets are passed on to the application.
    """

    async def with_gateway(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "websocket" or not await answer(scope, receive, send):
            await application(scope, receive, send)

    return with_gateway
