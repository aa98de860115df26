"""A phone syncs with a site that has the public API in its URLs, under ASGI."""

from __future__ import annotations

import asyncio
import base64

import pytest
from django.core.asgi import get_asgi_application

from django_cbtools.embedded.asgi import with_websockets
from django_cbtools.embedded.blip.connection import Connection
from django_cbtools.embedded.blip.messages import Message
from django_cbtools.embedded.server import mounted
from django_cbtools.embedded.server.pools import Pools
from tests.gateway.feed.client import PASSWORD, allow, ask

from .client import VERSION_3

pytestmark = pytest.mark.django_db(transaction=True)
EXTENSIONS = {"websocket.http.response": {}}


@pytest.fixture(autouse=True)
def pools(settings, monkeypatch):
    settings.ROOT_URLCONF = "tests.gateway.server.mounted.urls"
    settings.ALLOWED_HOSTS = ["testserver"]
    pools = Pools()
    monkeypatch.setattr(mounted, "shared", lambda: pools)
    yield
    pools.close()


def _talk(
    path, *requests, password=PASSWORD, host=b"testserver", extensions=EXTENSIONS, scheme="ws",
    headers=(),
):  # fmt: skip
    """Open a WebSocket; return what the site sends, and the replies to some requests."""
    token = base64.b64encode(f"alice:{password}".encode())
    scope = {
        "type": "websocket", "http_version": "1.1", "scheme": scheme, "path": path,
        "raw_path": path.encode(), "root_path": "", "query_string": b"", "client": ("127.0.0.1", 1),
        "server": ("testserver", 80), "subprotocols": [VERSION_3], "extensions": extensions,
        "headers": [(b"host", host), (b"authorization", b"Basic " + token),
                    (b"sec-websocket-protocol", VERSION_3.encode()), *headers],
    }  # fmt: skip
    phone, events, sent, replies = Connection(), asyncio.Queue(), [], []
    events.put_nowait({"type": "websocket.connect"})
    for request in requests:
        phone.send(request)
    while (frame := phone.next_frame()) is not None:
        events.put_nowait({"type": "websocket.receive", "bytes": frame})

    async def send(event):
        sent.append(event)
        if event["type"] == "websocket.send":
            replies.append(phone.receive(event["bytes"]))
        if len(replies) == len(requests):
            events.put_nowait({"type": "websocket.disconnect", "code": 1000})

    asyncio.run(with_websockets(get_asgi_application())(scope, events.get, send))
    return sent, replies


def test_a_phone_syncs_with_a_site():
    allow("a")
    body = b'{"n": 1, "channels": ["a"]}'
    rev = Message({"Profile": "rev", "id": "x", "rev": "1-a"}, body)
    sent, replies = _talk("/sync/test_documents/_blipsync", rev, Message({"Profile": "PING"}))
    assert sent[0] == {"type": "websocket.accept", "subprotocol": VERSION_3, "headers": []}
    assert [reply.is_error for reply in replies] == [False, False]
    assert ask("GET", "/x")["n"] == 1


def test_refusals():
    allow("a")
    path = "/sync/test_documents/_blipsync"
    for options, status in (({"password": "wrong"}, 401), ({"host": b"elsewhere"}, 400)):
        sent, _ = _talk(path, **options)
        assert sent[0]["status"] == status
        # A server that can send no answer says 403.
        assert _talk(path, extensions={}, **options)[0] == [{"type": "websocket.close"}]


def test_pages_without_tls_and_sockets_with_it():
    """Somebody on the way can change a page that came without TLS."""
    allow("a")
    path = "/sync/test_documents/_blipsync"
    for scheme, origin, is_open in (
        ("ws", b"http://testserver", True),
        ("wss", b"https://testserver", True),
        ("wss", b"http://testserver", False),
        ("ws", b"http://elsewhere", False),
    ):
        sent, _ = _talk(path, scheme=scheme, headers=[(b"origin", origin)])
        assert (sent[0]["type"] == "websocket.accept") == is_open, (scheme, origin)


def test_other_websockets_are_the_sites():
    for path in ("/page/", "/nowhere"):
        with pytest.raises(ValueError, match="websocket"):
            _talk(path)
