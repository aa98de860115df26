"""BLIP messages: requests, replies and errors, with properties and a body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from . import frames
from .frames import ProtocolError

#: Quotes a name for an error message.
quoted = json.JSONEncoder(ensure_ascii=False).encode
#: The domains of errors: BLIP's own, and the statuses of HTTP.
BLIP, HTTP = "BLIP", "HTTP"


@dataclass
class Message:
    """A message. A reply has the number of its request.

    ``is_cut`` is true for a message that was too large: its body was dropped.
    """

    properties: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    kind: int = frames.REQUEST
    number: int = 0
    compressed: bool = False
    urgent: bool = False
    no_reply: bool = False
    is_cut: bool = False

    @property
    def profile(self) -> str:
        """The name of the operation that a request asks for."""
        return self.properties.get("Profile", "")

    @property
    def flags(self) -> int:
        """The flags of the message's frames, all but MORE."""
        return (
            self.kind
            | frames.COMPRESSED * self.compressed
            | frames.URGENT * self.urgent
            | frames.NO_REPLY * self.no_reply
        )

    @property
    def is_error(self) -> bool:
        return self.kind == frames.ERROR

    def encode(self) -> bytes:
        """Return the payload of the message, which is sent in one or more frames."""
        properties = encode_properties(self.properties)
        return frames.varint(len(properties)) + properties + self.body

    @classmethod
    def decode(cls, payload: bytes, number: int, flags: int) -> Message:
        """Return the message of a payload. Raises ProtocolError if its properties are malformed."""
        length, start = frames.read_varint(payload)
        end = start + length
        if end > len(payload):
            raise ProtocolError("The properties of a message are longer than the message")
        return cls(
            decode_properties(payload[start:end]),
            payload[end:],
            flags & frames.KIND,
            number,
            bool(flags & frames.COMPRESSED),
            bool(flags & frames.URGENT),
            bool(flags & frames.NO_REPLY),
        )


def error(domain: str, code: int, reason: str) -> Message:
    """Return an error reply."""
    properties = {"Error-Domain": domain, "Error-Code": str(code)}
    return Message(properties, reason.encode("utf-8", "replace"), frames.ERROR)


def encode_properties(properties: Mapping[str, str]) -> bytes:
    """Return properties as they are sent. A NUL in them, which would end them, is left out."""
    return b"".join(
        text.replace("\0", "").encode("utf-8", "replace") + b"\0"
        for pair in properties.items()
        for text in pair
    )


def decode_properties(data: bytes) -> dict[str, str]:
    """Return the properties of a message. Raises ProtocolError if they are malformed."""
    try:
        *texts, rest = data.decode().split("\0")
    except UnicodeDecodeError:
        raise ProtocolError("A property of a message is not UTF-8") from None
    if rest or len(texts) % 2:
        raise ProtocolError("The properties of a message are malformed")
    return dict(zip(texts[::2], texts[1::2], strict=True))
