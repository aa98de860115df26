"""Reads and writes multipart bodies (RFC 2046) without holding them in memory."""

from __future__ import annotations

import email.message
import re
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from ..documents.attachments import Piece
from ..errors import bad_request
from ..http import limits
from ..http.bodies import Message
from ..http.messages import header_value

#: The longest accepted boundary, Content-Type, and headers of a part, in bytes.
MAX_BOUNDARY = 200
MAX_TYPE = 1024
MAX_HEAD = 64 * 1024
_MAX_PADDING = 64
_EMPTY_LINE = re.compile(rb"\r?\n\r?\n")


@dataclass
class Part(Message):
    """A part of a multipart body that is being read. ``source`` yields its content."""

    headers: Mapping[str, str]
    source: Iterator[bytes]
    _rest: bytes = b""

    def read(self, limit: int) -> bytes:
        while not self._rest:
            piece = next(self.source, None)
            if piece is None:
                return b""
            self._rest = piece
        data, self._rest = self._rest[:limit], self._rest[limit:]
        return data


class Reader:
    """Reads the parts of a multipart body, one after the other.

    Raises a 400 GatewayError if the body does not match its Content-Type or is incomplete.
    """

    #: The largest size of the whole body, in bytes.
    limit = limits.STREAM

    def __init__(self, message: Message) -> None:
        self._delimiter = b"--" + _boundary(message.headers.get("content-type", ""))
        self._pieces = message.pieces(self.limit)
        # The body may begin with a delimiter, which includes the end of a line.
        self._buffer = b"\r\n"
        self._newline = b""
        self._is_over = False
        self._content = self._until_delimiter()

    def next_part(self) -> Part | None:
        """Return the next part, None at the end. The previous part can no longer be read."""
        for _ in self._content:
            pass
        if self._is_over:
            return None
        headers = self._headers()
        self._content = self._part_content()
        return Part(headers, self._content)

    def _until(
        self, pattern: re.Pattern[bytes], longest: int
    ) -> Generator[bytes, None, re.Match[bytes]]:
        """Yield the bytes before the first match of a pattern, and return the match.

        A match must not be longer than ``longest`` bytes.
        """
        while True:
            match = pattern.search(self._buffer)
            if match:
                yield self._buffer[: match.start()]
                self._buffer = self._buffer[match.end() :]
                return match
            yield self._buffer[:-longest]
            piece = next(self._pieces, None)
            if piece is None:
                raise bad_request("The multipart body breaks off, or has another boundary")
            self._buffer = self._buffer[-longest:] + piece

    def _until_delimiter(self) -> Generator[bytes, None, None]:
        # As in Go, all delimiters must have the same line ending as the first one.
        pattern = re.compile(
            b"%b%b(?:--|[ \t]{0,%d}(\r?\n))"
            % (self._newline or b"\r?\n", re.escape(self._delimiter), _MAX_PADDING)
        )
        match = yield from self._until(pattern, len(self._delimiter) + _MAX_PADDING + 4)
        self._is_over = match[1] is None
        self._newline = self._newline or match[1]

    def _headers(self) -> dict[str, str]:
        # A part without headers begins with the empty line.
        self._buffer = b"\n" + self._buffer
        head = b""
        for piece in self._until(_EMPTY_LINE, 4):
            head += piece
            if len(head) > MAX_HEAD:
                raise bad_request("The headers of a MIME part are too long")
        headers = {}
        for line in head.decode("utf-8", "replace").split("\n"):
            if not line.strip():
                continue
            name, colon, value = line.partition(":")
            if not colon:
                raise bad_request("The headers of a MIME part are malformed")
            headers[name.strip().lower()] = value.strip()
        return headers

    def _part_content(self) -> Generator[bytes, None, None]:
        # The delimiter of an empty part begins with the end of the empty line.
        self._buffer = self._newline + self._buffer
        skip = len(self._newline)
        for piece in self._until_delimiter():
            yield piece[skip:]
            skip = max(0, skip - len(piece))


def _boundary(content_type: str) -> bytes:
    # Python parses the parameters of a header in quadratic time.
    header = email.message.Message()
    header["Content-Type"] = content_type if len(content_type) <= MAX_TYPE else ""
    boundary = (header.get_boundary() or "").encode("latin-1", "replace")
    if not 0 < len(boundary) <= MAX_BOUNDARY:
        raise bad_request("The multipart body's boundary is missing, or too long")
    return boundary


class Section(NamedTuple):
    """A part of a multipart body to write."""

    headers: Mapping[str, str]
    pieces: Iterable[Piece]


def write(sections: Iterable[Section], boundary: str) -> Iterator[Piece]:
    """Yield a multipart body in the same format as Go, without the last line ending."""
    newline = b""
    for headers, pieces in sections:
        lines = [f"{name}: {header_value(value)}" for name, value in sorted(headers.items())]
        head = "\r\n".join([f"--{boundary}", *lines, "", ""])
        yield newline + head.encode("latin-1")
        yield from pieces
        newline = b"\r\n"
    yield f"\r\n--{boundary}--".encode()
