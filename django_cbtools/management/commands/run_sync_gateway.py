"""The command ``run_sync_gateway``, which serves the embedded gateway over HTTP."""

from __future__ import annotations

import contextlib
import threading
from typing import Any

from django.core.management.base import CommandError, CommandParser

from django_cbtools import conf
from django_cbtools.embedded.server.server import Server
from django_cbtools.management.base import DocumentsCommand


def allow_files() -> None:
    """Raise the process's limit of open files to its maximum, since each connection is one."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems do not accept "unlimited" here.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Command(DocumentsCommand):
    help = (
        "Serves the embedded gateway over HTTP, for mobile clients in development: its public and "
        "its admin API. The admin API asks for no password: keep it on this machine."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="default: %(default)s")
        parser.add_argument("--port", type=int, default=4984, help="default: %(default)s")
        parser.add_argument("--admin-port", type=int, default=4985, help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        if not conf.is_embedded_alias(conf.document_alias()):
            raise CommandError(
                f"There is no embedded gateway to serve: the ENGINE of DATABASES"
                f"[{conf.document_alias()!r}] is not {conf.EMBEDDED_ENGINE!r}. Set it, in settings "
                "without SYNC_GATEWAY_URL."
            )
        allow_files()
        server = Server(options["host"], options["port"], options["admin_port"])
        try:
            server.start()
        except OSError as error:
            raise CommandError(f"The gateway cannot listen: {error}") from error
        public, admin = server.urls
        bucket = conf.get("SYNC_GATEWAY_BUCKET")
        self.stdout.write(f"Public API: {public}/{bucket}/\nAdmin API:  {admin}/{bucket}/")
        self.stdout.write("Ctrl-C stops it.")
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            self.stdout.write("")
        finally:
            server.stop()
