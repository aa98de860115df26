"""Bodies that unpack to a lot, or of which a lot is built."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator

MEGABYTE = 1 << 20


def _filled(head: str, item: str, tail: str, size: int) -> bytes:
    """``item`` again and again, up to ``size`` bytes, between ``head`` and ``tail``."""
    return (head + item * (size // len(item.encode())) + tail).encode()


def _numbered(size: int) -> bytes:
    return ("{" + ",".join(f'"k{number}":0' for number in range(size // 13)) + "}").encode()


#: What a text begins with, what follows again and again, and its end. All are JSON but the last.
_REPEATED = {
    "objects": ("[", "{},", "{}]"),
    "arrays": ('{"a":[', "[],", "[]]}"),
    "nested members": ('{"a":[', '{"a":{"b":{"c":0}}},', "0]}"),
    "documents": ('{"docs":[', "{},", "{}]}"),
    "documents with ids": ('{"docs":[', '{"_id":"a","id":"a"},', "{}]}"),
    "keys": ('{"keys":[', '"a",', '"a"],"doc_ids":["a"]}'),
    "revisions": ('{"a":[', '"1-a",', '"1-a"]}'),
    "channels": ('{"admin_channels":[', '"a",', '"a"],"channels":["a"]}'),
    "odd numbers": ('{"a":[', "-0,1.50,", "0]}"),
    "long numbers": ('{"a":[', "9" * 4000 + ",", "0]}"),
    "one number": ('{"a":', "9", "}"),
    "one fraction": ('{"a":0.', "9", "}"),
    "one string": ('{"a":"', "a", '"}'),
    "one wide string": ('{"a":"🍺', "a", '"}'),
    "one string that gets wide": ('{"a":"\\ud83c\\udf7a', "a", '"}'),
    "strings": ('{"a":[', '"",', '""]}'),
    "escapes": ('{"a":"', "\\n", '"}'),
    "backslashes": ('{"a":"', "\\\\", '"}'),
    "halves of surrogate pairs": ('{"a":"', "\\ud800", '"}'),
    "strings with halves": ('{"a":[', '"\\ud800",', "0]}"),
    "angle brackets": ('{"a":"', "<", '"}'),
    "spaces": ("", " ", "{}"),
    "spaces after": ("{}", " ", "x"),
    "closed arrays": ('{"a":', "[" * 150 + "]" * 150 + ",", "0}"),
    "open arrays": ("", "[", ""),
    "open objects": ("", '{"a":', ""),
    "missing comma": ('{"a":[', "[0,1],", "0 0]}"),
    "open string": ('{"a":"', "a", ""),
    "open string of quotes": ('{"a":"', '\\"', ""),
    "backquotes": ("`", "\\`", ""),
}  # fmt: skip
_MADE: dict[str, Callable[[int], bytes]] = {
    "members": _numbered,
    "no UTF-8": lambda size: b'{"a":"' + b"\x80" * size + b'"}',
    "zeros": bytes,
}

NAMES = sorted((*_REPEATED, *_MADE))


def text(name: str, size: int) -> bytes:
    """The text of a name, of about ``size`` bytes."""
    return _MADE[name](size) if name in _MADE else _filled(*_REPEATED[name], size)


def packed(text: bytes) -> bytes:
    return gzip.compress(text, 1, mtime=0)


def bomb(size: int) -> bytes:
    """Zeros, packed so that they are a thousandth of ``size``."""
    packer = zlib.compressobj(9, wbits=31)

    def pieces() -> Iterator[bytes]:
        for _ in range(size // MEGABYTE):
            yield packer.compress(bytes(MEGABYTE))
        yield packer.flush()

    return b"".join(pieces())
