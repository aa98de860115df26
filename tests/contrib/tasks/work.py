"""Tasks that tests enqueue."""

from __future__ import annotations

import os

from django_cbtools.contrib.tasks import GiveUp
from django_cbtools.contrib.tasks.api import task

#: What was run in this process.
done: list[object] = []


@task
def note(*args, **kwargs):
    done.append([*args, kwargs] if kwargs else list(args))
    return {"args": args, "kwargs": kwargs}


@task(queue_name="mail", priority=7)
async def wait(name):
    done.append(name)
    return name


@task(takes_context=True)
def count(context, name):
    done.append((name, context.attempt))
    return context.task_result.id


@task
def fail(message="no"):
    done.append("fail")
    raise ValueError(message)


@task
def give_up():
    raise GiveUp("never")


@task
def leave():
    raise SystemExit(3)


@task
def return_set():
    done.append("set")
    return {1}


@task
def log(name, seconds=0.0):
    """Notes in a file (DONE) that it begins, and that it ends: one write is whole, whoever is
    killed."""
    import time

    with open(os.environ["DONE"], "ab", buffering=0) as file:
        file.write(f"begin {name} {os.getpid()}\n".encode())
        time.sleep(seconds)
        file.write(f"end {name} {os.getpid()}\n".encode())


def no_task():
    pass
