"""Redirects: what follows them, and what does not."""

from __future__ import annotations

import contextlib
import itertools
from itertools import product
from urllib.parse import quote

import pytest

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE
from tests.pairs import pairs
from tests.sync_gateway.environment.calls import (
    CALLS,
    everything,
    setting_of,
    with_login,
    without_logins,
)
from tests.sync_gateway.scripted import (
    GIVING_UP,
    HTTP,
    READS,
    SECRET,
    USER,
    WRITES,
    check_refused,
    head,
    header,
    pass_on,
    reply,
    save_answer,
    use,
)
from tests.testapp.models import CBArticle


@pytest.fixture
def redirected(settings):
    """Two servers, the first of which sends clients to the second, with the path below ``/x``."""

    class Pair:
        def __init__(self, status, call=None, **options):
            self.status = status
            self.second = stack.enter_context(HTTP(save_answer))
            self.first = stack.enter_context(HTTP(self._answer))
            self.base = f"{self.second.url}/x"
            use(settings, self.first.url, **options)

        def _answer(self, request):
            return reply({}, self.status, Location=self.base + request.target)

    with contextlib.ExitStack() as stack:
        yield Pair


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("call", ["get", "all", "get_user"])
def test_redirected_read(call, status, redirected):
    pair = redirected(status)
    CALLS[call]()
    assert [request.method for request in pair.second.seen] == ["GET"]
    assert pair.second.seen[0].target == "/x" + pair.first.seen[0].target


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirected_read_that_has_a_body(status, redirected, caplog):
    """It is asked again as it was, or not at all."""
    pair = redirected(status)
    try:
        found = SyncGateway.all_docs(["a"])
    except SyncGatewayUnavailable as error:
        assert status < 307
        check_refused(error, "SYNC_GATEWAY_URL", caplog=caplog)
        assert pair.second.seen == []
    else:
        assert [row["id"] for row in found["rows"]] == ["a"]
        assert [request.method for request in pair.second.seen] == ["POST"]
        assert pair.second.seen[0].json == {"keys": ["a"]}


@pytest.mark.parametrize("status", [307, 308])
@pytest.mark.parametrize("call", [*WRITES, "put_user"])
def test_redirected_write(call, status, redirected):
    pair = redirected(status)
    CALLS[call]()
    (first,), (second,) = pair.first.seen, pair.second.seen
    assert (second.method, second.target) == (first.method, "/x" + first.target)
    assert second.body == first.body
    assert header(second, "Content-Type") == header(first, "Content-Type")


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305])
@pytest.mark.parametrize("call", [*WRITES, "put_user"])
def test_redirect_that_would_lose_a_write(call, status, redirected, caplog):
    pair = redirected(status)
    with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
        CALLS[call]()
    check_refused(caught.value, setting_of(call), caplog=caplog)
    assert not [request for request in pair.second.seen if request.is_write]
    # It was asked once: no answer is lost.
    assert len(pair.first.seen) == 1
    assert pair.second.seen == []


def test_document_after_redirects(http_gateway, settings):
    """As a gateway that has moved, below another path at that."""
    public, admin = (pass_on(url) for url in http_gateway.urls)
    with contextlib.ExitStack() as stack:
        fronts = [
            stack.enter_context(
                HTTP(
                    lambda request, own=own: (
                        own(request)
                        if request.target.startswith("/test_documents")
                        else reply({}, 307, Location=request.target.removeprefix("/old"))
                    )
                )
            )
            for own in (public, admin)
        ]
        use(settings, *(f"{front.url}/old" for front in fronts))
        settings.SYNC_GATEWAY_ADMIN_USER = None
        SyncGateway.put_user(USER, password=SECRET, admin_channels=["*"])
        article = CBArticle(title="One", channels=["a"])
        article.save()
        article.title = "Two"
        article.save()
        assert article.rev.startswith("2-")
        assert CBArticle(article.uid).title == "Two"
        SyncGateway.delete_document(article.uid, article.rev)
        with pytest.raises(CBArticle.DoesNotExist):
            CBArticle(article.uid)


