"""Bodies that unpack to a lot, or of which a lot is built, to every route of both ports.

The server's memory stays small, whatever it answers, and others are answered meanwhile. FUZZ_SEED
repeats a run; TORTURE=1 sends everything everywhere.
"""

from __future__ import annotations

import base64
import io
import random
import re
import secrets
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, suppress
from typing import Any, NamedTuple

import pytest

from django_cbtools import canonical
from django_cbtools.embedded import gojson
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.api.multipart import Reader as Parts
from django_cbtools.embedded.api.routes import ROUTES, routed_path
from django_cbtools.embedded.databases import configs
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.http import limits
from django_cbtools.embedded.http.messages import Call
from django_cbtools.embedded.server import framing
from tests.counts import SEED, TORTURE
from tests.gateway.fuzz.process import ServerProcess
from tests.gateway.fuzz.wire import Client, Request
from tests.gateway.hostile import large_bodies
from tests.gateway.hostile.memory import Peak

MEGABYTE = 1 << 20
#: The most that the server's process may take for any one request.
MOST = 300 * MEGABYTE
#: What is sent, unpacked, is just within the limit for documents, or far beyond it.
SIZE = (limits.DOCUMENTS if TORTURE else limits.DOCUMENTS // 4) - 100
BOMB = 1 << (30 if TORTURE else 28)

PACKED = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
ALICE = {"Authorization": "Basic " + base64.b64encode(b"alice:secret").decode()}


class Target(NamedTuple):
    """A route that may read a body, and who asks."""

    port: str
    method: str
    path: str
    login: bool


def _filled(path: str) -> str:
    # What takes a database away, or closes it, gets one of its own.
    closes = "_offline" in path or "_flush" in path
    names = {"db": "spare" if closes else "db", "keyspace": "db", "newdb": "db"}
    return re.sub(r"\{(\w+)\}", lambda found: names.get(found[1], "name"), path)


TARGETS = [
    Target(port, method, _filled(path), login)
    for path, ports, methods in ROUTES
    for port in ports
    for method in methods
    if method in ("PUT", "POST")
    for login in ((False, True) if port == "public" else (False,))
]


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Generator[Any, None, None]:
    with ServerProcess(tmp_path_factory.mktemp("server") / "documents.sqlite3") as process:
        admin = Client(process.urls[1])
        for name in ("db", "spare"):
            assert admin.ask(Request("admin", "PUT", f"/{name}/", {}, b"{}")).status == 201
        user = b'{"password": "secret", "admin_channels": ["*"]}'
        assert admin.ask(Request("admin", "PUT", "/db/_user/alice", {}, user)).status == 201
        admin.close()
        yield process
        assert process.stop() == 0
        assert process.log() == ""


def _bodies() -> Iterator[tuple[str, bytes]]:
    names = large_bodies.NAMES if TORTURE else random.Random(SEED).sample(large_bodies.NAMES, 2)
    for name in names:
        yield name, large_bodies.packed(large_bodies.text(name, SIZE))
    yield "bomb", large_bodies.bomb(BOMB)


@pytest.mark.torture
def test_memory_stays_small(server):
    print(f"seed {SEED}")
    chance = random.Random(SEED)
    with ExitStack() as stack:
        clients = {
            port: stack.enter_context(closing(Client(url)))
            for port, url in zip(("public", "admin"), server.urls, strict=True)
        }
        for name, body in _bodies():
            for target in TARGETS if TORTURE else chance.sample(TARGETS, 5):
                peak = Peak(server.pid)
                headers = {**PACKED, **(ALICE if target.login else {})}
                reply = clients[target.port].ask(
                    Request(target.port, target.method, target.path, headers, body)
                )
                assert reply.status
                assert peak.bytes() < MOST, (name, target, reply)


@pytest.mark.parametrize("name", ["one string", "one string that gets wide"])
def test_what_was_refused_is_let_go(name, server):
    """Also where the garbage collector does not run in between."""
    with closing(Client(server.urls[0])) as client:
        body = large_bodies.packed(large_bodies.text(name, 4 * MEGABYTE))
        path = f"/db/{secrets.token_hex(8)}"
        request = Request("public", "PUT", path, {**PACKED, **ALICE}, body)
        assert client.ask(request).status == 201
        assert client.ask(request).status == 409
        before = Peak(server.pid)
        assert client.ask(request).status == 409
        most = before.bytes()
        for _ in range(8):
            assert client.ask(request).status == 409
        assert before.bytes() < most + 24 * MEGABYTE


@pytest.mark.torture
@pytest.mark.parametrize(
    "name", ["one string", "long numbers", "escapes", "zeros"] if TORTURE else ["escapes"]
)
def test_others_are_answered_meanwhile(name, server):
    """Many of them, for each large request: nobody waits until it is over."""
    body = large_bodies.packed(large_bodies.text(name, SIZE))
    answered = [0]
    is_over = threading.Event()

    def ask_small():
        client = Client(server.urls[0])
        while not is_over.is_set():
            assert client.ask(Request("public", "GET", "/", {})).status == 200
            answered[-1] += 1
        client.close()

    other = threading.Thread(target=ask_small)
    client = Client(server.urls[0])
    # Until her login has been seen, alice shares the turns of her address.
    assert client.ask(Request("public", "GET", "/db/", ALICE)).status == 200
    other.start()
    for _ in range(3):
        answered.append(0)
        request = Request("public", "POST", "/db/_bulk_docs", {**PACKED, **ALICE}, body)
        assert client.ask(request).status
    is_over.set()
    other.join()
    client.close()
    # One may have been under way before, and one be answered just after.
    assert min(answered[1:]) > 2


def test_little_is_read_before_a_login(server):
    client = Client(server.urls[0])
    body = large_bodies.packed(b'{"name": "alice", "password": "secret"' + b" " * 70_000 + b"}")
    reply = client.ask(Request("public", "POST", "/db/_session", PACKED, body))
    assert (reply.status, b"the limit is 65536 bytes" in reply.body) == (413, True)
    client.close()


# ------------------------------------------------------------------ by themselves


def _duration(work: Callable[[], Any]) -> float:
    def once():
        start = time.perf_counter()
        with suppress(GatewayError):
            work()
        return time.perf_counter() - start

    return min(once() for _ in range(3))


@pytest.mark.parametrize("name", large_bodies.NAMES)
def test_reading_takes_time_by_the_length(name):
    """Not by its square: against a text of the same length that is easy to read."""
    size = 100_000
    text = large_bodies.text(name, size).decode("utf-8", "replace")
    words = '"' + "word " * 12 + '",'
    easy = '{"a":[' + words * (size // len(words)) + "0]}"
    assert _duration(lambda: gojson.decode(text)) < 3000 * _duration(lambda: gojson.decode(easy))


def _call(**headers):
    return Call("public", "default", "POST", "/", headers=headers)


@pytest.mark.parametrize(
    ("read", "hard", "easy"),
    [
        (lambda text: _call(cookie=text).cookie("a"), '\\"', "xx"),
        (lambda text: _call(cookie=text).cookie("a"), "\\0", "xx"),
        (lambda text: _call(cookie=text).cookie("a"), "a;", "xx"),
        (lambda text: Parts(_call(**{"content-type": f"multipart/related{text}"})), ";", "x"),
        (lambda text: configs.read("`" + text), "\\`", "xx"),
        (lambda text: routed_path("/a" + text, ""), "/a", "xx"),
        (lambda text: routed_path("/a/b", text), "/a", "xx"),
        (
            lambda text: framing.as_dict([(b"a", b"b" * 200)] * text.count("/")),
            "/ 15 letters   ",
            "xx",
        ),
    ],
)
def test_headers_and_others_take_time_by_the_length(read, hard, easy):
    size = 100_000
    texts = ('; a="' + part * (size // len(part)) for part in (hard, easy))
    hard_time, easy_time = (_duration(lambda text=text: read(text)) for text in texts)
    assert hard_time < 300 * (easy_time + 1e-4)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"\ud800"', "\ufffd"),
        (r'"\ud83c\udf7a"', "🍺"),
        (r'"\\ud800"', r"\ud800"),
        (r'{"\udc00a": ["x\ud800\ud800\udc00\udc00"]}', {"\ufffda": ["x\ufffd𐀀\ufffd"]}),
    ],
)
def test_halves_of_surrogate_pairs(text, value):
    assert canonical.loads(text)[0] == value


def test_integers_of_many_digits_keep_their_text():
    for digits in ("9" * 299, "9" * 301, "9" * 5000, "-" + "1" * 400, "-0"):
        assert canonical.dumps(canonical.loads(f"[{digits}]")[0]) == f"[{digits}]"


def test_large_bodies_take_turns(http_gateway, monkeypatch):
    """Two at once are in memory, and one of each user."""
    lock = threading.Lock()
    inside: list[str] = []
    most: list[list[str]] = []
    decode = gojson.decode_object

    def counted(text, *args):
        user = text[2:7]
        with lock:
            inside.append(user)
            most.append(sorted(inside))
        time.sleep(0.05)
        with lock:
            inside.remove(user)
        return decode(text, *args)

    admin = Client(http_gateway.urls[1])
    database = "/test_documents"
    user = b'{"password": "secret", "admin_channels": ["*"]}'
    assert admin.ask(Request("admin", "PUT", f"{database}/_user/alice", {}, user)).status == 201
    known = Request("public", "GET", f"{database}/", ALICE)
    alice = Client(http_gateway.urls[0])
    assert alice.ask(known).status == 200  # her turns are her own from now on
    alice.close()
    admin.close()
    monkeypatch.setattr(gojson, "decode_object", counted)
    statuses = []

    def ask(number):
        port = ("public", "admin")[number % 2]
        name = ("alice", "admin")[number % 2]
        body = b'{"%s": "%s"' % (name.encode(), b"x" * limits.LARGE)  # it breaks off
        client = Client(http_gateway.urls[number % 2])
        headers = ALICE if port == "public" else {}
        request = Request(port, "PUT", f"{database}/doc{number}", headers, body)
        statuses.append(client.ask(request).status)
        client.close()

    threads = [threading.Thread(target=ask, args=[number]) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [400] * 12
    assert len(most) == 12
    assert max(map(len, most)) == 2
    assert max(users.count("alice") for users in most) == 1


def test_a_turn_ends_with_its_request(db):
    """Also where the request is refused."""
    text = b'{"a": "' + b"x" * limits.LARGE + b'"}'
    for body, status in ((text, 201), (text, 409), (text[:-1], 400), (b"[" + text + b"]", 400)):
        for _ in range(3):
            read = io.BytesIO(body).read
            answer = respond(Call("admin", "default", "PUT", "/test_documents/doc", read=read))
            assert answer.status == status
            status = 409 if status == 201 else status
    assert limits.TURNS._free == 2
