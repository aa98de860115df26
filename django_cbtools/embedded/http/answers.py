"""Answers of the gateway: status, headers, and a body or a stream."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any

from django_cbtools import canonical

from ..errors import GatewayError, phrase
from . import browsers
from .streams import Stream, blocking


@dataclass
class Answer:
    """A response. Its headers include the ones that protect browsers.

    A long answer has a ``stream`` instead of a ``body``, of ``length`` bytes if that is known. The
    code that sends a stream closes it, also when it gives up. Where ``listed`` is true, the answer
    to HEAD has the length of the body.
    """

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    listed: bool = False
    stream: Stream | None = None
    length: int | None = None

    def __post_init__(self) -> None:
        self.headers = {**browsers.HEADERS, **self.headers}

    def content_length(self) -> int | None:
        """Return the number of bytes to send, or None if it is not known yet."""
        return len(self.body) if self.stream is None else self.length

    def sent_headers(self, method: str) -> dict[str, str]:
        """Return the headers, with Content-Length if the answer has a body of known length."""
        length = self.content_length()
        if method == "HEAD" or self.status == 204 or length is None:
            return self.headers
        return {**self.headers, "Content-Length": str(length)}

    def chunks(self) -> Generator[bytes, None, None]:
        """Yield the body in pieces. The thread waits while the stream does."""
        if self.stream is not None:
            yield from blocking(self.stream)
        elif self.body:
            yield self.body

    @property
    def phrase(self) -> str:
        return phrase(self.status)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
        """Make an answer of a value, which is sent as JSON; a str is JSON already."""
        text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        return cls(status, text.encode(), {"Content-Type": "application/json", **(headers or {})})

    def without_body(self) -> Answer:
        """Return the answer to HEAD. As on a real gateway, most have no Content-Length."""
        if self.stream is not None:
            self.stream.close()
        length = self.content_length()
        if self.listed or self.status >= 400:
            headers = dict(self.headers)
            if length is not None:
                headers["Content-Length"] = str(length)
        else:
            headers = {k: v for k, v in self.headers.items() if k != "Content-Type"}
        return Answer(self.status, b"", headers)

    @classmethod
    def of_error(cls, error: GatewayError) -> Answer:
        body = {"error": error.error, "reason": error.reason}
        # A reason can hold what the client has sent.
        return cls.json(
            canonical.escaped(json.dumps(body, separators=(",", ":"))), error.status, error.headers
        )