@pytest.mark.parametrize(
    ("call", "places"),
    list(
        product(
            CALLS if TORTURE else ["save", "get_user"],
            product(["settings", "address", "netrc"], ["localhost", "127.0.0.2"]),
        )
    ),
)
def test_no_login_for_another_host(call, places, redirected, settings, monkeypatch, tmp_path):
    where, to = places
    if where == "netrc":
        netrc = tmp_path / "netrc"
        netrc.write_text(
            "machine 127.0.0.1 login ann password secret\n"
            "machine localhost login bob password secret\n"
        )
        monkeypatch.setenv("NETRC", str(netrc))
    pair = redirected(307)
    pair.base = pair.base.replace("127.0.0.1", to)
    if to == "127.0.0.2":
        pair.base = pair.base.replace("127.0.0.2", "[::ffff:127.0.0.1]")
    if where != "settings":
        without_logins(settings)
    if where == "address":
        url = with_login(pair.first.url, USER, SECRET)
        settings.SYNC_GATEWAY_URL = settings.SYNC_GATEWAY_ADMIN_URL = url
    with contextlib.suppress(SyncGatewayException):
        CALLS[call]()
    assert None not in pair.first.headers("Authorization")
    assert set(pair.second.headers("Authorization")) <= {None}
    assert pair.first.seen


def test_no_cookie_for_another_host(settings):
    with HTTP(save_answer) as other:
        here = iter([reply({}, 200, Set_Cookie="lb=1; Path=/")])

        def answer(request):
            where = f"http://localhost:{other.port}{request.target}"
            return next(here, None) or reply({}, 307, Location=where)

        with HTTP(answer) as server:
            use(settings, server.url)
            READS["get"]()
            READS["get"]()
    assert header(server.seen[1], "Cookie") == "lb=1"
    assert other.headers("Cookie") == [None]


@everything
def test_endless_redirects(call, settings, caplog):
    count = iter(range(1_000_000))
    with HTTP(lambda request: reply({}, 307, Location=f"/{next(count)}")) as server:
        use(settings, server.url)
        with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
            CALLS[call]()
        check_refused(caught.value, setting_of(call), caplog=caplog)
    assert len(server.seen) < 100


NOWHERE = [
    None, "", "file:///etc/passwd", "ftp://127.0.0.1/x", "http://[bad", "http://", "//",
    "http://127.0.0.1:99999/", "http://127.0.0.1:x/", "http://\x7f/", "javascript:1",
    "http+sync-gateway://admin/x", "http://a..b/", "http://" + "x" * 300 + ".test/",
]  # fmt: skip


@pytest.mark.parametrize(("call", "place"), pairs(["get", "save", "get_user", "put_user"], NOWHERE))
def test_redirect_to_nowhere(call, place, settings, caplog):
    headers = {} if place is None else {"Location": place}
    with HTTP(lambda request: reply({}, 307, **headers)) as server:
        use(settings, server.url, **GIVING_UP)
        with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
            CALLS[call]()
        check_refused(caught.value, setting_of(call), caplog=caplog)


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize("call", ["get", "save", "get_user", "put_user"])
def test_what_a_redirect_says_is_not_read(call, status, settings):
    """However much it is."""
    with HTTP(save_answer) as other:

        def answer(request):
            there = other.url + request.target
            yield head(status, Location=there, Content_Length=10**15)
            yield from itertools.repeat(b" " * 65536)

        with HTTP(answer) as one:
            use(settings, one.url, max_bytes=1_000_000, deadline=5)
            if status == 307 or call in ("get", "get_user"):
                CALLS[call]()
            else:
                with pytest.raises(SyncGatewayUnavailable, match=setting_of(call)):
                    CALLS[call]()
    assert len(one.seen) == 1


def test_redirect_to_a_login_page(settings, caplog):
    """Of a proxy that wants to know who we are: its page is no answer."""

    def answer(request):
        if request.target.startswith("/login"):
            return b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"
        return reply({}, 302, Location="/login?to=" + quote(request.target))

    with HTTP(answer) as server:
        use(settings, server.url, **GIVING_UP)
        for call in CALLS:
            with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
                CALLS[call]()
            check_refused(caught.value, setting_of(call), caplog=caplog)
