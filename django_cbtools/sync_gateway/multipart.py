"""Answers of several parts, each of them JSON."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from .client import parse
from .matching import wrong

if TYPE_CHECKING:
    import requests

_BOUNDARY = re.compile(r'^multipart/mixed\s*;.*\bboundary="?([^";]{1,200})"?', re.IGNORECASE)


def load_parts(response: requests.Response) -> Iterator[Any]:
    """The JSON of each part of an answer; raises SyncGatewayUnavailable where it has none."""
    named = _BOUNDARY.match(response.headers.get("Content-Type", ""))
    line = b"--" + named[1].encode() if named else b"\0"
    first, *parts = (b"\r\n" + response.content).split(b"\r\n" + line)
    try:
        if first.strip() or not parts or parts[-1].strip() != b"--":
            raise ValueError("it is not made of parts")
        for part in parts[:-1]:
            yield parse(part.partition(b"\r\n\r\n")[2])
    except (ValueError, RecursionError) as error:
        from .errors import no_gateways

        raise wrong(response, no_gateways(response.url, response.status_code)) from error
