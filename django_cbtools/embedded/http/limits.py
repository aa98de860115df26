"""Limits on the size of request bodies.

The limit depends on the route (see ``api/routes.py``). It is small unless a route needs more. All
sizes are in bytes, after decompression.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator

from .. import gojson
from ..errors import GatewayError
from ..turns import Turns

#: The limit of most routes, and of all requests before a login.
SMALL = 64 * 1024
#: The limit for lists of ids, configurations and design documents.
LISTS = 8 * 1024 * 1024
#: The limit for the JSON of documents, including inline attachments. A document of 20 MB can be
#: three times as long if all characters outside ASCII are escaped.
DOCUMENTS = 72 * 1024 * 1024
#: The limit for a multipart body, which is never held in memory as a whole.
STREAM = 256 * 1024 * 1024

#: A request with a larger text waits for a turn. Until the request is answered, the text takes
#: several times its size in memory.
LARGE = 4 * 1024 * 1024
#: At most two large texts are in memory at once, and at most one for each user.
TURNS = Turns(2, each=1)

#: How many bytes of a body are read, or decompressed, at once.
PIECE = 64 * 1024
_PIECE = 1024 * 1024


def is_too_wide(body: bytes | bytearray) -> bool:
    """Return whether a body would take too much memory as a str.

    Python stores every character of a str in as many bytes as its widest character needs.
    """
    if body.isascii():
        return False
    length = widest = 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for start in range(0, len(body), _PIECE):
        text = decoder.decode(body[start : start + _PIECE])
        length += len(text)
        widest = max(widest, gojson.width(text))
    return length * widest > gojson.MAX_TEXT


def limited(pieces: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """Yield the pieces of a body; raise a 413 GatewayError after more than ``limit`` bytes."""
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > limit:
            raise too_large(limit)
        yield piece


def too_large(limit: int) -> GatewayError:
    """Return the error for a body of more than ``limit`` bytes."""
    return GatewayError(413, f"Request body too large: the limit is {limit} bytes")
