"""A program that serves the embedded gateway, to be attacked.

Usage: python -m tests.gateway.fuzz.server FILE [--mounted].

It prints the addresses of its ports, the
public and the admin one (or, mounted, that of a site with the public API in its urls), and serves
them until its input ends. For each line that it reads, it prints how much memory (bytes) it takes.
SIGUSR1 makes it write what its threads are doing to standard error.
"""

from __future__ import annotations

import faulthandler
import gc
import logging
import re
import signal
import sys
import threading
from pathlib import Path

from django.conf import settings

settings.DATABASES["default"]["NAME"] = sys.argv[1]

import django  # noqa: E402

django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: E402
from django.urls import include, path  # noqa: E402

from django_cbtools.embedded import javascript  # noqa: E402
from django_cbtools.embedded.server.server import Server  # noqa: E402

urlpatterns = [path("sync/", include("django_cbtools.embedded.urls.public"))]


class Handler(WSGIRequestHandler):
    def log_message(self, format, *args):
        """A line for each request is not wanted."""


def serve_gateway():
    server = Server("127.0.0.1", 0, 0)
    server.start()
    return server.urls, server.stop


def serve_site():
    """As `runserver` does."""
    settings.ROOT_URLCONF = __name__
    site = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    site.set_app(WSGIHandler())
    threading.Thread(target=site.serve_forever, daemon=True).start()
    return [f"http://127.0.0.1:{site.server_port}/sync"], site.shutdown


def memory() -> int:
    """What this process takes, in bytes."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) * 1024


if __name__ == "__main__":
    # That a function in JavaScript failed is no error of the gateway.
    logging.disable(logging.WARNING)
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    urls, stop = serve_site() if "--mounted" in sys.argv else serve_gateway()
    print(*urls, flush=True)
    for _ in sys.stdin:
        javascript.close()  # what it holds is garbage for the most part, and limited
        gc.collect()
        print(memory(), flush=True)
    stop()
