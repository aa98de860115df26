"""Logins in a netrc file, and how often the environment is asked."""

from __future__ import annotations

import os

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools.exceptions import SyncGatewayNotFound, SyncGatewayUnavailable
from tests.sync_gateway.environment.calls import CALLS, everything, with_login, without_logins
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    ADMIN_LOGIN,
    HTTP,
    LOGIN,
    PROXY_SECRET,
    READS,
    SECRET,
    USER,
    basic,
    check_nothing_secret,
    closed_port,
    head,
    save_answer,
    url_of,
    use,
)


@everything
def test_netrc(call, netrc, settings, caplog):
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        with caplog.at_level(0):
            CALLS[call]()
    assert set(server.headers("Authorization")) == {basic("from-netrc", PROXY_SECRET)}
    check_nothing_secret(caplog.text)


@everything
def test_settings_go_before_netrc(call, netrc, settings):
    with HTTP(save_answer) as server:
        use(settings, server.url)
        CALLS[call]()
        use(settings, with_login(server.url, USER, SECRET))
        without_logins(settings)
        CALLS[call]()
    first = ADMIN_LOGIN if call in ADMIN_CALLS else LOGIN
    assert server.headers("Authorization")[0] == first
    assert server.headers("Authorization")[-1] == LOGIN


def test_netrc_of_another_host(settings, netrc):
    netrc.write_text("machine example.com login a password b\n")
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        READS["get"]()
    assert server.headers("Authorization") == [None]


@pytest.mark.parametrize("text", ["machine", "nonsense", "\xff\xfe", "machine 127.0.0.1 password"])
def test_netrc_that_is_none(text, settings, netrc):
    netrc.write_bytes(text.encode("latin-1"))
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        if text == "\xff\xfe":
            with pytest.raises(ImproperlyConfigured, match="netrc"):
                READS["get"]()
        else:
            READS["get"]()
    assert set(server.headers("Authorization")) <= {None}


# -------------------------------------------------------------- once per session


def test_environment_is_read_once(settings, monkeypatch, netrc):
    """What changes afterwards has no effect on a session that is in use."""
    with HTTP(save_answer) as server, closed_port() as closed:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        use(settings, server.url)
        without_logins(settings)
        READS["get"]()
        ADMIN_CALLS["get_user"]()
        monkeypatch.delenv("no_proxy")
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
            monkeypatch.setenv(name, url_of(closed))
        netrc.unlink()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere")
        for call in CALLS.values():
            call()
    assert len(server.seen) == len(CALLS) + 2
    assert len(set(server.headers("Authorization"))) == 1


def test_environment_is_not_asked_for_each_request(settings, monkeypatch):
    """Nor what it names: a look at all of it takes longer than most requests."""
    with HTTP(save_answer) as server:
        use(settings, server.url)
        without_logins(settings)
        for call in CALLS.values():
            call()
        looked = []
        get = type(os.environ).__getitem__

        def look(self, name):
            looked.append(name)
            return get(self, name)

        monkeypatch.setattr(type(os.environ), "__getitem__", look)
        for _ in range(3):
            for call in CALLS.values():
                call()
    assert not [name for name in looked if "proxy" in name.lower() or "BUNDLE" in name]
    assert "NETRC" not in looked
    assert "SSLKEYLOGFILE" not in looked


def test_new_settings_read_the_environment_anew(settings, monkeypatch):
    with HTTP(save_answer) as server, closed_port() as closed:
        use(settings, server.url, retries=0)
        READS["get"]()
        monkeypatch.setenv("http_proxy", url_of(closed))
        READS["get"]()
        use(settings, server.url, retries=0)
        with pytest.raises(SyncGatewayUnavailable):
            READS["get"]()


def test_gateways_own_404_is_no_proxys(settings):
    """The other side of these tests: what the gateway itself says is taken at its word."""
    answer = head(404, Content_Length=44) + b'{"error":"not_found","reason":"missing"}    '
    with HTTP(lambda request: answer) as server:
        use(settings, server.url)
        with pytest.raises(SyncGatewayNotFound):
            READS["get"]()
