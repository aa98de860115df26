"""The work of one connection, which is done on threads, one piece after the other."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeVar

from .. import callers
from ..http.messages import Call
from .pools import Pools, run

#: How long (in seconds) pieces are done on one thread. Then the other connections have a turn.
_TURN = 0.1

T = TypeVar("T")


class _Piece(NamedTuple):
    function: Callable[[], Any]
    done: asyncio.Future[Any]
    writes: bool


class Work:
    """Pieces of work, which are functions. No two of them run at the same time.

    Those that are there at the same time are done on one thread, since a change of threads takes
    longer than most of them.
    """

    def __init__(self, pools: Pools, call: Call) -> None:
        self._pools = pools
        self._call = call
        self._pieces: deque[_Piece] = deque()
        self._last: deque[_Piece] = deque()
        self._has_some = asyncio.Event()

    async def do(
        self, function: Callable[[], T], *, writes: bool = False, is_last: bool = False
    ) -> T:
        """Do a piece of work, and return its result.

        ``writes`` says whether it writes to the database. With ``is_last``, it is done when there
        are no others.
        """
        done: asyncio.Future[T] = asyncio.Future()
        (self._last if is_last else self._pieces).append(_Piece(function, done, writes))
        self._has_some.set()
        return await done

    async def run(self) -> None:
        """Do all pieces of work. This never ends."""
        while True:
            if not self._pieces and not self._last:
                self._has_some.clear()
                await self._has_some.wait()
            pieces = self._pieces or self._last
            pool = self._pools.of("POST" if pieces[0].writes else "GET")
            work = partial(self._do_some, pieces)
            for piece, result in await run(pool, self._call.alias, self._call.caller, work):
                if isinstance(result, BaseException):
                    if not piece.done.done():
                        piece.done.set_exception(result)
                else:
                    settle(piece.done, result)

    def _do_some(self, pieces: deque[_Piece]) -> list[tuple[_Piece, Any]]:
        """Do the first piece, and more of its kind. Return each with its result or exception."""
        done = []
        begun, writes = time.monotonic(), pieces[0].writes
        with callers.computing(self._call.caller):
            while pieces and pieces[0].writes == writes and time.monotonic() - begun < _TURN:
                piece = pieces.popleft()
                try:
                    done.append((piece, piece.function()))
                except Exception as error:
                    done.append((piece, error))
        return done


def settle(future: asyncio.Future[Any], result: Any) -> None:
    """Set the result of a future, unless nobody waits for it any more."""
    if not future.done():
        future.set_result(result)
