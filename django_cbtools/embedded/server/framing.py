"""Checks the head of a request more strictly than h11 does, as a real gateway does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..errors import GatewayError, bad_request
from ..http import limits

_VERSION = re.compile(r"1\.[0-9]")
_HOST = re.compile(rb"[A-Za-z0-9!$%&'()*+,.:;=\[\]_~-]*")
_CONTROL = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*")

Headers = Sequence[tuple[bytes, bytes]]


def check(scope: dict[str, Any]) -> None:
    """Raise a GatewayError if the head of a request is malformed or ambiguous.

    The status is 400 for malformed headers, 413 for a body that is too large, 417 for an unknown
    expectation, and 505 for an unsupported HTTP version. The caller must close the connection,
    since it is not certain where the next request begins.
    """
    if not _VERSION.fullmatch(scope["http_version"]):
        raise GatewayError(505, "unsupported protocol version")
    headers: Headers = scope["headers"]
    names = [name for name, _ in headers]
    if b"transfer-encoding" in names and (
        b"content-length" in names or scope["http_version"] == "1.0"
    ):
        raise bad_request("Transfer-Encoding beside Content-Length, or in HTTP/1.0")
    for name, value in headers:
        if _CONTROL.search(value):
            raise bad_request("invalid header value")
        if name == b"host" and not _HOST.fullmatch(value):
            raise bad_request("malformed Host header")
        if name == b"expect" and value and b"100-continue" not in value.lower():
            raise GatewayError(417, "")
        if name == b"content-length" and int(value) > limits.STREAM:
            raise GatewayError(413, "Request body too large")


def path(scope: dict[str, Any]) -> str:
    """Return the path as the client sent it, with its escapes.

    If the client sent an absolute URI, the path is the part after the host. Raises a 400
    GatewayError if the request target is not valid.
    """
    target: str = scope["raw_path"].decode("latin-1")
    if target.startswith("/") or target == "*":
        return target
    absolute = _ABSOLUTE.match(target)
    if absolute is None and scope["method"] != "CONNECT":
        raise bad_request("invalid request target")
    return target[absolute.end() :] or "/" if absolute else "/"


def as_dict(headers: Headers) -> dict[str, str]:
    """Return the headers by their lower-case names. Repeated headers are joined into one value."""
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.decode("latin-1"), []).append(value.decode("latin-1"))
    return {
        name: ("; " if name == "cookie" else ",").join(several) for name, several in values.items()
    }
