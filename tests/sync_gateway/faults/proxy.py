"""A TCP proxy between a client and a gateway that loses what it is told to lose."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from tests.sync_gateway.faults.upstream import Upstream, is_readable, part_of

#: Reads that have a body.
_READS = ("_all_docs", "_bulk_get", "_revs_diff", "_changes")
_UID = re.compile(rb'"_id":"([^"\\]+)"')
_RESET = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Request:
    """A request as it came, ``data`` are its bytes."""

    method: str
    target: str
    head: bytes
    body: bytes

    @property
    def data(self) -> bytes:
        return self.head + self.body

    @property
    def json(self) -> Any:
        """What it brings."""
        return json.loads(self.body)

    @property
    def place(self) -> str:
        """What it is about: the path's last segment, without the query."""
        return self.target.partition("?")[0].rpartition("/")[2]

    @property
    def is_write(self) -> bool:
        return self.method in ("PUT", "DELETE") or (
            self.method == "POST" and self.place not in _READS
        )

    @property
    def uids(self) -> list[str]:
        """The documents that it writes."""
        if not self.is_write:
            return []
        if self.place == "_bulk_docs":
            return [uid.decode() for uid in _UID.findall(self.body)]
        return [self.place]

    def __str__(self) -> str:
        return f"{self.method} {self.place}"


@dataclass(frozen=True)
class Fault:
    """What happens to a request.

    ``reaches`` is what the gateway gets of it: all, half, nothing, or all of it, but late: only
    when the client has given it up. ``answer`` is what the client gets: all, nothing, half the
    head or half the body, a body that is cut and does not say how long it is (unframed), an empty
    one, or an answer of the proxy's own: bytes. It may also get another request's answer, where one
    has been successful: that of the request before on its connection instead of its own (previous)
    or before its own (repeated), or the last one of any connection (swapped). ``then`` is called in
    between (before the gateway gets what it gets late). A connection that is cut is closed, or else
    ``reset``.
    """

    reaches: str = "all"
    answer: str | bytes = "nothing"
    then: Callable[[], None] | None = None
    reset: bool = False

    @property
    def arrives(self) -> bool:
        """Whether the gateway acts before the client knows more."""
        return self.reaches == "all"

    def __str__(self) -> str:
        answer = self.answer
        if isinstance(answer, bytes):
            answer = answer[9:12].decode()  # the status
        return f"{self.reaches} there, {answer} back{', reset' if self.reset else ''}"


FINE = Fault(answer="all")


def page(
    status: int, text: str = "<html><h1>Load balancer</h1></html>", **headers: str | int
) -> bytes:
    """An answer with a page; a header's name has _ where it has -."""
    body = text.encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        "Content-Type: text/html",
        f"Content-Length: {len(body)}",
        *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def says(status: int, value: Any) -> Fault:
    """An answer with JSON, of the proxy's own."""
    answer = page(status, json.dumps(value))
    return Fault("nothing", answer.replace(b"text/html", b"application/json", 1))


#: What passes for the last answer where there was none.
OTHER = page(201, '{"id": "other", "ok": true, "rev": "1-0123456789abcdef0123456789abcdef"}')


