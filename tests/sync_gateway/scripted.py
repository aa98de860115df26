"""Servers that do as they are told, what the library asks them, and what it may not say."""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import socket
import ssl
import threading
import time
import traceback
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit

from django_cbtools import canonical
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.models import query_view
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, loads, request
from tests.sync_gateway.faults.proxy import Request, read
from tests.testapp.models import CBArticle

USER = "ann"
#: With characters that mean something in a URL, and some that only UTF-8 has.
SECRET = "pa:s/w@rd? %-wörd"
ADMIN_SECRET = "ädmin#secret"
PROXY_SECRET = "proxy$ecret"


def basic(user: str, password: str) -> str:
    """The header of a login."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


LOGIN, ADMIN_LOGIN = basic(USER, SECRET), basic("root", ADMIN_SECRET)

READS: dict[str, Callable[[], Any]] = {
    "get": lambda: loads(request(PUBLIC, "GET", "a", uid="a")),
    "load": lambda: CBArticle("a"),
    "all": lambda: SyncGateway.all_docs(None, really_all=True),
}
WRITES: dict[str, Callable[[], Any]] = {
    "save": lambda: CBArticle(uid="a", channels=["c"]).save(),
    "bulk": lambda: SyncGateway.save_documents([CBArticle(uid="a", channels=["c"])]),
    "delete": lambda: SyncGateway.delete_document("a", "1-0123456789abcdef0123456789abcdef"),
}
ADMIN_CALLS: dict[str, Callable[[], Any]] = {
    "get_user": lambda: SyncGateway.get_user("x"),
    "put_user": lambda: SyncGateway.put_user("x", password="x", admin_channels=[]),
    "query_view": lambda: query_view("by_type", "article"),
}


#: Options with which a call is over at once when two attempts have failed: the next one would be
#: too late.
GIVING_UP: dict[str, Any] = {"retries": 1, "backoff": 1000, "deadline": 5}


def use(settings: Any, url: Any, admin: Any = None, **options: Any) -> None:
    """The library's settings for a gateway; both ports have a login of their own."""
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_URL = url
    settings.SYNC_GATEWAY_ADMIN_URL = admin or url
    settings.SYNC_GATEWAY_USER = USER
    settings.SYNC_GATEWAY_PASSWORD = SECRET
    settings.SYNC_GATEWAY_ADMIN_USER = "root"
    settings.SYNC_GATEWAY_ADMIN_PASSWORD = ADMIN_SECRET
    settings.SYNC_GATEWAY_OPTIONS = {"backoff": 0.001, **options}


def told(error: BaseException) -> str:
    """All that a program may show or log of an error."""
    lines = traceback.format_exception(error)
    current: BaseException | None = error
    while current is not None:
        lines.append(f"{current!r} {current.args} {vars(current)}")
        current = current.__cause__ or current.__context__
    return "".join(lines)


def check_nothing_secret(text: str) -> None:
    for secret in (SECRET, ADMIN_SECRET, PROXY_SECRET):
        forms = {secret, repr(secret)[1:-1], quote(secret), quote(secret, safe="")}
        assert not [form for form in forms if form in text], text
    for login in (LOGIN, ADMIN_LOGIN):
        assert login.removeprefix("Basic ") not in text, text


def check_refused(error: BaseException, *names: str, caplog: Any = None) -> None:
    """An error of ours that names one of the settings, and nothing secret."""
    assert any(name in str(error) for name in names), error
    check_nothing_secret(told(error) + (caplog.text if caplog else ""))


def header(request: Request, name: str) -> str | None:
    _, _, lines = request.head.partition(b"\r\n")
    value: str | None = http.client.parse_headers(io.BytesIO(lines)).get(name)
    return value


def reply(value: Any, status: int = 200, **headers: str | int) -> bytes:
    """An answer with JSON; a header's name has _ where it has -."""
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return head(status, Content_Length=len(body), **headers) + body


def reply_parts(parts: Iterable[Any]) -> bytes:
    """An answer of several parts with JSON."""
    text = "".join(
        f"--limit\r\nContent-Type: application/json\r\n\r\n{json.dumps(part)}\r\n" for part in parts
    )
    return reply(f"{text}--limit--".encode(), Content_Type='multipart/mixed; boundary="limit"')


def head(status: int = 200, **headers: str | int) -> bytes:
    """The head of an answer with JSON."""
    headers = {"Content_Type": "application/json"} | headers
    lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def slowly(data: Iterable[bytes]) -> Iterable[bytes]:
    """Data that drip in."""
    for piece in data:
        time.sleep(0.01)
        yield piece


def closed_port() -> socket.socket:
    """A port where nobody listens, as long as the socket is open."""
    reserved = socket.socket()
    reserved.bind(("127.0.0.1", 0))
    return reserved


def url_of(listener: socket.socket, scheme: str = "http") -> str:
    return f"{scheme}://127.0.0.1:{listener.getsockname()[1]}"


