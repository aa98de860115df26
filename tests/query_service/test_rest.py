"""The query service's REST API: what is asked, and of whom."""

from __future__ import annotations

import socket

import pytest

from django_cbtools.query_service import errors, rest
from tests.query_service.services import body, service
from tests.query_service.stand_in import EXCHANGES, StandIn, recorded
from tests.sync_gateway.scripted import (
    HTTP,
    LOGIN,
    check_nothing_secret,
    closed_port,
    head,
    reply,
    told,
    url_of,
)

DOCUMENTS = EXCHANGES["documents"]["statement"]
WRITE = EXCHANGES["write"]["statement"]


def ask(asked, *more, **how):
    return list(asked.query(*(more or (DOCUMENTS, ["a"])), **how))


def check_documents(found):
    assert [key for key, _ in found] == ["a1", "a2", "a3"]
    assert [document["n"] for _, document in found] == [1, 9007199254740993, 0.1]
    assert found[0][1]["title"] == 'Ünï \\ "q" 🍺'
    assert found[1][1]["tags"] == ["],", "\n", None]


def test_query():
    with StandIn() as server:
        check_documents(ask(service(server, timeout=10)))
        (sent,) = server.asked
        assert server.headers("Authorization") == [LOGIN]
        assert (server.seen[0].method, server.seen[0].target) == ("POST", "/query/service")
    assert sent.pop("client_context_id")
    assert 9000 < int(sent.pop("timeout").removesuffix("ms")) <= 10000
    assert sent == {
        "statement": DOCUMENTS,
        "args": ["a"],
        "readonly": True,
        "scan_consistency": "request_plus",
        "pretty": False,
    }


def test_what_a_query_says_itself():
    with StandIn() as server:
        asked = service(server, timeout=10, scan_consistency="not_bounded")
        ask(asked)
        ask(asked, scan_consistency="request_plus", timeout=100)
        ask(asked, WRITE, readonly=False)
        assert [sent["scan_consistency"] for sent in server.asked] == [
            "not_bounded", "request_plus", "not_bounded",
        ]  # fmt: skip
        assert [sent["readonly"] for sent in server.asked] == [True, True, False]
        assert 99000 < int(server.asked[1]["timeout"].removesuffix("ms")) <= 100000


def test_rows():
    with StandIn() as server:
        asked = service(server)
        assert ask(asked, EXCHANGES["no rows"]["statement"], ["none"]) == []
        rows = asked.query(EXCHANGES["many rows"]["statement"], [30])
        assert next(rows) == [0, "é"]
        assert list(rows) == [[n, "é"] for n in range(1, 30)]
        assert rows.metrics["resultCount"] == 1
        rows = asked.query(EXCHANGES["warning"]["statement"], [1])
        assert list(rows) == [[None]]
        assert [warning["code"] for warning in rows.warnings] == [5036]
        assert len(server.accepted) == 1


def test_connections_are_kept():
    with StandIn() as server:
        for _ in range(3):
            ask(service(server))
        assert len(server.accepted) == 1


def test_closed_rows():
    """The request ends, and the next one has another connection."""
    gone = []

    def answer(request):
        if gone:
            return reply(body(1))
        return endless()

    def endless():
        piece = b"[1],\n" * 1000
        try:
            yield head() + b'{"results": [\n'
            while True:
                yield piece
        finally:
            gone.append(True)

    with HTTP(answer) as server:
        with service(server).query("SELECT 1") as rows:
            assert [next(rows), next(rows)] == [[1], [1]]
        assert list(rows) == []
        rows.close()
        while not gone:
            pass
        rows = service(server).query("SELECT 1")
        del rows
        assert ask(service(server), "SELECT 1") == [1]


# ---------------------------------------------------------------------- hosts


def test_next_host():
    with StandIn() as first, StandIn() as second, closed_port() as port:
        asked = service(url_of(port), first, second)
        for _ in range(3):
            check_documents(ask(asked))
        assert (len(first.seen), len(second.seen)) == (3, 0)
        first.close()
        check_documents(ask(asked))
        assert len(second.seen) == 1


def test_next_host_without_retries():
    with StandIn() as server, closed_port() as one, closed_port() as two:
        check_documents(ask(service(url_of(one), url_of(two), server, retries=0)))


