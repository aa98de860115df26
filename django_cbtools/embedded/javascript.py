"""Runs JavaScript in V8, with the package mini-racer.

Each map, reduce and sync function of an administrator runs in a *world*: an isolate of V8 that
contains only this function and its globals (see ``world.js``). So functions cannot affect each
other. Collation runs in an isolate of its own, without such a function.

An isolate belongs to the process that created it. It is closed when the interpreter ends; otherwise
Python 3.13 would hang. A forked child does not touch inherited isolates, as finalising them would
hang. It creates its own when it needs them.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import re
import threading
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from django.core.exceptions import ImproperlyConfigured

from . import callers
from .turns import Turns

if TYPE_CHECKING:
    from py_mini_racer import MiniRacer

#: The scripts of engines: for collation, for map and reduce functions, and for sync functions.
COLLATION = "views/collation.js"
VIEW = "views/functions.js"
SYNC = "documents/sync.js"
_WORLD = "world.js"
#: How long (seconds) a run may take, and how much memory (bytes) an isolate may use.
TIME_LIMIT = 2.0
MEMORY_LIMIT = 256 * 1024 * 1024
#: How many worlds a function may have for simultaneous runs, and how many of these runs may belong
#: to the same user, so that one user cannot block all others.
WORLDS = 4
WORLDS_OF_USER = 2
#: How many idle worlds are kept (creating one takes 10 ms), how many of them may be untidy, and how
#: many characters a world must have received since its last garbage collection to be untidy.
MAX_IDLE = 24
MAX_UNTIDY = 2
UNTIDY = 1_000_000
#: On processors with memory protection keys, V8 gives access to its code only to threads that
#: started after it. If another thread created or closed a context, the whole process would crash.
_FLAGS = ("--no-memory-protection-keys",)
#: What an expression is compiled behind, but not run; and where V8 says that it goes wrong.
_NEVER = "if (0) ("
_PLACE = re.compile(r"<anonymous>:(\d+): SyntaxError: [^\n]*\n[^\n]*\n([ \t]*)\^")


class JavaScriptError(Exception):
    """A function threw an exception, or V8 could not run it."""


class JavaScriptTimeout(JavaScriptError):
    """A run exceeded its time limit and was stopped."""


class JavaScriptMemory(JavaScriptError):
    """A run exceeded the memory limit and was stopped."""


class Engine:
    """An isolate of V8 with one of the scripts in it.

    Callers record in ``known`` what they have loaded into the engine. If ``full`` is set, the
    engine cannot be used again, for example because a function left something that cannot be
    removed. It is then closed after use.
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
        #: How many characters the engine has received since it was last tidied up.
        self.taken = 0
        self._context: MiniRacer = MiniRacer()
        self._context.set_hard_memory_limit(MEMORY_LIMIT)
        source = _text(script) if script == COLLATION else f"({_text(_WORLD)})({_text(script)})"
        self._function: Any = self._context.eval(source)

    def call_text(self, text: str, time_limit: float | None = None) -> str:
        """Call one of the script's functions, with the call and the answer as JSON.

        ``text`` is a JSON list of the function's name and arguments. ``time_limit`` is in seconds
        (None: no limit). Raises a JavaScriptError.
        """
        from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException

        self.taken += len(text)
        try:
            with callers.pausing():
                answer: str = self._function(text, timeout_sec=time_limit)
        except JSTimeoutException as error:
            # V8 takes a moment to stop. Wait until it answers again.
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
        """Call one of the script's functions, and return its result.

        Arguments and result must be values that JSON can represent. ``time_limit`` is in seconds
        (None: no limit). Raises a JavaScriptError.
        """
        text = json.dumps([name, *args], separators=(",", ":"), allow_nan=False)
        return json.loads(self.call_text(text, time_limit))

    def where(self, source: str) -> str:
        """Return where an expression that does not compile goes wrong, as ``"Line 2:15"``.

        It is an empty string if V8 does not say. The engine cannot be used afterwards.
        """
        from py_mini_racer import JSEvalException

        self.full = True
        try:
            self._context.eval(f"{_NEVER}{source}\n)", timeout_sec=TIME_LIMIT)
        except JSEvalException as error:
            found = _PLACE.match(str(error))
            if found:
                line, column = int(found[1]), len(found[2]) + 1
                return f"Line {line}:{column - len(_NEVER) if line == 1 else column}"
        return ""

    def tidy(self) -> None:
        """Collect garbage."""
        self._context.low_memory_notification()
        self.taken = 0

    def close(self) -> None:
        self._context.close()


