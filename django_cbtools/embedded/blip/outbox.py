"""The messages that one side of a BLIP connection sends, a frame of each by turns."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from . import frames
from .frames import Frame
from .messages import Message

#: The largest payload of a frame (bytes), and the largest while an urgent message waits.
FRAME, SMALL_FRAME = 16 * 1024 - 10, 4 * 1024 - 10
#: How many bytes of a message may be sent without being acknowledged.
MOST_UNACKNOWLEDGED = 128_000


@dataclass(eq=False)
class _Outgoing:
    payload: bytes
    number: int
    flags: int
    #: How much of the payload has been sent.
    place: int = 0
    sent: int = 0
    acknowledged: int = 0

    @property
    def is_urgent(self) -> bool:
        return bool(self.flags & frames.URGENT)

    @property
    def key(self) -> tuple[bool, int]:
        return self.flags & frames.KIND != frames.REQUEST, self.number

    @property
    def must_wait(self) -> bool:
        return self.sent > self.acknowledged + MOST_UNACKNOWLEDGED


class Outbox:
    """The queue of messages to send.

    ``waiting`` is the number of bytes that are not sent yet.
    """

    def __init__(self) -> None:
        self.waiting = 0
        self._encoder = frames.Encoder()
        self._acks: deque[Frame] = deque()
        self._queue: deque[_Outgoing] = deque()
        #: The messages of several frames that are not wholly sent, and those of them that must wait
        #: until the other side acknowledges what it has received.
        self._begun: dict[tuple[bool, int], _Outgoing] = {}
        self._paused: set[tuple[bool, int]] = set()

    @property
    def is_paused(self) -> bool:
        """True if a message waits until the other side acknowledges what it has received."""
        return bool(self._paused)

    def add(self, message: Message) -> None:
        """Add a message, which must have its number."""
        outgoing = _Outgoing(message.encode(), message.number, message.flags)
        self.waiting += len(outgoing.payload)
        self._push(outgoing, is_new=True)

    def acknowledge(self, kind: int, number: int, received: int) -> None:
        """Tell the other side how many bytes of a message have been received."""
        flags = kind | frames.NO_REPLY | frames.URGENT
        self._acks.append(Frame(number, flags, frames.varint(received)))

    def acknowledged(self, key: tuple[bool, int], received: int) -> None:
        """Note how many bytes of a message the other side has received."""
        outgoing = self._begun.get(key)
        if outgoing is None:
            return
        outgoing.acknowledged = max(outgoing.acknowledged, received)
        if key in self._paused and not outgoing.must_wait:
            self._paused.discard(key)
            self._push(outgoing)

    def next_frame(self) -> bytes | None:
        """Return the next frame to send, None if nothing can be sent now."""
        if self._acks:
            return self._encoder.encode(self._acks.popleft())
        if not self._queue:
            return None
        outgoing = self._queue.popleft()
        is_awaited = bool(self._queue) and self._queue[0].is_urgent and not outgoing.is_urgent
        end = outgoing.place + (SMALL_FRAME if is_awaited else FRAME)
        payload = outgoing.payload[outgoing.place : end]
        has_more = end < len(outgoing.payload)
        flags = outgoing.flags | frames.MORE * has_more
        frame = Frame(outgoing.number, flags, payload)
        data = self._encoder.encode(frame)
        outgoing.place += len(payload)
        outgoing.sent += len(data) - len(frames.varint(frame.number) + frames.varint(flags))
        self.waiting -= len(payload)
        if has_more:
            self._begun[outgoing.key] = outgoing
            if outgoing.must_wait:
                self._paused.add(outgoing.key)
            else:
                self._push(outgoing)
        else:
            self._begun.pop(outgoing.key, None)
        return data

    def rest(self) -> None:
        """Free memory. Called when nothing has been sent for a while."""
        if not self._queue:
            self._encoder.rest()

    def _push(self, outgoing: _Outgoing, *, is_new: bool = False) -> None:
        """Put a message into the queue.

        An urgent message goes behind the last urgent one and one other. A new one goes behind all
        others that have not been begun: messages begin in the order of their numbers.
        """
        queue = self._queue
        place = len(queue)
        if outgoing.is_urgent:
            while place and not queue[place - 1].is_urgent:
                if is_new and not queue[place - 1].place:
                    break
                place -= 1
            place = min(place + 1, len(queue))
        queue.insert(place, outgoing)
