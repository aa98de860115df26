"""One side of a BLIP connection: puts messages together from frames, and takes them apart.

It serves clients and servers alike. It knows nothing of sockets: the caller passes the frames that
arrive to :meth:`Connection.receive`, and sends what :meth:`Connection.next_frame` returns.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from . import frames
from .frames import Frame, ProtocolError
from .messages import Message
from .outbox import Outbox

#: Each time so many bytes of a message have arrived, they are acknowledged.
ACK_INTERVAL = 50_000
#: The largest message (bytes). The body of a larger one is dropped.
MAX_MESSAGE = frames.MAX_PAYLOAD
#: How many messages may be incomplete, and how many bytes they may have in all.
MAX_OPEN, MAX_OPEN_BYTES = 1000, 64 * 1024 * 1024
#: With more bytes than these in messages that are incomplete, only the oldest of them goes on.
MOST_OPEN_BYTES = 8 * 1024 * 1024


@dataclass(eq=False)
class _Incoming:
    flags: int
    parts: list[bytes] = field(default_factory=list)
    length: int = 0
    received: int = 0


class Connection:
    """The state of one side of a connection. Methods raise ProtocolError where it is broken."""

    def __init__(self) -> None:
        self._outbox = Outbox()
        self._decoder = frames.Decoder()
        self._sent = self._received = 0
        #: The numbers of our requests that have no reply yet.
        self._awaited: set[int] = set()
        #: Incomplete messages, by whether they are replies and by number.
        self._open: dict[tuple[bool, int], _Incoming] = {}
        self._open_bytes = 0
        #: The incomplete messages that wait for us to acknowledge what has arrived of them.
        self._held_up: dict[tuple[bool, int], None] = {}
        self._takes_requests = True

    @property
    def waiting(self) -> int:
        """The number of bytes that are to be sent."""
        return self._outbox.waiting

    @property
    def is_paused(self) -> bool:
        """True if a message waits until the other side acknowledges what it has received."""
        return self._outbox.is_paused

    def send(self, request: Message) -> int:
        """Queue a request, and return the number that it gets."""
        self._sent += 1
        request.number = self._sent
        if not request.no_reply:
            self._awaited.add(request.number)
        self._outbox.add(request)
        return request.number

    def reply(self, request: Message, reply: Message) -> None:
        """Queue the reply to a request that has been received, unless it wants none."""
        if request.no_reply:
            return
        reply.number, reply.urgent = request.number, request.urgent
        if reply.kind == frames.REQUEST:
            reply.kind = frames.REPLY
        self._outbox.add(reply)

    def take_requests(self, takes: bool) -> None:
        """Let the other side go on with its long requests, or wait.

        It stops when we do not acknowledge what it has sent of them. Replies go on.
        """
        self._takes_requests = takes
        self._go_on()

    def next_frame(self) -> bytes | None:
        """Return the next frame to send, None if nothing can be sent now."""
        return self._outbox.next_frame()

    def rest(self) -> None:
        """Free memory. Called when nothing has been sent for a while."""
        self._outbox.rest()

    def receive(self, data: bytes) -> Message | None:
        """Take a frame that has arrived. Return the message that it completes, if any.

        Raises ProtocolError if the frame is malformed, or if it exceeds a limit.
        """
        frame = self._decoder.decode(data)
        if frame.kind in frames.ACKS:
            received, _ = frames.read_varint(frame.payload)
            self._outbox.acknowledged((frame.kind == frames.REPLY_ACK, frame.number), received)
            return None
        if frame.kind not in (frames.REQUEST, frames.REPLY, frames.ERROR):
            return None
        key = (frame.kind != frames.REQUEST, frame.number)
        incoming = self._open.get(key) or self._begin(key, frame)
        if incoming is None:
            return None
        self._take(incoming, frame)
        if not frame.flags & frames.MORE:
            return self._complete(key, incoming)
        before = incoming.received - frame.size
        if before and before // ACK_INTERVAL < incoming.received // ACK_INTERVAL:
            self._held_up[key] = None
            self._go_on()
        return None

    def _begin(self, key: tuple[bool, int], frame: Frame) -> _Incoming | None:
        """Return the state of a new message, None for a reply that nobody waits for."""
        if frame.kind == frames.REQUEST:
            if frame.number != self._received + 1:
                raise ProtocolError(f"Request {frame.number} comes out of turn")
            self._received += 1
        elif frame.number not in self._awaited:
            if frame.number > self._sent:
                raise ProtocolError(f"There is a reply to request {frame.number}, which is unknown")
            return None
        else:
            self._awaited.discard(frame.number)
        if len(self._open) >= MAX_OPEN:
            raise ProtocolError("Too many messages are incomplete")
        incoming = self._open[key] = _Incoming(frame.flags)
        return incoming

    def _take(self, incoming: _Incoming, frame: Frame) -> None:
        incoming.length += len(frame.payload)
        incoming.received += frame.size
        if incoming.length > MAX_MESSAGE:
            self._drop(incoming)
            return
        incoming.parts.append(frame.payload)
        self._open_bytes += len(frame.payload)
        if self._open_bytes > MAX_OPEN_BYTES:
            raise ProtocolError("The messages that are incomplete are too large")

    def _drop(self, incoming: _Incoming) -> None:
        """Drop the body of a message that is too large, all but its beginning."""
        self._open_bytes -= sum(map(len, incoming.parts[1:]))
        del incoming.parts[1:]

    def _go_on(self) -> None:
        """Acknowledge what has arrived of the messages that are held up and may go on."""
        if not self._held_up:
            return
        may_go_on = [key for key in self._open if self._takes_requests or key[0]]
        if self._open_bytes > MOST_OPEN_BYTES:
            del may_go_on[1:]
        for key in self._held_up.keys() & set(may_go_on):
            del self._held_up[key]
            is_reply, number = key
            kind = frames.REPLY_ACK if is_reply else frames.REQUEST_ACK
            self._outbox.acknowledge(kind, number, self._open[key].received)

    def _complete(self, key: tuple[bool, int], incoming: _Incoming) -> Message:
        del self._open[key]
        self._held_up.pop(key, None)
        self._open_bytes -= sum(map(len, incoming.parts))
        self._go_on()
        message = Message.decode(b"".join(incoming.parts), key[1], incoming.flags)
        if incoming.length > MAX_MESSAGE:
            message.body, message.is_cut = b"", True
        return message