def _text(script: str) -> str:
    """Return the source of a script, which consists of comments and one expression."""
    return (Path(__file__).parent / script).read_text(encoding="utf-8").rstrip()


class _Pool:
    """The engines of a process."""

    def __init__(self) -> None:
        self.changes = threading.Condition()
        #: V8 crashes the process if two threads create its first isolates at the same time.
        self.making = threading.Lock()
        self.every: set[Engine] = set()
        #: Engines that are not in use, each with its key, in the order of their last use.
        self.idle: list[tuple[Hashable, Engine]] = []
        self.turns: WeakValueDictionary[Hashable, Turns] = WeakValueDictionary()
        #: Changes when all engines are closed. Engines that are in use then are closed after use.
        self.generation = 0

    def turns_of(self, key: Hashable) -> Turns:
        with self.changes:
            found = self.turns.get(key)
            if found is None:
                places = (1, None) if key == COLLATION else (WORLDS, WORLDS_OF_USER)
                found = self.turns[key] = Turns(*places)
            return found

    @contextlib.contextmanager
    def use(self, key: Hashable, script: str) -> Iterator[Engine]:
        with self.changes:
            generation = self.generation
            place = next((n for n, (of, _) in enumerate(self.idle) if of == key), None)
            engine = None if place is None else self.idle.pop(place)[1]
        if engine is None:
            with self.making:
                engine = Engine(script)
            with self.changes:
                self.every.add(engine)
        try:
            yield engine
        finally:
            self._give_back(key, engine, engine.full or generation != self.generation)

    def _give_back(self, key: Hashable, engine: Engine, is_over: bool) -> None:
        over = [engine] if is_over else []
        with self.changes:
            if not is_over:
                self.idle.append((key, engine))
                worlds = [place for place in self.idle if place[0] != COLLATION]
                for place in worlds[: max(0, len(worlds) - MAX_IDLE)]:
                    self.idle.remove(place)
                    over.append(place[1])
                untidy = [other for _, other in self.idle if other.taken > UNTIDY]
                for other in untidy[: max(0, len(untidy) - MAX_UNTIDY)]:
                    other.tidy()
        for engine in over:
            engine.close()
        with self.changes:
            self.every.difference_update(over)
            self.changes.notify_all()

    def close(self) -> None:
        with self.changes:
            self.generation += 1
            idle = [engine for _, engine in self.idle]
            self.idle.clear()
        for engine in idle:
            engine.close()
        with self.changes:
            self.every.difference_update(idle)
            # Wait for engines that are in use; their runs have a time limit.
            self.changes.wait_for(lambda: not self.every, timeout=2 * TIME_LIMIT)


_pool = _Pool()


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """Return a context manager for the process's collation engine.

    One thread can use it at a time; others wait. Raises ImproperlyConfigured if mini-racer is not
    installed.
    """
    with callers.turn(_pool.turns_of(COLLATION), None), _pool.use(COLLATION, COLLATION) as found:
        yield found


@contextlib.contextmanager
def world(script: str, function: Hashable, user: str | None = None) -> Iterator[Engine]:
    """Return a context manager for a world that no other function than ``function`` has used.

    ``script`` is VIEW or SYNC, and ``function`` is any key that identifies the function. At most
    WORLDS threads can use worlds of a function at a time, and at most WORLDS_OF_USER for the same
    ``user`` (None: no such limit); others wait. Raises ImproperlyConfigured if mini-racer is not
    installed.
    """
    key = (script, function)
    with callers.turn(_pool.turns_of(key), user), _pool.use(key, script) as found:
        yield found


def close() -> None:
    """Close all engines of the process. The next use creates new ones."""
    _pool.close()


def _leave_to_parent() -> None:
    global _pool
    for engine in _pool.every:
        # An extra reference, which is never released, keeps the engine from being finalised.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
    _pool = _Pool()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
