"""Answers that come when a test says so, and how they are asked for."""

from __future__ import annotations

import http.client
import math
import queue
import threading

from django.db import connection

from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.http.answers import Answer
from django_cbtools.embedded.http.streams import Waiting

DB = "/test_documents"


class Pieces(queue.SimpleQueue):
    """What a stream is to send next; None ends it, an exception breaks it."""

    def __init__(self):
        self.turns = []

    def put(self, piece):
        super().put(piece)
        for turn in list(self.turns):
            turn.wake()


class Turn(Waiting):
    """A stream's wait for its next piece."""

    until = math.inf

    def __init__(self, pieces):
        self._pieces = pieces

    def begin(self, wake):
        self.wake = wake
        self._pieces.turns.append(self)
        if not self._pieces.empty():
            wake()

    def end(self):
        self._pieces.turns.remove(self)


class Handlers:
    """What answers the paths that begin with /try/."""

    def __init__(self, respond):
        self._respond = respond
        #: What has happened, in order.
        self.events = queue.SimpleQueue()
        self.pieces = Pieces()
        self.length = None

    def respond(self, call):
        name = call.path.rpartition("/try/")[2]
        if name == call.path:
            return self._respond(call)
        answer = getattr(self, name)(call)
        return answer.without_body() if call.method == "HEAD" else answer

    def stream(self, call):
        return Answer(200, stream=self._pieces(), length=self.length)

    def _pieces(self):
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        try:
            while True:
                try:
                    piece = self.pieces.get_nowait()
                except queue.Empty:
                    turn = Turn(self.pieces)
                    yield turn
                    if turn.is_over:
                        return
                    continue
                if piece is None:
                    return
                if isinstance(piece, Exception):
                    raise piece
                yield piece
        finally:
            self.events.put("closed")

    def read(self, call):
        """Read the body bit by bit."""
        sizes = []
        try:
            while data := call.read(1000):
                sizes.append(len(data))
        except GatewayError as error:
            return Answer.of_error(error)
        return Answer.json(sizes)


def request_of(line, *headers, body=b""):
    lines = [f"{line} HTTP/1.1", "Host: localhost", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def put(uid):
    return request_of(f"PUT {DB}/{uid}", "Content-Length: 2", body=b"{}")


STREAM = request_of("GET /try/stream")


def ask(address, method, path, body=None):
    client = http.client.HTTPConnection(*address)
    client.request(method, path, body)
    answer = client.getresponse()
    text = answer.read()
    client.close()
    return answer.status, text


OTHERS = []


def gateway_threads():
    running = [thread for thread in threading.enumerate() if thread not in OTHERS]
    # The one that watches the file belongs to the process.
    return [
        thread
        for thread in running
        if thread.name.startswith("gateway-") and "watcher" not in thread.name
    ]
