"""Reads are tried again, writes are not: what is sent, how often, where, and when."""

from __future__ import annotations

import time
from contextlib import ExitStack
from email.utils import formatdate
from itertools import pairwise

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway.calls.client import PUBLIC, request
from tests.gateway.fuzz.process import ServerProcess
from tests.pairs import pairs
from tests.ports import free_ports
from tests.sync_gateway.faults.proxy import Fault, Proxy, Script, page, says
from tests.sync_gateway.faults.rival import Rival
from tests.sync_gateway.scripted import GIVING_UP
from tests.testapp.models import CBArticle

NOWHERE = "http://127.0.0.1:9"
CUT = Fault("nothing")
RESET = Fault("nothing", reset=True)
OPTIONS = {"timeout": 5, "retries": 3, "backoff": 0.001, "deadline": 600}


ROWS = says(200, {"name": "ann", "rows": [{"key": "a", "error": "not_found", "status": 404}]})


@pytest.fixture
def scripted(settings):
    """Makes gateways that answer by a script; the settings name the last one."""
    with ExitStack() as stack:

        def make(*faults, **options):
            proxy = stack.enter_context(
                Proxy(NOWHERE, Script(*faults, afterwards=options.pop("afterwards", ROWS)))
            )
            settings.SYNC_GATEWAY_URL = settings.SYNC_GATEWAY_ADMIN_URL = proxy.url
            settings.SYNC_GATEWAY_OPTIONS = OPTIONS | options
            settings.COUCHBASE_DATABASE = "plain"
            return proxy

        yield make


# ------------------------------------------------------------------ what is tried again

FAILURES = {
    "cut": CUT,
    "reset": RESET,
    "429": Fault("nothing", page(429)),
    "502": Fault("nothing", page(502)),
    "503": Fault("nothing", page(503)),
    "504": Fault("nothing", page(504)),
    "503 from a gateway": says(503, {"error": "Service Unavailable", "reason": "starting"}),
}
READS = {
    "GET": lambda: SyncGateway.all_docs(None, really_all=True),
    "POST _all_docs": lambda: SyncGateway.all_docs(["a"]),
    "POST _revs_diff": lambda: request(PUBLIC, "POST", "_revs_diff", body={"a": ["1-a"]}),
    "POST _bulk_get": lambda: request(PUBLIC, "POST", "_bulk_get", body={"docs": []}),
    "POST _changes": lambda: request(PUBLIC, "POST", "_changes", body={}),
    "a user": lambda: SyncGateway.get_user("ann"),
}


@pytest.mark.parametrize(("failure", "read"), pairs(FAILURES, READS))
def test_reads_are_tried_again(scripted, read, failure):
    gateway = scripted(FAILURES[failure], FAILURES[failure])
    READS[read]()
    assert len(gateway.seen) == 3
    assert len({request.data for request, _ in gateway.seen}) == 1


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_reads_are_given_up(scripted, failure):
    gateway = scripted(afterwards=failure)
    with pytest.raises(SyncGatewayUnavailable, match=r"SYNC_GATEWAY_URL|503|429|502|504"):
        SyncGateway.all_docs(["a"])
    assert len(gateway.seen) == 1 + OPTIONS["retries"]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
def test_no_retries(scripted, failure):
    gateway = scripted(failure, retries=0)
    with pytest.raises(SyncGatewayUnavailable):
        SyncGateway.all_docs(["a"])
    assert len(gateway.seen) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, SyncGatewayBadRequest),
        (404, SyncGatewayNotFound),
        (500, SyncGatewayUnavailable),
        (501, SyncGatewayUnavailable),
        (418, SyncGatewayException),
    ],
)
def test_other_answers_are_answers(scripted, status, error):
    gateway = scripted(says(status, {"error": "x", "reason": "y"}))
    with pytest.raises(error) as caught:
        SyncGateway.all_docs(["a"])
    assert caught.value.status == status
    assert len(gateway.seen) == 1


