"""Proxies that the environment names."""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace
from itertools import product
from urllib.parse import quote, urlsplit

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.pairs import pairs
from tests.sync_gateway.environment.calls import CALLS, with_login
from tests.sync_gateway.faults.proxy import read
from tests.sync_gateway.scripted import (
    ADMIN_LOGIN,
    GIVING_UP,
    HTTP,
    LOGIN,
    PROXY_SECRET,
    SECRET,
    USER,
    Server,
    basic,
    check_nothing_secret,
    check_refused,
    closed_port,
    header,
    pass_on,
    relay,
    reply,
    save_answer,
    url_of,
    use,
)
from tests.testapp.models import CBArticle


class Proxy(Server):
    """A proxy for whom gateway.test is ``target``; ``asked`` is what it was asked for, ``logins``
    are who did."""

    def __init__(self, target, login=None):
        self._target = target
        self._login = login
        self.asked = []
        self.logins = []
        super().__init__(self._pass)

    def _pass(self, connection):
        with connection.makefile("rb") as source:
            while request := read(source):
                self.asked.append(f"{request.method} {request.target}")
                self.logins.append(header(request, "Proxy-Authorization"))
                if self._login not in (None, self.logins[-1]):
                    connection.sendall(reply({}, 407, Proxy_Authenticate="Basic"))
                elif request.method == "CONNECT":
                    parts = urlsplit(self._target)
                    with socket.create_connection((parts.hostname, parts.port)) as other:
                        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                        relay(connection, other)
                    return
                else:
                    method, target = request.method.encode(), request.target.encode()
                    path = target.removeprefix(HERE.encode())
                    line = request.head.replace(method + b" " + target, method + b" " + path, 1)
                    connection.sendall(pass_on(self._target)(replace(request, head=line)))


HERE = "http://gateway.test:4984"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxy(name, http_gateway, settings, monkeypatch, caplog):
    """Nobody but the proxy knows where gateway.test is."""
    public, admin = http_gateway.urls
    with Proxy(public) as proxy, caplog.at_level(0):
        url = proxy.url.replace("://", f"://me:{quote(PROXY_SECRET)}@")
        monkeypatch.setenv(name, url)
        monkeypatch.setenv("no_proxy", "127.0.0.1,.example.com")
        use(settings, HERE, admin)
        settings.SYNC_GATEWAY_ADMIN_USER = None
        SyncGateway.put_user(USER, password=SECRET, admin_channels=["*"])
        assert proxy.asked == []  # the admin port is not to be asked by it
        article = CBArticle(title="One", channels=["a"])
        article.save()
        assert CBArticle(article.uid).title == "One"
        SyncGateway.delete_document(article.uid, article.rev)
    assert {line.partition("?")[0] for line in proxy.asked} == {
        f"PUT {HERE}/test_documents/{article.uid}",
        f"POST {HERE}/test_documents/_bulk_get",
        f"DELETE {HERE}/test_documents/{article.uid}",
    }
    assert set(proxy.logins) == {basic("me", PROXY_SECRET)}
    check_nothing_secret(caplog.text)


def test_proxy_for_https(settings, monkeypatch, ca):
    with HTTP(save_answer, ca.server("gateway.test")) as server, Proxy(server.url) as proxy:
        monkeypatch.setenv("https_proxy", proxy.url.replace("://", f"://me:{quote(PROXY_SECRET)}@"))
        use(settings, "https://gateway.test:4984", verify=ca.file)
        for call in CALLS.values():
            call()
    assert len(server.seen) == len(CALLS)
    assert set(proxy.asked) == {"CONNECT gateway.test:4984"}
    assert set(proxy.logins) == {basic("me", PROXY_SECRET)}
    # The gateway's own login is none of the proxy's business, nor is the proxy's the gateway's.
    assert set(server.headers("Proxy-Authorization")) == {None}
    assert set(server.headers("Authorization")) == {LOGIN, ADMIN_LOGIN}


@pytest.mark.parametrize("no_proxy", ["127.0.0.1", "*", "example.com, 127.0.0.1", "127.0.0.0/8"])
def test_no_proxy(no_proxy, settings, monkeypatch):
    with closed_port() as closed, HTTP(save_answer) as server:
        monkeypatch.setenv("http_proxy", url_of(closed))
        monkeypatch.setenv("no_proxy", no_proxy)
        use(settings, server.url)
        for call in CALLS.values():
            call()


@pytest.mark.parametrize(
    ("call", "proxy"), pairs(CALLS, product(["down", "login", "no address"], ["http", "https"]))
)
def test_proxy_that_does_not_pass_us_on(call, proxy, settings, monkeypatch, caplog):
    how, scheme = proxy
    with contextlib.ExitStack() as stack:
        if how == "down":
            url = url_of(stack.enter_context(closed_port()))
        else:
            url = stack.enter_context(Proxy("http://127.0.0.1:1", login="another")).url
        url = with_login(url, "me", PROXY_SECRET)
        if how == "no address":
            url = f"http://me:{quote(PROXY_SECRET)}@[bad"
        monkeypatch.setenv(f"{scheme}_proxy", url)
        use(settings, f"{scheme}://gateway.test:4984", **GIVING_UP)
        with caplog.at_level(0), pytest.raises(Exception) as caught:  # noqa: PT011
            CALLS[call]()
        assert type(caught.value).__module__ in (
            "django_cbtools.exceptions", "django.core.exceptions",
        )  # fmt: skip
        check_refused(caught.value, f"{scheme}_proxy", "proxy", caplog=caplog)
