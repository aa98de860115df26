"""A program that uses V8 before and after it forks: all of its processes do, and all end.

It prints a line for each process that has had an answer of V8.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading

from django_cbtools.embedded import javascript


def use_v8(who: str) -> None:
    with javascript.engine() as engine:
        assert engine.call("sort", ["b", "B", "a"]) == ["a", "b", "B"]
        assert engine.known.setdefault("owner", os.getpid()) == os.getpid()
    print(who, flush=True)


def occupy_v8(busy: threading.Event, done: threading.Event) -> None:
    with javascript.engine():
        busy.set()
        done.wait()


def fork(*who: str) -> None:
    """A child that uses V8, with a child of its own that does; nobody: one that does not."""
    pid = os.fork()
    if pid == 0:
        if who:
            use_v8(who[0])
            if who[1:]:
                fork(*who[1:])
        sys.exit(0)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


if __name__ == "__main__":
    use_v8("parent")
    fork("child", "grandchild")
    fork()
    busy, done = threading.Event(), threading.Event()
    thread = threading.Thread(target=occupy_v8, args=(busy, done))
    thread.start()
    busy.wait()
    fork("child of a parent that is using it")
    done.set()
    thread.join()
    worker = multiprocessing.get_context("fork").Process(target=use_v8, args=("worker",))
    worker.start()
    worker.join()
    assert worker.exitcode == 0
    use_v8("parent again")
    # The first child that has V8 all to itself.
    javascript.close()
    fork("last child", "last grandchild")
