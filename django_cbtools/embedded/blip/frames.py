"""BLIP frames: the header, the checksum, and the compression that all frames of a side share.

A frame is a message number and flags (both varints), a payload, and a checksum. A frame that
acknowledges data has a varint in place of the payload, and no checksum.
"""

from __future__ import annotations

import zlib
from typing import NamedTuple

#: The kinds of frames.
REQUEST, REPLY, ERROR, REQUEST_ACK, REPLY_ACK = 0, 1, 2, 4, 5
ACKS = frozenset((REQUEST_ACK, REPLY_ACK))
#: The bits of the flags.
KIND, COMPRESSED, URGENT, NO_REPLY, MORE = 0x07, 0x08, 0x10, 0x20, 0x40

#: The largest frame as it is sent, in bytes. Others send 16 KiB.
MAX_FRAME = 1024 * 1024
#: The largest frame after decompression, in bytes. Couchbase Lite puts as much into a frame as fits
#: when it is compressed: repeated text can become a thousand times as long.
MAX_PAYLOAD = 32 * 1024 * 1024
#: The end of a flushed block, which is not sent.
_FLUSHED = b"\x00\x00\xff\xff"
_CHECKSUM = 4
_VARINT_BYTES = 10
#: A window of 8 KiB: a compressor takes a quarter of the memory that zlib takes by default.
_WINDOW_BITS, _MEM_LEVEL = -13, 6


class ProtocolError(Exception):
    """The other side broke the protocol, so that the connection must be closed."""


class Frame(NamedTuple):
    """A frame. ``size`` is the number of bytes of its payload and checksum as they are sent."""

    number: int
    flags: int
    payload: bytes
    size: int = 0

    @property
    def kind(self) -> int:
        return self.flags & KIND


def varint(number: int) -> bytes:
    """Return a natural number as a varint."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)


def read_varint(data: bytes, start: int = 0) -> tuple[int, int]:
    """Return a varint, and the position where it ends. Raises ProtocolError if there is none."""
    number = 0
    for place, byte in enumerate(data[start : start + _VARINT_BYTES]):
        number |= (byte & 0x7F) << 7 * place
        if byte <= 0x7F and number < 1 << 64:
            return number, start + place + 1
    raise ProtocolError("A number in a frame is malformed")


class Decoder:
    """Decodes the frames of the other side, in order."""

    def __init__(self) -> None:
        self._checksum = 0
        self._inflator = zlib.decompressobj(wbits=-zlib.MAX_WBITS)

    def decode(self, data: bytes) -> Frame:
        """Return the frame in a WebSocket message. Raises ProtocolError if it is malformed."""
        if len(data) > MAX_FRAME:
            raise ProtocolError("A frame is too large")
        number, start = read_varint(data)
        flags, start = read_varint(data, start)
        size = len(data) - start
        if flags & KIND in ACKS:
            return Frame(number, flags, data[start:], size)
        if size < _CHECKSUM:
            raise ProtocolError("A frame is too short")
        payload, checksum = data[start:-_CHECKSUM], data[-_CHECKSUM:]
        if flags & COMPRESSED:
            payload = self._inflated(payload)
        self._checksum = zlib.crc32(payload, self._checksum)
        if self._checksum.to_bytes(_CHECKSUM, "big") != checksum:
            raise ProtocolError("The checksum of a frame is wrong")
        return Frame(number, flags, payload, size)

    def _inflated(self, payload: bytes) -> bytes:
        inflator = self._inflator
        try:
            inflated = inflator.decompress(payload + _FLUSHED, MAX_PAYLOAD + 1)
        except zlib.error:
            raise ProtocolError("A compressed frame is malformed") from None
        if len(inflated) > MAX_PAYLOAD or inflator.unconsumed_tail:
            raise ProtocolError("A compressed frame is too large")
        if inflator.eof:
            raise ProtocolError("The compressed data ends within the connection")
        return inflated


class Encoder:
    """Encodes the frames of our side, in order."""

    def __init__(self) -> None:
        self._checksum = 0
        self._deflator: zlib._Compress | None = None

    def encode(self, frame: Frame) -> bytes:
        """Return a frame as it is sent."""
        header = varint(frame.number) + varint(frame.flags)
        if frame.kind in ACKS:
            return header + frame.payload
        self._checksum = zlib.crc32(frame.payload, self._checksum)
        payload = frame.payload
        if frame.flags & COMPRESSED:
            payload = self._deflated(payload)
        return header + payload + self._checksum.to_bytes(_CHECKSUM, "big")

    def _deflated(self, payload: bytes) -> bytes:
        if self._deflator is None:
            self._deflator = zlib.compressobj(wbits=_WINDOW_BITS, memLevel=_MEM_LEVEL)
        deflated = self._deflator.compress(payload) + self._deflator.flush(zlib.Z_SYNC_FLUSH)
        return deflated.removesuffix(_FLUSHED)

    def rest(self) -> None:
        """Free the memory of the compressor.

        A new one starts with an empty window. The other side does not notice, since each frame
        ends with a whole block.
        """
        self._deflator = None
