"""Bodies of requests and of their parts: decompressed, limited, and parsed as JSON."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from django.utils.functional import cached_property

from .. import gojson, gostructs
from ..errors import GatewayError, bad_request
from . import limits
from .compression import unpacked


class Message:
    """Headers (with their names in lower case) and a body: a request, or a part of one.

    ``read`` is called with a number of bytes, and returns at most as many bytes of the body; each
    call goes on where the previous one stopped. It may raise a GatewayError.
    """

    headers: Mapping[str, str]
    read: Callable[[int], bytes]
    #: The largest body that is read as text, in bytes.
    max_text: int = limits.SMALL

    def check_encoding(self) -> str:
        """Return the Content-Encoding of the body: ``gzip``, or '' if it is not compressed.

        Raises a 415 GatewayError for any other encoding.
        """
        encoding = self.headers.get("content-encoding", "")
        if encoding not in ("", "gzip"):
            raise GatewayError(415, "Unsupported Content-Encoding; use gzip")
        return encoding

    def pieces(self, limit: int) -> Iterator[bytes]:
        """Yield the body in pieces, decompressed.

        Raises a 415 GatewayError if the encoding is not supported, a 413 GatewayError if the body
        has more than ``limit`` bytes, compressed or not, and a 400 GatewayError if it is not valid
        gzip.
        """
        encoding = self.check_encoding()
        announced = self.headers.get("content-length", "")
        # A body that is too large is refused before the client has to send it.
        if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
            raise limits.too_large(limit)
        packed = iter(lambda: self.read(limits.PIECE), b"")
        if encoding:
            # Compressed data of any length can unpack to nothing.
            yield from limits.limited(unpacked(limits.limited(packed, limit)), limit)
        else:
            yield from limits.limited(packed, limit)

    @cached_property
    def text(self) -> str:
        """The body as text. Raises the same errors as :meth:`pieces`."""
        return self._read_text()

    def _read_text(self) -> str:
        with tempfile.SpooledTemporaryFile(limits.LARGE) as file:
            for piece in self.pieces(self.max_text):
                file.write(piece)
            if file.tell() > limits.LARGE:
                self.begin_large()
            file.seek(0)
            body = file.read()
        if limits.is_too_wide(body):
            raise GatewayError(413, "Request body too large: send less at once")
        return body.decode("utf-8", "replace")

    def begin_large(self) -> None:
        """Called before a large body is read into memory; a subclass may wait here."""

    def object(self, go_type: str = "db.Body") -> dict[str, Any]:
        """Parse the body as a JSON object. Raises a 400 GatewayError if it is not one.

        The body can be read only once: to save memory, its text is not kept.
        """
        self._check_json()
        return gojson.decode_object(self._read_text(), go_type)

    def struct(self, wanted: gostructs.Type) -> Any:
        """Parse the body as JSON of a Go type. Raises a 400 GatewayError if it does not match.

        The body can be read only once, as with :meth:`object`.
        """
        self._check_json()
        return gostructs.read(self._read_text(), wanted)

    def _check_json(self) -> None:
        content_type = self.headers.get("content-type", "")
        if content_type and not re.match(r"application/json(;|$)", content_type):
            raise bad_request(
                f"Bad JSON: 415 Invalid content type {content_type} - expected application/json"
            )
