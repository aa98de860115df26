"""A program that uses V8 before and after it forks: all of its processes do, and all end.

It prints a line for each process that has had an answer of V8.
"""

from __future__ import annotations

import multiprocessing
import os
import threading

from django_cbtools.embedded import javascript
from tests.programs import fork


def use_v8(who: str) -> None:
    with javascript.engine() as engine:
        assert engine.call("sort", ["b", "B", "a"]) == ["a", "b", "B"]
        assert engine.known.setdefault("owner", os.getpid()) == os.getpid()
    print(who, flush=True)


def occupy_v8(busy: threading.Event, done: threading.Event) -> None:
    with javascript.engine():
        busy.set()
        done.wait()


if __name__ == "__main__":
    use_v8("parent")
    fork(use_v8, "child", "grandchild")
    fork(use_v8)
    busy, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=occupy_v8, args=(busy, done))
    thread.start()
    busy.wait()
    fork(use_v8, "child of a parent that is using it")
    done.set()
    thread.join()
    worker = multiprocessing.get_context("fork").Process(target=use_v8, args=("worker",))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    use_v8("parent again")
    # The first child that has V8 all to itself.
    javascript.close()
    fork(use_v8, "last child", "last grandchild")
