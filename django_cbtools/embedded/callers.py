"""The callers of this process, each of whom computes with one thread at a time.

Python runs one thread at a time. Without turns, a caller with many requests would get nearly all of
that time. So a request takes its caller's turn, and gives it up while it waits for anything but
SQLite's write lock: whoever holds that lock must not wait for requests that need it.

A caller is a user whose login is known to be right, or an address. Code that calls the gateway
in process is no caller, and waits for nobody.
"""

from __future__ import annotations

import hashlib
import math
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .turns import Turns

_computing = Turns(math.inf, each=1)
#: The caller whose turn the thread has.
_thread = threading.local()

#: The users by what they have logged in with, which is kept as a keyed digest.
_users: dict[bytes, str] = {}
_KEY = os.urandom(32)
_MOST_USERS = 10_000


@contextmanager
def computing(caller: str | None) -> Iterator[None]:
    """Return a context manager that takes a caller's turn (None: does nothing)."""
    if caller is None:
        yield
        return
    with _computing.turn(caller):
        _thread.caller = caller
        try:
            yield
        finally:
            _thread.caller = None


@contextmanager
def pausing() -> Iterator[None]:
    """Return a context manager that gives up the thread's turn, for something that may wait."""
    caller = getattr(_thread, "caller", None)
    if caller is None or getattr(_thread, "writing", False):
        yield
        return
    _computing.leave(caller)
    try:
        yield
    finally:
        _computing.enter(caller)


@contextmanager
def writing() -> Iterator[None]:
    """Return a context manager that keeps the thread's turn: it holds SQLite's write lock.

    To get the turn back, it might have to wait for a thread that waits for the lock.
    """
    _thread.writing = getattr(_thread, "writing", 0) + 1
    try:
        yield
    finally:
        _thread.writing -= 1


@contextmanager
def turn(turns: Turns, user: str | None) -> Iterator[None]:
    """Return a context manager that holds a place, and does not compute while it waits for it."""
    with pausing():
        turns.enter(user)
    try:
        yield
    finally:
        turns.leave(user)


def of(logins: Iterable[str], address: str) -> str:
    """Return the caller who sends some logins, which may be wrong, from an address."""
    known = (_users.get(_digest(login)) for login in logins)
    return next(filter(None, known), f"at {address}")


def remember(login: str, user: str) -> None:
    """Remember that a login, which is right, is a user's."""
    if len(_users) >= _MOST_USERS:
        _users.clear()
    _users[_digest(login)] = f"user {user}"


def _digest(login: str) -> bytes:
    return hashlib.blake2b(login.encode(), key=_KEY, digest_size=16).digest()
