"""The feed of changes over a bad line: what arrives is believed, what breaks off is asked for."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from django_cbtools.exceptions import SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.deadline import within
from tests.sync_gateway.scripted import HTTP, check_refused, head, reply, slowly, use

LONG = {"_id": "d5:1", "text": "x" * 200_000}


def row(seq, **more):
    return {"seq": seq, "id": f"d{seq}", "changes": [{"rev": "1-a"}], **more}


def answer(*rows, last="9"):
    """A feed as a gateway writes it."""
    texts = "\n,".join(map(json.dumps, rows))
    return f'{{"results":[\r\n{texts}\n],\n"last_seq":"{last}"}}\n'.encode()


def cut(data):
    """An answer in chunks that breaks off."""
    return [
        head(Transfer_Encoding="chunked", Connection="close"),
        b"%x\r\n%b\r\n" % (len(data), data),
    ]


def asked(request):
    return {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}


@pytest.fixture
def line(settings):
    """A gateway whose answers are given, one after another."""
    answers = []
    with HTTP(lambda request: answers.pop(0)) as server:
        use(settings, server.url)
        server.answers = answers
        yield server


def test_feed_goes_on_where_it_broke_off(line, caplog):
    whole = answer(row(3), row("5:1", doc=LONG), row(7), row(8))
    line.answers += [
        None,
        cut(whole[:1000]),
        reply(answer(row("5:1", doc=LONG), row(7))[:-20]),
        reply(answer(row(8))),
    ]
    feed = SyncGateway.changes(include_docs=True)
    assert [change.seq for change in feed] == ["3", "5:1", "7", "8"]
    assert feed.since == "9"
    assert [asked(request)["since"] for request in line.seen] == ["0", "0", "3", "7"]
    assert "Going on from 3." in caplog.text


@pytest.mark.parametrize("feed", ["normal", "longpoll", "continuous"])
def test_feed_that_breaks_off_behind_all_that_is_wanted(line, feed):
    line.answers.append(reply(answer(row(1), row(2))[:-20]))
    assert [change.seq for change in SyncGateway.changes(limit=2, feed=feed)] == ["1", "2"]
    assert len(line.seen) == 1


def test_feed_that_breaks_off_again_and_again(line, settings):
    use(settings, line.url, retries=2)
    line.answers += [cut(answer(row(3), row(4))[:70]), *[cut(answer()[:20])] * 10]
    feed = SyncGateway.changes()
    assert next(feed).seq == "3"
    with pytest.raises(SyncGatewayUnavailable) as caught:
        next(feed)
    check_refused(caught.value, "SYNC_GATEWAY_URL")
    assert [asked(request)["since"] for request in line.seen] == ["0", "3", "3"]


@pytest.mark.parametrize(
    "text",
    [b"[]", b"{}", b"<html>", b'{"results":{}}', b'{"results":[]}', b'{"results":[1],"last_seq":1}',
     answer({"seq": 1, "id": "a"}), answer({"id": "a", "changes": []}),
     answer(row(3, doc={"_id": "another"})), answer(row(True)), answer(row([1])),
     b'{"results":[' + b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_feed(line, settings, text):
    use(settings, line.url, retries=0)
    line.answers += [reply(text)]
    with pytest.raises(SyncGatewayUnavailable) as caught:
        list(SyncGateway.changes())
    check_refused(caught.value, "SYNC_GATEWAY_URL")


def test_row_without_end(line, settings):
    use(settings, line.url, retries=0, max_bytes=100_000)
    line.answers += [cut(answer(row(3, doc={"_id": "d3", "text": "x" * 300_000})))]
    with pytest.raises(SyncGatewayUnavailable, match="more than 100000 bytes"):
        list(SyncGateway.changes())


def test_rows_of_the_gateways_own(line):
    """They are none of anybody's documents, and count for the limit of the gateway's alone."""
    user = {"seq": 4, "id": "_user/ann", "changes": []}
    line.answers += [reply(answer(row(3), user, last="4")), reply(answer(row(7), last="7"))]
    feed = SyncGateway.changes(limit=2)
    assert [change.seq for change in feed] == ["3", "7"]
    assert [asked(request)["limit"] for request in line.seen] == ["2", "1"]


def test_waits_of_a_long_poll(line, settings):
    """The gateway is asked to answer before the connection counts as broken."""
    use(settings, line.url, timeout=3)
    line.answers += [reply(answer(last="0")), reply(answer(row(3), last="3"))]
    assert [change.seq for change in SyncGateway.changes(feed="longpoll")] == ["3"]
    assert [asked(request)["timeout"] for request in line.seen] == ["2000", "2000"]
    assert {asked(request)["feed"] for request in line.seen} == {"longpoll"}


def test_deadlines(line, settings):
    """A feed may take longer than a call may; the caller's own deadline ends it."""
    use(settings, line.url, deadline=0.2, retries=0)
    data = answer(*map(row, range(100)))

    def dripping():
        yield head(Content_Length=len(data), Connection="close")
        yield from slowly(data[at : at + 100] for at in range(0, len(data), 100))

    line.answers += [dripping(), dripping()]
    assert len(list(SyncGateway.changes())) == 100
    with within(0.1), pytest.raises(SyncGatewayUnavailable):
        list(SyncGateway.changes())