class Server:
    """Listens on ``url``, and hands each connection to ``serve``, in a thread of its own.

    With a ``context`` it speaks TLS. ``accepted`` are the addresses of those who came,
    ``handshakes`` the errors of those with whom it found no common TLS.
    """

    def __init__(
        self, serve: Callable[[socket.socket], None], context: ssl.SSLContext | None = None
    ) -> None:
        self._serve = serve
        self._context = context
        self.accepted: list[Any] = []
        self.handshakes: list[OSError] = []
        self._errors: list[BaseException] = []
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self.url = url_of(self._listener, "http" if context is None else "https")
        self._accepting = threading.Thread(target=self._accept)
        self._accepting.start()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Refuse connections from now on, and cut those there are; raises what went wrong."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._accepting.join()
        self._listener.close()
        self.hang_up()
        if self._errors:
            raise self._errors[0]

    def hang_up(self) -> None:
        """Cut the connections that there are."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                connection, address = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.accepted.append(address)
            if self._context is not None:
                connection = self._context.wrap_socket(
                    connection, server_side=True, do_handshake_on_connect=False
                )
            with self._lock:
                self._open.add(connection)
            thread = threading.Thread(target=self._handle, args=[connection])
            self._threads.append(thread)
            thread.start()

    def _handle(self, connection: socket.socket) -> None:
        try:
            if isinstance(connection, ssl.SSLSocket) and not self._shakes_hands(connection):
                return
            self._serve(connection)
        except OSError:
            pass  # the client has gone
        except BaseException as error:
            self._errors.append(error)
        finally:
            with self._lock:
                self._open.remove(connection)
            connection.close()

    def _shakes_hands(self, connection: ssl.SSLSocket) -> bool:
        try:
            connection.do_handshake()
        except OSError as error:
            self.handshakes.append(error)
            # To close with something unread would take the alert away from the client.
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(OSError):
                while socket.socket.recv(connection, 65536):
                    pass
            return False
        return True


Answer = bytes | Iterable[bytes] | None


class HTTP(Server):
    """A server of HTTP by a function that gives each request its answer.

    Bytes are the answer, and the connection is kept; an iterable is sent piece by piece, and then
    the connection is closed; None closes it without an answer. ``seen`` are the requests that
    came, ``peers`` the connections by which they did.
    """

    def __init__(
        self, answer: Callable[[Request], Answer], context: ssl.SSLContext | None = None
    ) -> None:
        self._answer = answer
        self.seen: list[Request] = []
        self.peers: list[Any] = []
        super().__init__(self._talk, context)

    def _talk(self, connection: socket.socket) -> None:
        peer = connection.getpeername()
        with connection.makefile("rb") as source:
            while request := read(source):
                with self._lock:
                    self.seen.append(request)
                    self.peers.append(peer)
                answer = self._answer(request)
                if isinstance(answer, bytes):
                    connection.sendall(answer)
                    continue
                for piece in answer or ():
                    connection.sendall(piece)
                return

    def headers(self, name: str) -> list[str | None]:
        """A header of each request that came."""
        return [header(request, name) for request in self.seen]


def pass_on(target: str) -> Callable[[Request], bytes]:
    """What asks another server for the answer."""
    parts = urlsplit(target)

    def answer(request: Request) -> bytes:
        with socket.create_connection((parts.hostname, parts.port)) as other:
            other.sendall(request.data)
            with http.client.HTTPResponse(other, method=request.method) as response:
                response.begin()
                body = response.read()
                own = {"content-length", "transfer-encoding", "connection"}
                headers = {
                    name.replace("-", "_"): value
                    for name, value in response.getheaders()
                    if name.lower() not in own
                }
                return reply(body, response.status, **headers)

    return answer


def relay(one: socket.socket, other: socket.socket) -> None:
    """Pass on what each of both says, until both have ended."""
    back = threading.Thread(target=_copy, args=[other, one])
    back.start()
    _copy(one, other)
    back.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def save_answer(request: Request) -> bytes:
    """What a gateway answers that takes everything, as far as the library looks."""
    place = unquote(request.place)
    if request.method == "GET" and (place == "_all_docs" or "/_view/" in request.target):
        return reply({"rows": []})
    if request.method == "GET":
        return reply({"_id": place, "_rev": "1-a", "name": place})
    if place == "_all_docs":
        rows = [
            {"id": key, "key": key, "value": {"rev": "1-a"},
             "doc": {"_id": key, "_rev": "1-a", "doc_type": "article", "channels": ["c"]}}
            for key in request.json["keys"]
        ]  # fmt: skip
        return reply({"rows": rows})
    if place == "_bulk_get":
        parts = [
            {"_id": item["id"], "_rev": "1-a", "doc_type": "article", "channels": ["c"]}
            for item in request.json["docs"]
        ]
        return reply_parts(parts)
    if place == "_bulk_docs":
        documents = canonical.loads(request.body.decode())[0]["docs"]
        rows = [{"id": doc["_id"], "rev": rev_of(doc)} for doc in documents]
        return reply(rows, 201)
    if place == "_revs_diff":
        return reply({uid: {"missing": revs[-1:]} for uid, revs in request.json.items()})
    if request.method == "DELETE":
        rev = parse_qs(urlsplit(request.target).query).get("rev", [""])[0]
        return reply({"id": place, "ok": True, "rev": rev_of({"_rev": rev, "_deleted": True})})
    if place == "_session":
        return reply({"session_id": "s", "cookie_name": "SyncGatewaySession"})
    document = canonical.loads(request.body.decode())[0] if request.body else {}
    return reply({"id": place, "ok": True, "rev": rev_of(document)}, 201)


def rev_of(document: dict[str, Any]) -> str:
    """The revision that a gateway makes of a document that is written."""
    return canonical.revision_id(document.get("_rev") or "", canonical.digest_body(document))


def raised(call: Callable[[], Any]) -> SyncGatewayException | None:
    """What a call raises of ours, if it does."""
    try:
        call()
    except SyncGatewayException as error:
        return error
    return None
