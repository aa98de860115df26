"""Settings that lead to no gateway, or not into it."""

from __future__ import annotations

import pytest

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayForbidden
from django_cbtools.sync_gateway import SyncGateway
from tests.sync_gateway.bad_answers.calls import check_call, everything, some
from tests.sync_gateway.scripted import (
    GIVING_UP,
    HTTP,
    READS,
    WRITES,
    Server,
    closed_port,
    reply,
    url_of,
    use,
)


@everything
def test_port_where_nobody_listens(call, settings, caplog):
    with closed_port() as closed:
        use(settings, url_of(closed), **GIVING_UP)
        check_call(call, caplog=caplog)


@everything
def test_host_that_there_is_not(call, settings, caplog):
    use(settings, "http://gateway.invalid:4984", **GIVING_UP)
    check_call(call, caplog=caplog)


@pytest.mark.parametrize("greeting", [b"220 mail.example ESMTP\r\n", b"SSH-2.0-OpenSSH_9.9\r\n"])
@some
def test_port_of_another_service(call, greeting, settings, caplog):
    with Server(lambda connection: connection.sendall(greeting)) as server:
        use(settings, server.url, **GIVING_UP)
        check_call(call, caplog=caplog)


@pytest.mark.parametrize("call", READS | WRITES)
def test_wrong_password(call, gateway_by_http, settings, caplog):
    public, admin = gateway_by_http.urls
    SyncGateway.put_user("ann", password="another")
    use(settings, public, admin)
    check_call(
        call, "SYNC_GATEWAY_USER", "SYNC_GATEWAY_PASSWORD",
        caplog=caplog, error=SyncGatewayForbidden,
    )  # fmt: skip


#: What a gateway says where there is no such database; a public port may want a login first.
UNKNOWN = [
    reply({"error": "not_found", "reason": 'no such database "test_documents"'}, 404),
    reply({"error": "Unauthorized", "reason": "Invalid login"}, 401),
]


@everything
@pytest.mark.parametrize("answer", UNKNOWN, ids=["not found", "no login"])
def test_unknown_database(call, answer, settings, caplog):
    with HTTP(lambda request: answer) as server:
        use(settings, server.url)
        check_call(call, "SYNC_GATEWAY_BUCKET", caplog=caplog, error=SyncGatewayException)