class Proxy:
    """Listens on ``url``, and does to each request what ``choose`` says.

    ``seen`` are the requests that came, each with what was done to it; ``moments`` when they came
    (seconds of a clock that does not go back).
    """

    def __init__(self, target: str, choose: Callable[[Request], Fault] | None = None) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self.choose = choose or (lambda request: FINE)
        self.seen: list[tuple[Request, Fault]] = []
        self.moments: list[float] = []
        #: Those that the client did not wait for.
        self.late: list[Request] = []
        self.errors: list[BaseException] = []
        self._changed = threading.Condition()
        self._handled: list[Request] = []
        self._under_way: list[Request] = []
        self._outrun: set[str] = set()
        #: The last successful answer, to whomever.
        self._last = OTHER
        self._clients: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse connections from now on, and cut those there are; raises what went wrong."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        with self._changed:
            for client in self._clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        if self.errors:
            raise self.errors[0]

    @property
    def asked(self) -> list[str]:
        """The requests that came, each in a word or two."""
        return [str(request) for request, _ in self.seen]

    def story(self, uid: str) -> list[str]:
        """What has been done to a document's requests."""
        return [
            f"{request}: {fault}" for request, fault in self.seen if uid.encode() in request.data
        ]

    def wait_until_idle(self, uid: str = "") -> None:
        """Wait until the gateway has done with all writes of a document, or of any: late ones, and
        those that took it too long."""
        with self._changed:
            self._wait_for(self._under_way, uid)

    def has_outrun(self, uid: str) -> bool:
        """Whether the client has not waited for the end of a write of this document, since this
        was last asked; waits until the proxy is through with it."""
        with self._changed:
            self._wait_for(self._handled, uid)
            found = uid in self._outrun
            self._outrun.discard(uid)
            return found

    def came_late(self, text: str) -> bool:
        """Whether the gateway got a body with a text when the client had given it up."""
        return any(text.encode() in request.body for request in self.late)

    def _wait_for(self, requests: list[Request], uid: str) -> None:
        self._changed.wait_for(
            lambda: not any(not uid or uid in request.uids for request in requests)
        )

    # ------------------------------------------------------------ connections

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._changed:
                self._clients.add(client)
            thread = threading.Thread(target=self._serve, args=[client])
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket) -> None:
        gateway = Upstream(self._target)
        previous = [OTHER]
        try:
            with client.makefile("rb") as source:
                while request := read(source):
                    if not self._handle(client, gateway, request, previous):
                        break
        except OSError:
            pass  # one of both has gone
        except BaseException as error:
            self.errors.append(error)
        finally:
            gateway.close()
            with self._changed:
                self._clients.remove(client)
            client.close()

    def _handle(
        self, client: socket.socket, gateway: Upstream, request: Request, previous: list[bytes]
    ) -> bool:
        """Whether the connection is kept; ``previous`` is its last successful answer."""
        fault = self.choose(request)
        self.moments.append(time.monotonic())
        self.seen.append((request, fault))
        with self._is_in(self._handled, request):
            if fault.reaches == "late":
                with self._is_in(self._under_way, request):
                    client.recv(1)
                    self._note_outrun(request)
                    if fault.then is not None:
                        fault.then()
                    gateway.ask(request)
                return False
            answer = None
            with self._is_in(self._under_way, request):
                if fault.reaches == "all":
                    answer = gateway.ask(request)
                elif fault.reaches == "half":
                    gateway.ask_half(request)
            if fault.then is not None:
                fault.then()
            if is_readable(client):
                self._note_outrun(request)
        if isinstance(fault.answer, bytes):
            client.sendall(fault.answer)
            return True
        if answer is not None:
            own = part_of(answer, "all")
            others = {"previous": previous[0], "repeated": previous[0] + own, "swapped": self._last}
            if answer.status.startswith("2"):
                previous[0] = self._last = own
            client.sendall(others.get(fault.answer) or part_of(answer, fault.answer))
            if fault.answer == "all" or fault.answer in others:
                return not answer.closes
        if fault.reset:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        return False

    @contextlib.contextmanager
    def _is_in(self, requests: list[Request], request: Request) -> Iterator[None]:
        with self._changed:
            requests.append(request)
        try:
            yield
        finally:
            with self._changed:
                requests.remove(request)
                self._changed.notify_all()

    def _note_outrun(self, request: Request) -> None:
        with self._changed:
            self._outrun.update(request.uids)
            self.late.append(request)


def read(source: BinaryIO) -> Request | None:
    """The next request, None where there is none."""
    lines = []
    while (line := source.readline()) not in (b"\r\n", b""):
        lines.append(line)
    if not line or not lines:
        return None
    method, target, _ = lines[0].decode("latin-1").split(" ")
    headers = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in lines[1:])
    }
    body = source.read(int(headers.get(b"content-length", 0)))
    return Request(method, target, b"".join([*lines, line]), body)


class Script:
    """What is done to the requests that come: ``faults`` in order, ``afterwards`` what is said.

    Only those that ``picks`` chooses count, nothing is done to the others.
    """

    def __init__(
        self,
        *faults: Fault,
        picks: Callable[[Request], bool] = lambda _: True,
        afterwards: Fault = FINE,
    ) -> None:
        self._faults = list(faults)
        self._picks = picks
        self._afterwards = afterwards
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Fault:
        if not self._picks(request):
            return FINE
        with self._lock:
            return self._faults.pop(0) if self._faults else self._afterwards

    @property
    def is_over(self) -> bool:
        """Whether all of it has happened."""
        return not self._faults
