"""Compresses answers with gzip for clients that accept it, and decompresses requests."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping

from ..errors import bad_request
from . import limits
from .answers import Answer
from .streams import Stream

#: JSON that is shorter (in bytes) is not compressed.
_MIN_JSON = 1000
_TYPES = ("application/json", "text/", "multipart/mixed")
_OLD_CLIENTS = re.compile(r"CouchbaseLite/(\d{1,4})\.(\d{1,4})")


def compress(answer: Answer, method: str, path: str, headers: Mapping[str, str]) -> None:
    """Compress an answer in place if a real gateway would.

    Feeds are never compressed, since compression would delay their entries. ``headers`` are those
    of the request, with their names in lower case.
    """
    content_type = answer.headers.get("Content-Type", "")
    if (
        "gzip" not in headers.get("accept-encoding", "")
        or method not in ("GET", "POST")
        or answer.status >= 300
        or (answer.stream is not None and not answer.listed)
        or (answer.stream is None and not answer.body)
        or "Content-Encoding" in answer.headers
        or not content_type.startswith(_TYPES)
        or (content_type.startswith("application/json") and _is_short(answer))
        or ("_bulk_get" in path and not _takes_packed_parts(headers.get("user-agent", "")))
    ):
        return
    if answer.stream is None:
        answer.body = gzip.compress(answer.body, 6, mtime=0)
    else:
        answer.stream, answer.length = _packed(answer.stream), None
    answer.headers["Content-Encoding"] = "gzip"


def _is_short(answer: Answer) -> bool:
    return answer.stream is None and len(answer.body) < _MIN_JSON


def _packed(stream: Stream) -> Stream:
    packer = zlib.compressobj(6, wbits=31)
    try:
        for piece in stream:
            data = packer.compress(piece) if isinstance(piece, bytes) else piece
            if data:
                yield data
        yield packer.flush()
    finally:
        stream.close()


def _takes_packed_parts(user_agent: str) -> bool:
    found = _OLD_CLIENTS.search(user_agent)
    return found is not None and (int(found[1]), int(found[2])) >= (1, 2)


def unpacked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield decompressed gzip in small pieces; raise a 400 GatewayError if it is not valid."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            while piece and not unpacker.eof:
                yield unpacker.decompress(piece, limits.PIECE)
                piece = unpacker.unconsumed_tail
    except zlib.error as error:
        raise bad_request(f"Bad gzip body: {error}") from None
    if not unpacker.eof:
        raise bad_request("Bad gzip body: unexpected EOF")
