"""A program that serves a site with the public API in its urls, beside pages that watch a browser.

Usage: python -m tests.gateway.hostile.site FILE. It prints its address, and serves until its input
ends. A script that runs where none should asks for ``/canary?NAME``; ``/ran`` lists who did.
"""

from __future__ import annotations

import sys
import threading
from wsgiref.simple_server import WSGIRequestHandler

from django.conf import settings

settings.DATABASES["default"]["NAME"] = sys.argv[1]

import django  # noqa: E402

django.setup()

from django.core.handlers.wsgi import WSGIHandler  # noqa: E402
from django.core.servers.basehttp import ThreadedWSGIServer  # noqa: E402
from django.http import HttpResponse, JsonResponse  # noqa: E402
from django.urls import include, path  # noqa: E402

RAN: list[str] = []


def canary(request):
    RAN.append(request.META["QUERY_STRING"])
    return HttpResponse(status=204)


def ran(request):
    return JsonResponse({"ran": RAN})


def frame(request):
    """A page of the site with another one in it."""
    return HttpResponse(f'<iframe src="{request.GET["src"]}"></iframe>')


def control(request):
    """A page whose script may run, to see that it is seen."""
    return HttpResponse("<script>fetch('/canary?control')</script>")


urlpatterns = [
    path("canary", canary),
    path("ran", ran),
    path("frame", frame),
    path("control", control),
    path("sync/", include("django_cbtools.embedded.urls.public")),
]


class Handler(WSGIRequestHandler):
    def log_message(self, format, *args):
        """A line for each request is not wanted."""


if __name__ == "__main__":
    settings.ROOT_URLCONF = __name__
    server = ThreadedWSGIServer(("127.0.0.1", 0), Handler)
    server.set_app(WSGIHandler())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    sys.stdin.read()
    server.shutdown()
