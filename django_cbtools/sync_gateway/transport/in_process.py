"""A transport for requests that calls the embedded gateway in this process, on this thread."""

from __future__ import annotations

import io
from collections.abc import Generator
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from django_cbtools import conf
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.http.messages import Call

#: The scheme of URLs such as ``http+embedded://public/...`` and ``http+embedded://admin/...``. It
#: begins with "http", as requests adds query parameters only to such URLs.
SCHEME = "http+embedded"


class _Stream(io.RawIOBase):
    """A file object that reads a streamed answer."""

    def __init__(self, chunks: Generator[bytes, None, None]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            try:
                self._rest = memoryview(next(self._chunks))
            except StopIteration:
                return 0
            except GatewayError as error:
                raise requests.ConnectionError(f"The answer breaks off: {error}") from error
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        self._chunks.close()
        super().close()


class InProcessAdapter(BaseAdapter):
    """A transport adapter for requests that sends requests to the embedded gateway.

    If ``trusted`` is true, requests to the public API act as SYNC_GATEWAY_USER and need no
    password.
    """

    def __init__(self, *, trusted: bool = True) -> None:
        super().__init__()
        self.trusted = trusted

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        url = urlsplit(request.url or "")
        body: Any = b"" if request.body is None else request.body
        if isinstance(body, str):
            body = body.encode()
        content = body if hasattr(body, "read") else io.BytesIO(body)
        headers = {name.lower(): str(value) for name, value in request.headers.items()}
        if self.trusted:
            # Within a process, compressing answers would only cost time.
            headers.pop("accept-encoding", None)
        answer = respond(
            Call(
                port=url.netloc,
                alias=conf.gateway_alias(),
                method=request.method or "GET",
                path=url.path,
                query_string=url.query,
                headers=headers,
                read=content.read,
                trusted=(conf.get("SYNC_GATEWAY_USER") or "") if self.trusted else None,
            )
        )
        response = requests.Response()
        response.status_code = answer.status
        response.reason = answer.phrase
        response.headers.update(answer.sent_headers(request.method or "GET"))
        response.raw = (
            io.BytesIO(answer.body) if answer.stream is None else _Stream(answer.chunks())
        )
        if "Content-Encoding" in answer.headers:
            # urllib3 decompresses the body, as it does over HTTP.
            response.raw = HTTPResponse(response.raw, answer.headers, preload_content=False)
        response.encoding = "utf-8"
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        """Do nothing: the adapter holds no connections."""
