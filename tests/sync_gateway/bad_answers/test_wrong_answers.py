"""Answers that are none: each call ends, with an error of ours that says where to look."""

from __future__ import annotations

from itertools import product

import pytest

from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayUnavailable,
)
from tests.pairs import pairs
from tests.sync_gateway.bad_answers.calls import (
    BROKEN,
    CALLS,
    SOME,
    TIMEOUT,
    check_call,
    everything,
    setting_of,
)
from tests.sync_gateway.faults.proxy import page
from tests.sync_gateway.scripted import (
    ADMIN_CALLS,
    GIVING_UP,
    HTTP,
    READS,
    WRITES,
    reply,
    save_answer,
    use,
)


@everything
@pytest.mark.parametrize("status", [200, 201, 204, 400, 401, 403, 404, 405, 409, 410, 412, 413,
                                    418, 429, 500, 502, 503, 504, 511])  # fmt: skip
def test_proxys_page(call, status, settings, caplog):
    """Whatever its status, it is not the gateway's word."""
    if (call, status) == ("put_user", 204):
        return  # it has no page, and the gateway's own answer has none either
    names = [setting_of(call)]
    if status == 401:
        names.append("SYNC_GATEWAY_ADMIN_USER" if call in ADMIN_CALLS else "SYNC_GATEWAY_USER")
    with HTTP(lambda request: page(status)) as server:
        use(settings, server.url, **GIVING_UP)
        caught = check_call(call, *names, caplog=caplog, error=SyncGatewayException)
    assert isinstance(caught, (SyncGatewayUnavailable, SyncGatewayForbidden, SyncGatewayBadRequest))
    assert caught.status in (status, None)
    assert "<html>" not in str(caught)


JSON_OF_OTHERS = {
    "null": None,
    "number": 1,
    "text": "hello",
    "list": [],
    "object": {},
    "no rows": {"rows": []},
    "rows that are none": {"rows": 1},
    "message": {"message": "Hello from another service"},
}


@pytest.mark.parametrize("call", ["load", "all", "query_view", *WRITES])
@pytest.mark.parametrize("value", JSON_OF_OTHERS.values(), ids=JSON_OF_OTHERS)
def test_json_of_another_service(call, value, settings, caplog):
    """What cannot be what was asked for is refused."""
    if (call, value) in (("all", {"rows": []}), ("query_view", {"rows": []})):
        return  # it may be
    with HTTP(lambda request: reply(value)) as server:
        use(settings, server.url, **GIVING_UP)
        check_call(call, caplog=caplog)


@pytest.mark.parametrize(
    ("call", "error"), pairs(SOME, product(JSON_OF_OTHERS, [400, 404, 409, 500]))
)
def test_error_of_another_service(call, error, settings, caplog):
    name, status = error
    with HTTP(lambda request: reply(JSON_OF_OTHERS[name], status)) as server:
        use(settings, server.url, **GIVING_UP)
        with pytest.raises(SyncGatewayException):
            CALLS[call]()


@pytest.mark.parametrize(
    ("call", "name"), pairs(["load", "save", "delete", "get_user", "query_view"], BROKEN)
)
def test_broken_answer(call, name, settings, caplog):
    with HTTP(lambda request: BROKEN[name]()) as server:
        use(settings, server.url, **GIVING_UP)
        check_call(call, setting_of(call), TIMEOUT, caplog=caplog)


def test_bytes_after_an_answer(settings):
    """They are not taken for the answer to the next request."""
    extra = reply({"_id": "evil", "_rev": "1-evil"})
    with HTTP(lambda request: save_answer(request) + extra) as server:
        use(settings, server.url, **GIVING_UP)
        for _ in range(3):
            try:
                found = READS["get"]()
            except SyncGatewayUnavailable:
                continue
            assert found["_id"] == "a"


def test_interim_answers(settings):
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    with HTTP(lambda request: hints[-25:] + save_answer(request)) as server:
        use(settings, server.url)
        for call in CALLS.values():
            call()
