"""More than one address of a gateway."""

from __future__ import annotations

import contextlib
import socket

import pytest

from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests.pairs import pairs
from tests.sync_gateway.environment.calls import CALLS, everything, setting_of, with_login
from tests.sync_gateway.scripted import (
    GIVING_UP,
    HTTP,
    READS,
    SECRET,
    USER,
    WRITES,
    check_refused,
    closed_port,
    reply,
    save_answer,
    url_of,
    use,
)
from tests.testapp.models import CBArticle


@everything
def test_next_address_where_nobody_listens(call, settings):
    with closed_port() as closed, HTTP(save_answer) as server:
        use(settings, [url_of(closed), server.url])
        CALLS[call]()
        CALLS[call]()
    assert server.seen
    if call in WRITES:
        writes = [request for request in server.seen if request.is_write]
        assert len(writes) == 2


@pytest.mark.parametrize(
    ("call", "failing"),
    pairs([*READS, "get_user", "query_view"], ["cut", "silent", 502, 503, 504]),
)
def test_reads_go_to_the_next_address(call, failing, settings):
    answers = {"cut": None, "silent": lambda: (), **{n: reply({}, n) for n in (502, 503, 504)}}
    with contextlib.ExitStack() as stack:
        if failing == "silent":
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            url = url_of(silent)
        else:
            url = stack.enter_context(HTTP(lambda request: answers[failing])).url
        server = stack.enter_context(HTTP(save_answer))
        use(settings, [url, server.url], timeout=0.5, retries=20)
        CALLS[call]()
    assert server.seen


@everything
def test_all_addresses_are_down(call, settings, caplog):
    with closed_port() as one, closed_port() as two:
        urls = [with_login(url_of(one), USER, SECRET), url_of(two)]
        use(settings, urls, **GIVING_UP)
        with caplog.at_level(0), pytest.raises(SyncGatewayUnavailable) as caught:
            CALLS[call]()
        check_refused(caught.value, setting_of(call), caplog=caplog)
        assert "did not answer" in str(caught.value)


def test_gateway_that_comes_back(settings):
    """With the other address down, what was down is asked again."""
    with HTTP(save_answer) as two:
        with HTTP(save_answer) as one:
            use(settings, [one.url, two.url])
            READS["get"]()
        assert len(one.seen) == 1
        READS["get"]()
        assert len(two.seen) == 1
        third = HTTP(save_answer)
        use(settings, [two.url, third.url])
        READS["get"]()
    with third:
        READS["get"]()
        WRITES["save"]()
    assert len(third.seen) == 2


@pytest.mark.parametrize("kind", [list, tuple])
def test_one_address_in_a_list(kind, http_gateway, settings):
    public, admin = http_gateway.urls
    use(settings, kind([public]), kind([admin]))
    settings.SYNC_GATEWAY_ADMIN_USER = None
    SyncGateway.put_user(USER, password=SECRET, admin_channels=["*"])
    article = CBArticle(title="One", channels=["a"])
    article.save()
    assert CBArticle(article.uid).title == "One"
