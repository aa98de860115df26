"""The JavaScript engine: V8 by mini-racer, in each process one context for views and one for sync
functions (so that a write does not wait for an index).

A context belongs to the process that made it. It is closed when the interpreter ends (Python 3.13
hangs otherwise); a forked child leaves an inherited one alone, since finalising it would hang, and
makes its own when it needs one.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from py_mini_racer import MiniRacer

#: What a context begins with: scripts of the rooms that use it.
VIEWS = "views/engine.js"
SYNC = "documents/sync.js"
#: How long (seconds) and how large (bytes) a run may be.
TIME_LIMIT = 2.0
MEMORY_LIMIT = 256 * 1024 * 1024
#: Where the processor has memory protection keys, V8 lets only threads that are younger than itself
#: touch its code: another thread that closes a context, or makes one, ends the whole process.
_FLAGS = ("--no-memory-protection-keys",)


class JavaScriptError(Exception):
    """A function threw, or V8 refused to go on."""


class JavaScriptTimeout(JavaScriptError):
    """A run took longer than its limit, and was stopped."""


class JavaScriptMemory(JavaScriptError):
    """A run took more memory than its limit, and was stopped."""


class Engine:
    """A V8 context with one of the scripts in it.

    ``known`` is for the users of the engine: what they have put into the context so far. A
    ``full`` one is of no use any more: what functions keep in globals cannot be taken away.
    """

    def __init__(self, script: str) -> None:
        try:
            from py_mini_racer import DEFAULT_V8_FLAGS, MiniRacer, init_mini_racer
        except ImportError as error:
            raise ImproperlyConfigured(
                "Views and sync functions of the embedded gateway run in V8: "
                "pip install 'django-cbtools[embedded]'."
            ) from error
        init_mini_racer(flags=(*DEFAULT_V8_FLAGS, *_FLAGS), ignore_duplicate_init=True)
        self.known: dict[Any, Any] = {}
        self.full = False
        self._context: MiniRacer = MiniRacer()
        self._context.set_hard_memory_limit(MEMORY_LIMIT)
        source = (Path(__file__).parent / script).read_text(encoding="utf-8")
        self._function: Any = self._context.eval(source)

    def call_text(self, text: str, time_limit: float | None = None) -> str:
        """As :meth:`call`, with the JSON made by the caller, and the answer as JSON."""
        from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException

        try:
            answer: str = self._function(text, timeout_sec=time_limit)
        except JSTimeoutException as error:
            # V8 takes a moment to stop, and has done so when it answers again.
            with contextlib.suppress(JSEvalException):
                self._context.eval("0")
            raise JavaScriptTimeout(f"stopped after {time_limit} s") from error
        except JSEvalException as error:
            if isinstance(error, JSOOMException) or self._context.was_hard_memory_limit_reached():
                self.full = True
                raise JavaScriptMemory(f"stopped at {MEMORY_LIMIT} bytes of memory") from error
            raise JavaScriptError(str(error).strip()) from error
        return answer

    def call(self, name: str, *args: Any, time_limit: float | None = None) -> Any:
        """Call one of the script's functions with values that JSON can carry."""
        text = json.dumps([name, *args], separators=(",", ":"), allow_nan=False)
        return json.loads(self.call_text(text, time_limit))

    def close(self) -> None:
        self._context.close()


_engines: dict[str, Engine] = {}
_locks = {script: threading.RLock() for script in (VIEWS, SYNC)}


@contextlib.contextmanager
def engine(script: str = VIEWS) -> Iterator[Engine]:
    """The process's engine, for the use of one thread at a time; after a full one, a new one.

    Raises ImproperlyConfigured where mini-racer is not installed.
    """
    with _locks[script]:
        current = _engines.get(script)
        if current is None:
            current = _engines[script] = Engine(script)
        try:
            yield current
        finally:
            if current.full:
                _close(script)


def close() -> None:
    """Close the process's engines, if there are any; the next use makes others."""
    for script in _locks:
        _close(script)


def _close(script: str) -> None:
    with _locks[script]:
        current = _engines.pop(script, None)
        if current is not None:
            current.close()


def _leave_to_parent() -> None:
    for current in _engines.values():
        # One reference more than Python will ever give back: it is never finalised here.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(current))
    _engines.clear()
    for script in _locks:
        _locks[script] = threading.RLock()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
