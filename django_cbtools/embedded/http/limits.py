"""How large the body of a request may be.

A route says how much it reads (see ``api/routes.py``): little, unless it needs more. All sizes are
in bytes, and of what a body is once it is unpacked.
"""

from __future__ import annotations

import codecs

from .. import gojson
from ..turns import Turns

#: What most routes read, and all of them before a login.
SMALL = 64 * 1024
#: Lists of ids, configurations, design documents.
LISTS = 8 * 1024 * 1024
#: The JSON of documents, attachments in it included. A document of 20 MB can be three times as long
#: with escapes for all that is not ASCII.
DOCUMENTS = 72 * 1024 * 1024
#: A multipart body, which is never held as a whole.
STREAM = 256 * 1024 * 1024

#: A longer text waits for its turn: until its request is answered, it takes several times as
#: much memory as it is long.
LARGE = 4 * 1024 * 1024
#: How many of them are in memory at once, one for each user.
TURNS = Turns(2, each=1)

#: The most memory that the text of a body may take.
_MAX_TEXT = 64 * 1024 * 1024
_PIECE = 1024 * 1024


def is_too_wide(body: bytes | bytearray) -> bool:
    """Whether a body would take too much memory as a str.

    Python gives each character of a text as much room as the widest one needs.
    """
    if body.isascii():
        return False
    length = widest = 0
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for start in range(0, len(body), _PIECE):
        text = decoder.decode(body[start : start + _PIECE])
        length += len(text)
        widest = max(widest, gojson.width(text))
    return length * widest > _MAX_TEXT
