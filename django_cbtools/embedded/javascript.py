"""The JavaScript engine: V8, by mini-racer.

Each function of an administrator's (map, reduce, sync) runs in a *world*: an isolate of V8 that
has nothing in it but this function and what it is given (see ``world.js``). No function finds
anything that another has left. Collation runs in an isolate without such a function.

An isolate belongs to the process that made it. It is closed when the interpreter ends (Python 3.13
hangs otherwise); a forked child leaves inherited ones alone, since finalising them would hang, and
makes its own when it needs them.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import json
import os
import threading
from collections.abc import Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from django.core.exceptions import ImproperlyConfigured

from .turns import Turns

if TYPE_CHECKING:
    from py_mini_racer import MiniRacer

#: The script of the engine for collation, and what a world has for a function of a view and for a
#: sync function.
COLLATION = "views/collation.js"
VIEW = "views/functions.js"
SYNC = "documents/sync.js"
_WORLD = "world.js"
#: How long (seconds) and how large (bytes) a run may be.
TIME_LIMIT = 2.0
MEMORY_LIMIT = 256 * 1024 * 1024
#: How many worlds one function may have, for runs at the same time, and how many of these runs
#: may be one user's: he cannot keep all others waiting.
WORLDS = 4
WORLDS_OF_USER = 2
#: How many worlds are kept that nobody is using (making one takes 10 ms), and how many of them may
#: have garbage in them of more than so many characters.
MAX_IDLE = 24
MAX_UNTIDY = 2
UNTIDY = 1_000_000
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
    """An isolate of V8 with one of the scripts in it.

    ``known`` is for the users of the engine: what they have put into it so far. A ``full`` one is
    of no use any more, since what functions have left in it cannot be taken away.
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
        #: How many characters it has been given since it was tidied up.
        self.taken = 0
        self._context: MiniRacer = MiniRacer()
        self._context.set_hard_memory_limit(MEMORY_LIMIT)
        source = _text(script) if script == COLLATION else f"({_text(_WORLD)})({_text(script)})"
        self._function: Any = self._context.eval(source)

    def call_text(self, text: str, time_limit: float | None = None) -> str:
        """As :meth:`call`, with the JSON made by the caller, and the answer as JSON."""
        from py_mini_racer import JSEvalException, JSOOMException, JSTimeoutException

        self.taken += len(text)
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

    def tidy(self) -> None:
        """Give back the memory that only garbage takes."""
        self._context.low_memory_notification()
        self.taken = 0

    def close(self) -> None:
        self._context.close()


def _text(script: str) -> str:
    """A script, which is an expression and a comment."""
    return (Path(__file__).parent / script).read_text(encoding="utf-8").rstrip()


class _Pool:
    """The engines of a process."""

    def __init__(self) -> None:
        self.changes = threading.Condition()
        #: V8 ends the process where two threads make its first isolates at once.
        self.making = threading.Lock()
        self.every: set[Engine] = set()
        #: Those that nobody is using, last used last, by what they are for.
        self.idle: list[tuple[Hashable, Engine]] = []
        self.turns: WeakValueDictionary[Hashable, Turns] = WeakValueDictionary()
        #: It changes when all engines are closed: those that are in use then are closed after it.
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
            # Runs have a time limit.
            self.changes.wait_for(lambda: not self.every, timeout=2 * TIME_LIMIT)


_pool = _Pool()


@contextlib.contextmanager
def engine() -> Iterator[Engine]:
    """The process's engine for collation, for the use of one thread at a time.

    Raises ImproperlyConfigured where mini-racer is not installed.
    """
    with _pool.turns_of(COLLATION).turn(), _pool.use(COLLATION, COLLATION) as found:
        yield found


@contextlib.contextmanager
def world(script: str, function: Hashable, user: str | None = None) -> Iterator[Engine]:
    """A world that only ``function`` has been in, for the use of one thread at a time.

    There is no limit to how many ``user`` None may have. Raises ImproperlyConfigured where
    mini-racer is not installed.
    """
    key = (script, function)
    with _pool.turns_of(key).turn(user), _pool.use(key, script) as found:
        yield found


def close() -> None:
    """Close the process's engines, if there are any; the next use makes others."""
    _pool.close()


def _leave_to_parent() -> None:
    global _pool
    for engine in _pool.every:
        # One reference more than Python will ever give back: it is never finalised here.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(engine))
    _pool = _Pool()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_to_parent)
