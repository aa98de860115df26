"""Ports of this machine where nobody listens."""

from __future__ import annotations

import socket
from contextlib import ExitStack, suppress
from random import SystemRandom


def free_ports(count: int) -> list[int]:
    """Ports that stay free while a gateway is down: none that a system gives to connections."""
    with ExitStack() as listeners:
        found: list[int] = []
        while len(found) < count:
            port = SystemRandom().randrange(10_000, 32_768)
            with suppress(OSError):
                listeners.enter_context(socket.create_server(("127.0.0.1", port)))
                found.append(port)
        return found
