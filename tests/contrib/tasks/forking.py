"""A program that enqueues tasks, and forks workers: starting each anew would take a second.

It is told by lines of its input, and answers each of them by a line: ``enqueue COUNT SECONDS``,
``fork`` (the process), ``wait PROCESS`` (the exit status).
"""

from __future__ import annotations

import os
import random
import sys
import traceback

import django


def answer(word: str, *arguments: str) -> object:
    from django.db import connections

    if word == "enqueue":
        from tests.contrib.tasks import work

        count, longest = int(arguments[0]), float(arguments[1])
        for number in range(count):
            work.log.enqueue(f"task-{number}", longest * random.random())
        connections.close_all()
        return count
    if word == "fork":
        return os.fork() or _work()
    _, status = os.waitpid(int(arguments[0]), 0)
    return os.waitstatus_to_exitcode(status)


def _work() -> None:
    from django.core.management import call_command

    try:
        call_command("run_cb_tasks", "--verbosity=0", "--interval=0.1")
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


if __name__ == "__main__":
    django.setup()
    for line in sys.stdin:
        print(answer(*line.split()), flush=True)