def test_no_host(caplog):
    with (
        closed_port() as one,
        closed_port() as two,
        pytest.raises(errors.OperationalError, match="is HOST right") as caught,
    ):
        ask(service(url_of(one), url_of(two), retries=3))
    assert caplog.text.count("Trying again") == 3
    assert caught.value.statement == DOCUMENTS
    check_nothing_secret(told(caught.value) + caplog.text)


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_busy_services(status):
    """Reads are tried again, writes are not."""
    with HTTP(lambda request: reply(b"busy", status)) as busy, StandIn() as server:
        check_documents(ask(service(busy, server)))
        assert (len(busy.seen), len(server.seen)) == (1, 1)
    with HTTP(lambda request: reply(b"busy", status)) as busy, StandIn() as server:
        with pytest.raises(errors.OperationalError, match=str(status)):
            ask(service(busy, server), WRITE, readonly=False)
        assert (len(busy.seen), len(server.seen)) == (1, 0)


@pytest.mark.parametrize("code", [1180, 1181, 1182, 1191, 1192, 1199, 1201])
def test_services_that_have_no_time(code):
    busy = reply(body(status="fatal", errors=[{"code": code, "msg": "no"}]), 200)
    answers = [busy, busy, recorded("documents")]
    with HTTP(lambda request: answers.pop(0)) as server:
        check_documents(ask(service(server)))


@pytest.mark.parametrize("name", ["1080", "4000", "5010", "12003", "13014"])
def test_failures_that_are_final(name):
    with StandIn() as server:
        with pytest.raises(errors.DatabaseError):
            ask(service(server), EXCHANGES[name]["statement"], EXCHANGES[name]["args"])
        assert len(server.seen) == 1


def test_writes_go_out_once():
    answers = [recorded("write")]
    with HTTP(lambda request: None) as server, closed_port() as port:
        with pytest.raises(errors.OperationalError):
            ask(service(server), WRITE, readonly=False)
        assert len(server.seen) == 1
        # What never left may go to the next one.
        with HTTP(lambda request: answers.pop()) as other:
            ask(service(url_of(port), other), WRITE, readonly=False)


def test_lost_answers():
    answers = [None, None, recorded("documents")]
    with HTTP(lambda request: answers.pop(0)) as server:
        check_documents(ask(service(server)))
    with HTTP(lambda request: None) as server:
        with pytest.raises(errors.OperationalError, match="the connection broke"):
            ask(service(server, retries=1))
        assert len(server.seen) == 2


def test_connection_that_has_gone():
    with StandIn() as server:
        ask(service(server))
        server.hang_up()
        ask(service(server))


def test_read_only():
    with StandIn() as server:
        with pytest.raises(errors.NotSupportedError, match=r"OPTIONS\['read_only'\]") as caught:
            ask(service(server, read_only=True), WRITE, readonly=False)
        assert caught.value.code == 1000
        assert server.seen == []


# --------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (reply(b"<html>", 404), "answered 404. This is no query service's answer: look at HOST"),
        (reply(b"", 401), "answered 401. Look at USER and PASSWORD"),
        (reply(b"<html>", 200), "cannot be read"),
        (reply(b"{}", 200), "ended with status None"),
        (reply(body(status="stopped"), 200), "ended with status 'stopped'"),
        (reply(body(errors=[]), 500), "answered 500"),
        (reply(b"", 307, Location="http://elsewhere.example.com/"), "redirects (307)"),
        (b"SSH-2.0-OpenSSH_9\r\n", "speaks no HTTP"),
        (reply(b'{"results": [' + b"[" * 100000 + b"]" * 100000, 200), "cannot be read"),
    ],
)
def test_no_answers(answer, words):
    with HTTP(lambda request: answer) as server, pytest.raises(errors.OperationalError) as caught:
        ask(service(server, retries=0))
    assert words in str(caught.value)
    check_nothing_secret(told(caught.value))


def test_time_is_kept_here_too(monkeypatch):
    monkeypatch.setattr(rest, "_GRACE", 0.05)

    def dripping():
        yield head() + b'{"results": ['
        while True:
            yield b" "

    with (
        HTTP(lambda request: iter(dripping())) as server,
        socket.create_server(("127.0.0.1", 0)) as silent,
    ):
        for place in (server, url_of(silent)):
            with pytest.raises(errors.OperationalError, match=r"OPTIONS\['timeout'\]"):
                ask(service(place), DOCUMENTS, timeout=0.05)


def test_time_that_the_program_takes_is_not_the_services(monkeypatch):
    monkeypatch.setattr(rest, "_GRACE", 0.0)
    times = iter(range(0, 10**9, 1000))
    with HTTP(lambda request: recorded("many rows")) as server:
        rows = service(server).query("SELECT 1", timeout=30)
        monkeypatch.setattr(rest.time, "monotonic", lambda: next(times))
        assert len(list(rows)) == 30
