"""Python processes that run scripts on a file, for tests of several at once."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

#: What every process begins with: it is given scripts, one after the other, with their arguments.
#: The first of these is a file. Each script begins when it is told to.
START = """
import json, os, sys, time
import django
django.setup()
from django.db import connection, transaction
from tests.testapp.models import CBArticle

def say(*words):
    print(*words, flush=True)

def articles(count):
    return [CBArticle(title=sys.argv[2], channels=["a"]) for _ in range(count)]

while line := sys.stdin.readline():
    script, sys.argv[1:] = json.loads(line)
    connection.settings_dict["NAME"] = sys.argv[1]
    say("ready")
    sys.stdin.readline()
    exec(script)
    connection.close()
    say("done")
"""
#: Processes that wait for a script.
_idle = []


def _started():
    return subprocess.Popen(
        [sys.executable, "-c", START],
        cwd=ROOT,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _end(process):
    process.kill()
    process.__exit__(None, None, None)


def end_all():
    """End the processes that wait."""
    while _idle:
        _end(_idle.pop())


class Process:
    """A Python process of its own, at work on a file; ``is_new``: one that never did anything."""

    def __init__(self, script, path, *arguments, is_new=False):
        self._process = _idle.pop() if _idle and not is_new else _started()
        self._say(json.dumps([script, [str(path), *arguments]]))

    def __enter__(self):
        assert self.line() == "ready"
        return self

    def __exit__(self, kind, *args):
        """Wait for the end of the script."""
        if kind is None and self._process.poll() is None:
            assert self.line() == "done"
            _idle.append(self._process)
        else:
            _end(self._process)

    def go(self):
        self._say("")

    def _say(self, text):
        self._process.stdin.write(f"{text}\n")
        self._process.stdin.flush()

    def line(self):
        return self._process.stdout.readline().strip()

    def kill(self):
        """What the process has said until it is killed."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        return self._process.stdout.read().splitlines()
