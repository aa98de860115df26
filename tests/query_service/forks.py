"""A program that asks a query service before and after it forks: all of its processes do, and end.

Usage: python -m tests.query_service.forks HOST TRUSTED. It prints a line for each process.
"""

from __future__ import annotations

import os
import sys
import threading

from tests.programs import fork


def ask(who: str) -> None:
    rows = service.query(f"SELECT '{who}'")
    assert list(rows) == [who] * 3, who


def say(who: str) -> None:
    for _ in range(3):  # plainly, to prepare it, and prepared
        ask(who)
    os.write(1, f"{who}\n".encode())  # all at once: processes write side by side


if __name__ == "__main__":
    from django.conf import settings

    settings.configure()

    from django_cbtools.query_service import connect

    host, trusted = sys.argv[1:]
    service = connect({"HOST": host, "OPTIONS": {"verify": trusted or True}})
    say("parent")
    fork(say, "child", "grandchild")
    fork(say)
    rows = service.query("SELECT 'parent'")
    assert next(rows) == "parent"
    # A child has the rows of its parent, and leaves them alone.
    fork(say, "child of rows")
    assert list(rows) == ["parent"] * 2
    done = threading.Event()

    def ask_on() -> None:
        while not done.is_set():
            ask("parent")

    threads = [threading.Thread(target=ask_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(3):
        fork(say, "child of threads")
    done.set()
    for thread in threads:
        thread.join()
    say("parent again")