def test_error_after_retries_says_what_came_last(scripted):
    scripted(CUT, afterwards=says(503, {"error": "Service Unavailable", "reason": "starting"}))
    with pytest.raises(SyncGatewayUnavailable) as caught:
        SyncGateway.all_docs(["a"])
    assert caught.value.status == 503


WRITES = {
    "PUT": lambda: SyncGateway.save_json("a", {"n": 1}),
    "DELETE": lambda: SyncGateway.delete_document("a", "1-0123456789abcdef0123456789abcdef"),
    "POST _bulk_docs": lambda: SyncGateway.bulk_docs([{"_id": "a"}]),
    "PUT a user": lambda: SyncGateway.put_user("ann", admin_channels=["a"]),
    "DELETE a user": lambda: SyncGateway.delete_user("ann"),
}


@pytest.mark.parametrize("failure", FAILURES.values(), ids=FAILURES)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_writes_are_not_sent_twice(scripted, write, failure):
    """Not before the gateway has been asked what became of them, which it never answers here."""
    gateway = scripted(failure, afterwards=failure, **GIVING_UP)
    with pytest.raises(SyncGatewayUnavailable):
        write()
    assert len(gateway.seen) > 1
    assert [request.is_write for request, _ in gateway.seen].count(True) == 1
    assert gateway.seen[0][0].is_write


# ------------------------------------------------------------------------- when


def test_pauses_grow(scripted):
    gateway = scripted(CUT, CUT, CUT, CUT, retries=4, backoff=0.05)
    SyncGateway.all_docs(["a"])
    pauses = [after - before for before, after in pairwise(gateway.moments)]
    assert len(pauses) == 4
    # urllib3's rule: the first one is next to none.
    for number, pause in enumerate(pauses[1:], 1):
        assert pause >= 0.05 * 2**number, pauses


def test_pauses_differ(scripted):
    """Many clients that fail at once do not all come back at once."""
    found = []
    for _ in range(8):
        gateway = scripted(CUT, CUT, retries=2, backoff=0.05)
        SyncGateway.all_docs(["a"])
        found.append(gateway.moments[-1] - gateway.moments[0])
    assert max(found) - min(found) > 0.005


@pytest.mark.parametrize(("status", "form"), pairs([429, 503], ["seconds", "date"]))
def test_retry_after_is_honoured(scripted, status, form):
    when = {"seconds": 1, "date": formatdate(time.time() + 2.5, usegmt=True)}[form]
    gateway = scripted(Fault("nothing", page(status, Retry_After=when)))
    SyncGateway.all_docs(["a"])
    first, second = gateway.moments
    assert second - first >= 1


@pytest.mark.parametrize("value", ["0", "soon", "-1", "Mon, 01 Jan 1990 00:00:00 GMT", ""])
def test_retry_after_that_is_no_time_to_come(scripted, value):
    gateway = scripted(Fault("nothing", page(503, Retry_After=value)))
    SyncGateway.all_docs(["a"])
    assert len(gateway.seen) == 2


@pytest.mark.parametrize(
    "value", ["86400", formatdate(time.time() + 86400, usegmt=True)], ids=["seconds", "date"]
)
def test_retry_after_beyond_the_deadline(scripted, value):
    gateway = scripted(afterwards=Fault("nothing", page(503, Retry_After=value)), deadline=1)
    with pytest.raises(SyncGatewayUnavailable):
        SyncGateway.all_docs(["a"])
    assert len(gateway.seen) <= 2


def test_deadline_ends_retries(scripted):
    gateway = scripted(afterwards=CUT, retries=1_000_000, backoff=0.01, deadline=0.5)
    with pytest.raises(SyncGatewayUnavailable):
        SyncGateway.all_docs(["a"])
    assert len(gateway.seen) < 1_000


