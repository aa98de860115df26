"""The body of a request to the server: what comes between its headers and the next request."""

from __future__ import annotations

import re
from typing import Protocol

from ..http.messages import MAX_BODY_BYTES

#: How much is read at once of what nobody wants.
_PIECE = 64 * 1024
#: The longest line, in bytes, and how many there may be after the last chunk.
_MAX_LINE = 8 * 1024
_MAX_TRAILERS = 100
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;.*)?\r\n", re.DOTALL)


class Source(Protocol):
    """A connection's buffered end."""

    def read(self, size: int, /) -> bytes: ...

    def readline(self, size: int, /) -> bytes: ...


class Body:
    """A body of ``length`` bytes."""

    def __init__(self, source: Source, length: int = 0) -> None:
        self._source = source
        self._left = length
        self._is_broken = False

    def read(self, size: int) -> bytes:
        """What comes next: ``size`` bytes, fewer at the end, then none.

        Raises ValueError where the body is not what its headers say, OSError where the connection
        fails; then there is no more of it.
        """
        if self._is_broken:
            raise ValueError("it broke before")
        pieces = []
        self._is_broken = True
        while size > 0 and self._has_more():
            piece = self._source.read(min(size, self._left))
            if not piece:
                raise ValueError("it stops half way")
            self._left -= len(piece)
            size -= len(piece)
            pieces.append(piece)
        self._is_broken = False
        return b"".join(pieces)

    def skip(self) -> bool:
        """Go on to where the next request begins; whether there can be one."""
        try:
            while self.read(_PIECE):
                pass
        except (OSError, ValueError):
            return False
        return True

    def _has_more(self) -> bool:
        return self._left > 0


class ChunkedBody(Body):
    """A body that comes in chunks, each with its length before it."""

    def __init__(self, source: Source) -> None:
        super().__init__(source)
        self._size = 0
        self._is_over = False

    def _has_more(self) -> bool:
        if not self._left and not self._is_over:
            if self._size and self._source.read(2) != b"\r\n":
                raise ValueError("a chunk is longer than it says")
            self._next_chunk()
        return self._left > 0

    def _next_chunk(self) -> None:
        chunk = _CHUNK.fullmatch(self._source.readline(_MAX_LINE))
        if chunk is None:
            raise ValueError("a chunk does not say how long it is")
        self._left = int(chunk[1], 16)
        self._size += self._left
        if self._size > MAX_BODY_BYTES:
            raise ValueError("it is too long")
        if not self._left:
            self._is_over = True
            self._read_trailers()

    def _read_trailers(self) -> None:
        for _ in range(_MAX_TRAILERS):
            line = self._source.readline(_MAX_LINE)
            if line == b"\r\n":
                return
            if not line.endswith(b"\r\n"):
                break
        raise ValueError("it has no end")
