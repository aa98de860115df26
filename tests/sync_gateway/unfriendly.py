"""A gateway that is less friendly than the embedded one, which is behind it.

Its views lag behind writes, the admin port asks for a login, answers have more
members and come in chunks, headers are in capitals, and connections end now and then.
"""

from __future__ import annotations

import base64
import http.client
import itertools
import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

LAG = 0.3
#: After so many answers a connection ends.
ANSWERS = 7
#: What its answers have of the headers of those behind it.
KEPT = ("Content-Type", "Content-Range", "ETag")
ADMIN_LOGIN = ("administrator", "of the tests")
_BASIC = "Basic " + base64.b64encode(":".join(ADMIN_LOGIN).encode()).decode()


class Unfriendly:
    """Two ports in front of two others; ``urls`` are theirs, public and admin."""

    def __init__(self, urls: list[str]) -> None:
        self.last_write = 0.0
        self.views: dict[str, bytes] = {}
        self.answers = itertools.count(1)
        self._servers = [
            ThreadingHTTPServer(("127.0.0.1", 0), self._handler(urlsplit(url).netloc, port))
            for url, port in zip(urls, ("public", "admin"), strict=True)
        ]
        self.urls = [f"http://127.0.0.1:{server.server_port}" for server in self._servers]
        for server in self._servers:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def _handler(self, netloc: str, port: str) -> Any:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                if port == "admin" and self.headers.get("Authorization") != _BASIC:
                    answer = json.dumps({"error": "Unauthorized", "reason": "Login required"})
                    self.reply(401, {"Content-Type": "application/json"}, answer.encode())
                    return
                connection = http.client.HTTPConnection(netloc, timeout=60)
                headers = {
                    name: value
                    for name, value in self.headers.items()
                    if name.lower() not in ("host", "connection", "accept-encoding")
                    and (port, name.lower()) != ("admin", "authorization")
                }
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                content = proxy.changed(self.command, self.path, answer.read())
                connection.close()
                kept = {name: value for name in KEPT if (value := answer.getheader(name))}
                self.reply(answer.status, kept, content)

            do_PUT = do_POST = do_DELETE = do_GET

            def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.upper(), value)
                self.send_header("TRANSFER-ENCODING", "chunked")
                if next(proxy.answers) % ANSWERS == 0:
                    self.send_header("CONNECTION", "close")
                    self.close_connection = True
                self.end_headers()
                for start in range(0, len(content), 1000):
                    part = content[start : start + 1000]
                    self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
                self.wfile.write(b"0\r\n\r\n")

            def log_message(self, *args: Any) -> None:
                pass

        return Handler

    def changed(self, method: str, target: str, content: bytes) -> bytes:
        """An answer as this gateway gives it."""
        if "/_view/" in target:
            if time.monotonic() - self.last_write < LAG:
                return self.views.get(target, b'{"total_rows":0,"rows":[]}')
            self.views[target] = content
        elif method != "GET" and not re.search("/_(all_docs|bulk_get)", target):
            self.last_write = time.monotonic()
        try:
            answer = json.loads(content)
        except ValueError:
            return content
        if isinstance(answer, dict) and not target.endswith("/_config"):  # that is written back
            answer["more"] = ["than", "expected"]
        return json.dumps(answer, indent=1).encode()
