"""The gateway's server in a process of its own, with meters at SQLite and V8.

It says its addresses, then answers each line with the seconds that went by in either since the
last one. Nothing of this is in the library: the benchmark puts it around what is there.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

SQLITE, V8 = "sqlite", "v8"
_seconds: dict[str, float] = defaultdict(float)


def metered(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            _seconds[name] += time.perf_counter() - started

    return call


def put_meters() -> None:
    from django.db.backends.sqlite3 import base

    from django_cbtools.embedded.javascript import Engine

    for name in ("execute", "executemany", "fetchone", "fetchmany", "fetchall"):
        method = getattr(base.SQLiteCursorWrapper, name)
        setattr(base.SQLiteCursorWrapper, name, metered(SQLITE, method))
    for name in ("_commit", "_rollback"):
        method = getattr(base.DatabaseWrapper, name)
        setattr(base.DatabaseWrapper, name, metered(SQLITE, method))
    Engine.call_text = metered(V8, Engine.call_text)


def main() -> None:
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.settings"
    import django

    django.setup()
    put_meters()
    from django_cbtools.embedded.documents import attachments
    from django_cbtools.embedded.server.server import Server

    attachments.MAX_BYTES = 1 << 40  # what is measured shows best with large ones
    server = Server("127.0.0.1", 0, 0)
    server.start()
    print(json.dumps(server.urls), flush=True)
    for _ in sys.stdin:
        print(json.dumps([_seconds.pop(SQLITE, 0.0), _seconds.pop(V8, 0.0)]), flush=True)
    server.stop()


if __name__ == "__main__":
    main()