def test_deadline_ends_settling(scripted):
    gateway = scripted(afterwards=CUT, retries=1_000_000, backoff=0.01, deadline=0.5)
    with pytest.raises(SyncGatewayUnavailable):
        SyncGateway.save_json("a", {})
    assert [request.is_write for request, _ in gateway.seen].count(True) == 1


# ------------------------------------------------------------------------ where


def _free_address():
    return f"http://127.0.0.1:{free_ports(1)[0]}"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("retries") / "documents.sqlite3") as server:
        yield server
        assert server.stop() == 0


@pytest.fixture
def two(server, settings):
    """Two ways to a gateway."""
    with Proxy(server.urls[0]) as first, Proxy(server.urls[0]) as second:
        settings.SYNC_GATEWAY_ADMIN_URL = server.urls[1]
        settings.SYNC_GATEWAY_URL = [first.url, second.url]
        settings.SYNC_GATEWAY_OPTIONS = OPTIONS
        settings.COUCHBASE_DATABASE = "plain"
        SyncGateway.put_admin_user()
        yield first, second


def test_the_first_address_is_used(two):
    first, second = two
    for _ in range(3):
        CBArticle(channels=["a"]).save()
    assert (len(first.seen), len(second.seen)) == (3, 0)


@pytest.mark.parametrize("part", ["head", "body"])
def test_reads_whose_answer_is_cut_are_tried_again(two, part):
    """Half a head looks like an answer with nothing in it."""
    first, second = two
    first.choose = second.choose = Script(Fault("all", part))
    assert SyncGateway.all_docs(["nothing"])["rows"][0]["error"] == "not_found"
    assert len(first.seen) + len(second.seen) == 2


@pytest.mark.parametrize("method", ["read", "write"])
def test_the_next_address_is_tried(two, server, settings, method):
    first, second = two
    settings.SYNC_GATEWAY_URL = [_free_address(), first.url, second.url]
    article = CBArticle(channels=["a"])
    if method == "read":
        SyncGateway.all_docs(["nothing"])
    else:
        article.save()
        (leaf,) = Rival(server.urls[1]).leaves(article.uid)
        assert leaf["history"] == [article.rev]
    assert (len(first.seen), len(second.seen)) == (1, 0)


def test_the_next_admin_address_is_tried(two, server, settings):
    settings.SYNC_GATEWAY_ADMIN_URL = [_free_address(), server.urls[1]]
    SyncGateway.put_user("ann", password="secret")
    assert "ann" in SyncGateway.get_users()


def test_it_stays_with_the_address_that_answers(two):
    first, second = two
    article = CBArticle(channels=["a"])
    article.save()
    first.close()
    article.save()
    assert [str(request) for request, _ in second.seen][-1] == f"PUT {article.uid}"
    count = len(second.seen)
    for _ in range(3):
        article.save()
    assert len(second.seen) == count + 3


def test_all_addresses_are_down(settings):
    settings.SYNC_GATEWAY_URL = [_free_address(), _free_address()]
    settings.SYNC_GATEWAY_OPTIONS = OPTIONS
    settings.COUCHBASE_DATABASE = "plain"
    for call in (
        lambda: SyncGateway.all_docs(["a"]),
        lambda: SyncGateway.save_json("a", {}),
    ):
        with pytest.raises(SyncGatewayUnavailable, match="SYNC_GATEWAY_URL"):
            call()


@pytest.mark.parametrize("fault", [Fault("all"), Fault("nothing")], ids=["arrived", "not arrived"])
def test_a_write_is_settled_at_another_address(two, server, fault):
    """The first one goes down with the answer: the second is asked before anything is sent."""
    first, second = two
    article = CBArticle(channels=["a"])
    article.save()
    rev = article.rev
    first.choose = Script(fault, afterwards=CUT)
    article.title = "two"
    article.save()
    (leaf,) = Rival(server.urls[1]).leaves(article.uid)
    assert leaf["history"] == [rev, article.rev]
    writes = [str(request) for request, _ in second.seen if request.is_write]
    assert writes == ([] if fault.arrives else [f"PUT {article.uid}"])
