"""Multipart responses with JSON parts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .client import parse
from .matching import wrong

if TYPE_CHECKING:
    import requests


def load_parts(response: requests.Response) -> Iterator[Any]:
    """Yield the JSON of each part of a response. Raise SyncGatewayUnavailable if a part is no
    JSON."""
    content = b"\r\n" + response.content.lstrip(b"\r\n")
    # The line that ends each part also precedes the first one.
    line = content[: content.find(b"\r\n", 2)].rstrip()
    _, *parts = content.split(line if line.startswith(b"\r\n--") else b"\0")
    try:
        if not parts or parts[-1].strip() != b"--":
            raise ValueError("it is not made of parts")
        for part in parts[:-1]:
            yield parse(part.partition(b"\r\n\r\n")[2])
    except (ValueError, RecursionError) as error:
        from .errors import no_gateways

        raise wrong(response, no_gateways(response.url, response.status_code)) from error
