"""Runs the replicator over a WebSocket. A connection that waits does not occupy a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import nullcontext, suppress
from functools import partial
from typing import Any, TypeVar

from ..blip import profiles
from ..blip.connection import Connection
from ..blip.frames import REQUEST, ProtocolError
from ..blip.messages import Message
from ..blip.session import Place, Session
from ..blip.steps import Ask, Goodbye, Join, Save, Start, Steps, Tell, Then
from ..documents.attachments import MAX_BYTES
from .pieces import Ending, wait
from .pools import Pools
from .work import Work, settle

logger = logging.getLogger(__name__)

#: How many bytes may wait to be sent before the replicator waits, and how many bytes of requests
#: may be in work before no more are read.
MOST_WAITING, MOST_HELD = 1024 * 1024, 16 * 1024 * 1024
#: How many requests may be in work, and how many times as many while the client is asked something.
MOST_REQUESTS, MOST_FULL = 1000, 4
#: After so many seconds without anything to send, memory is freed.
REST = 10.0
#: The codes with which a WebSocket is closed. With AGAIN, Couchbase Lite connects again; the last
#: ones are for faults of the other side, and for one of ours.
DONE, AGAIN, BROKEN, TEXT, FAILED = 1000, 4001, 1002, 1003, 1011

T = TypeVar("T")


class Replication:
    """A replicator's connection. ``send`` sends an ASGI event to the other side."""

    def __init__(
        self, session: Session, pools: Pools, send: Callable[[Any], Awaitable[None]]
    ) -> None:
        call = self._call = session.call
        self._pools = pools
        self._send_event = send
        self._session = session
        self._connection = Connection()
        self._work = Work(pools, call)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._replies: dict[int, Callable[[Message], None]] = {}
        self._saves: list[tuple[Save, asyncio.Future[Any]]] = []
        self._requests = self._held = 0
        #: Requests with large replies are answered one after the other.
        self._large = asyncio.Lock()
        self._has_frames = asyncio.Event()
        self._has_moved = asyncio.Event()
        self._over: asyncio.Future[tuple[int, str] | None] = asyncio.Future()

    async def run(
        self, receive: Callable[[], Awaitable[Any]], lead: Steps[None] | None = None
    ) -> tuple[int, str] | None:
        """Replicate until either side ends it, or until the steps in the lead are at their end.

        Return the code and the reason with which to close the WebSocket, None if it is closed.
        """
        self._spawn(self._receive(receive))
        self._spawn(self._send())
        self._spawn(self._work.run())
        if lead is not None:
            self._spawn(self._follow(lead))
        try:
            return await self._over
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _follow(self, lead: Steps[None]) -> None:
        await self._run(lead)
        await self._may_go_on(lambda: self._connection.waiting > 0)
        self._end(DONE)

    def _spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(self._guarded(work))
        # A task that is cancelled before it begins leaves its work untouched.
        task.add_done_callback(lambda _: work.close())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _guarded(self, work: Coroutine[Any, Any, Any]) -> None:
        try:
            await work
        except Goodbye as error:
            self._end(AGAIN, str(error))
        except ProtocolError as error:
            self._end(BROKEN, str(error))
        except Exception:
            logger.exception("A replication failed: %r", self._call.path)
            self._end(FAILED, "Internal error: look at the server's log")

    def _end(self, code: int = 0, reason: str = "") -> None:
        if not self._over.done():
            self._over.set_result((code, reason) if code else None)

    # ------------------------------------------------------------- frames

    async def _receive(self, receive: Callable[[], Awaitable[Any]]) -> None:
        while True:
            await self._may_go_on(self._is_full)
            event = await receive()
            if event["type"] == "websocket.disconnect":
                self._end()
                return
            data = event.get("bytes")
            if data is None:
                self._end(TEXT, "A message is text")
                return
            message = self._connection.receive(data)
            self._has_frames.set()
            if message is not None:
                self._take(message)

    def _is_full(self) -> bool:
        """Return whether nothing more is read for now.

        Steps that wait for a reply must get it, though, and sent messages must be acknowledged.
        """
        full = self._regulate()
        if full > MOST_FULL:
            raise ProtocolError("Too many requests at once")
        return full >= 1 and not self._replies and not self._connection.is_paused

    def _regulate(self) -> float:
        """Let long requests wait while enough is in work; return how much that is (1: enough)."""
        full = max(self._requests / MOST_REQUESTS, self._held / MOST_HELD)
        self._connection.take_requests(full < 1)
        return full

    def _take(self, message: Message) -> None:
        if message.kind == REQUEST:
            self._requests += 1
            self._held += len(message.body)
            self._spawn(self._answer(message))
            return
        on_reply = self._replies.pop(message.number, None)
        if on_reply is not None:
            on_reply(message)

    async def _answer(self, request: Message) -> None:
        try:
            # The client may ask for more than it reads.
            is_large = request.profile in profiles.LARGE
            async with self._large if is_large else nullcontext():
                if is_large:
                    await self._has_room()
                steps = self._session.answer(request)
                reply = await self._run(steps, writes=request.profile in profiles.WRITERS)
                # Short replies do not wait for a long one that is being sent.
                await self._has_room(0 if is_large else MAX_BYTES)
                self._connection.reply(request, reply)
        finally:
            self._requests -= 1
            self._held -= len(request.body)
            self._regulate()
            self._has_moved.set()
        self._has_frames.set()

    async def _has_room(self, more: int = 0) -> None:
        """Wait until most of what is to be sent has been sent, all but ``more`` bytes."""
        await self._may_go_on(lambda: self._connection.waiting > MOST_WAITING + more)

    async def _send(self) -> None:
        while True:
            frame = self._connection.next_frame()
            if frame is None:
                self._has_frames.clear()
                # Before Python 3.12, asyncio.wait_for() can lose the cancellation of its task.
                resting = asyncio.get_running_loop().call_later(REST, self._connection.rest)
                try:
                    await self._has_frames.wait()
                finally:
                    resting.cancel()
                continue
            try:
                await self._send_event({"type": "websocket.send", "bytes": frame})
            except OSError:  # the client has left
                self._end()
                return
            self._has_moved.set()
            # Sending does not always wait, and other connections must have their turns.
            await asyncio.sleep(0)

    async def _may_go_on(self, must_wait: Callable[[], bool]) -> None:
        while must_wait():
            self._has_moved.clear()
            await self._has_moved.wait()

    def _queue(self, request: Message, on_reply: Callable[[Message], None] | None) -> None:
        number = self._connection.send(request)
        if on_reply is not None:
            self._replies[number] = on_reply
        self._has_frames.set()

    # -------------------------------------------------------------- steps

    async def _run(self, steps: Steps[T], *, writes: bool = False) -> T:
        """Run steps to their end, and return their result."""
        value: Any = None
        try:
            while True:
                is_over, value = await self._work.do(partial(_advance, steps, value), writes=writes)
                if is_over:
                    result: T = value
                    return result
                value = await self._do(value)
        finally:
            # A thread may still be in the middle of a step.
            with suppress(ValueError):
                steps.close()

    async def _do(self, step: Any) -> Any:
        """Do a step; return its result."""
        if isinstance(step, Ask):
            return await self._asked(step.request)
        if isinstance(step, Tell):
            for request, on_reply in step.requests:
                self._queue(request, on_reply and partial(self._replied, on_reply))
            await self._has_room()
            return None
        if isinstance(step, Save):
            return await self._save(step)
        if isinstance(step, Start):
            self._spawn(self._run(step.steps))
            return None
        if isinstance(step, Then):
            return self._spawn(self._then(self._asked(step.request), step.then))
        if isinstance(step, Join):
            return await step.started
        await wait(step, Ending())
        return None

    def _asked(self, request: Message) -> asyncio.Future[Message]:
        """Send a request now, and return a future for the reply."""
        answered: asyncio.Future[Message] = asyncio.Future()
        self._queue(request, partial(settle, answered))
        return answered

    async def _then(
        self, answered: asyncio.Future[Message], then: Callable[[Message], Steps[None]]
    ) -> None:
        await self._run(then(await answered))

    def _replied(self, on_reply: Callable[[Message], None], reply: Message) -> None:
        self._spawn(self._work.do(partial(on_reply, reply)))

    async def _save(self, step: Save) -> Any:
        saved: asyncio.Future[Any] = asyncio.Future()
        self._saves.append((step, saved))
        if len(self._saves) == 1:
            self._spawn(self._save_all())
        return await saved

    async def _save_all(self) -> None:
        """Write the revisions that wait, and those that join them before this begins."""
        results = await self._work.do(self._saved, writes=True, is_last=True)
        for saved, result in results:
            settle(saved, result)

    def _saved(self) -> list[tuple[asyncio.Future[Any], Any]]:
        saves, self._saves = self._saves, []
        by_place: dict[Place, list[tuple[Save, asyncio.Future[Any]]]] = {}
        for save in saves:
            by_place.setdefault(save[0].place, []).append(save)
        results: list[tuple[asyncio.Future[Any], Any]] = []
        for place, some in by_place.items():
            saved = self._session.save(place, [step.edit for step, _ in some])
            results += zip((future for _, future in some), saved, strict=True)
        return results


def _advance(steps: Steps[Any], value: Any) -> tuple[bool, Any]:
    """Return the next step, or the result; and whether it is the result."""
    try:
        return False, steps.send(value)
    except StopIteration as end:
        return True, end.value
