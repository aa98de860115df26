"""The query services of a cluster, by the real SDK: the same rows and the same errors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools import cluster
from django_cbtools.cluster import connection
from django_cbtools.query_service import connect, errors
from tests.programs import run
from tests.query_service.node import BUCKET, Node
from tests.query_service.services import body, service
from tests.query_service.stand_in import EXCHANGES, StandIn, recorded
from tests.query_service.test_errors import MEANINGS, PARAMETER
from tests.sync_gateway.scripted import HTTP, USER, check_nothing_secret, head, reply, told

DOCUMENTS = EXCHANGES["documents"]["statement"]
#: What a request is refused for that the SDK does not let one make.
REQUESTS = {"1030", "1040", "1040, too large", "1065"}


@pytest.fixture(autouse=True)
def closed():
    yield
    cluster.close()


@pytest.fixture
def server():
    with StandIn() as server:
        yield server


@pytest.fixture
def node(server):
    with Node(server.port) as node:
        yield node


def ask(node, *statement, **how):
    return list(service(node.address).query(*(statement or (DOCUMENTS, ["a"])), **how))


def check_documents(found):
    assert [key for key, _ in found] == ["a1", "a2", "a3"]
    assert [document["n"] for _, document in found] == [1, 9007199254740993, 0.1]
    assert found[0][1]["title"] == 'Ünï \\ "q" 🍺'


def test_query(server, node):
    rows = service(node.address, timeout=10).query(DOCUMENTS, ["a"])
    check_documents(list(rows))
    assert rows.metrics["resultCount"] == 1
    assert rows.warnings == []
    (sent,) = server.asked
    assert sent["args"] == ["a"]
    assert sent["readonly"] is True
    assert sent["scan_consistency"] == "request_plus"
    assert 5000 < int(sent["timeout"].removesuffix("ms")) <= 10000


def test_what_a_query_says_itself(server, node):
    check_documents(ask(node, DOCUMENTS, ["a"], scan_consistency="not_bounded", prepared=False))
    ask(node, EXCHANGES["write"]["statement"], readonly=False)
    assert server.asked[0]["statement"] == DOCUMENTS
    assert server.asked[0].get("scan_consistency", "not_bounded") == "not_bounded"
    assert server.asked[1].get("readonly", False) is False


def test_rows(server, node):
    assert ask(node, EXCHANGES["no rows"]["statement"], ["none"]) == []
    many = service(node.address).query(EXCHANGES["many rows"]["statement"], [30])
    assert next(many) == [0, "é"]
    assert list(many) == [[n, "é"] for n in range(1, 30)]
    rows = service(node.address).query(EXCHANGES["warning"]["statement"], [1])
    assert list(rows) == [[None]]
    assert [warning["code"] for warning in rows.warnings] == [5036]
    with service(node.address).query(EXCHANGES["many rows"]["statement"], [30]) as rows:
        assert next(rows) == [0, "é"]
    assert list(rows) == []
    assert connection._users == 0


def test_numbers():
    answer = body(0).replace(b"\n0\n", b"\n12345678901234567890, 1.10, 1e2\n")
    with HTTP(lambda request: reply(answer)) as server, Node(server.port) as node:
        assert repr(ask(node)) == "[12345678901234567890, 1.1, 100.0]"


def test_no_plans(server, node):
    """The SDK waits without end for one that has been forgotten."""
    for _ in range(3):
        check_documents(ask(node))
    assert [sent["statement"] for sent in server.asked] == [DOCUMENTS] * 3


def test_reads_are_asked_for_again():
    busy = body(status="fatal", errors=[{"code": 1201, "msg": "Request queue full"}])
    cut = [head(Content_Length=1000), body(1)]
    for answer in (reply(busy, 429), reply(b"busy", 503), cut):
        answers = [answer, recorded("documents"), answer]
        with HTTP(lambda request: answers.pop(0)) as server, Node(server.port) as node:  # noqa: B023
            check_documents(ask(node))
            with pytest.raises(errors.OperationalError):
                ask(node, "SELECT 1", readonly=False)
            assert len(server.seen) == 3


@pytest.mark.parametrize("name", sorted(set(MEANINGS) - REQUESTS))
def test_codes(name):
    kind, words = MEANINGS[name]
    asked = EXCHANGES[name]
    answer = reply(asked["body"].encode(), asked["status"])
    with (
        HTTP(lambda request: answer) as server,
        Node(server.port) as node,
        pytest.raises(errors.Error) as caught,
    ):
        ask(node, asked["statement"], [PARAMETER], prepared=False)
    error = caught.value
    assert type(error) is kind
    assert f"(code {error.code})" in str(error)
    assert words in str(error)
    assert error.statement == asked["statement"]
    check_nothing_secret(told(error))
    assert PARAMETER not in told(error)


@pytest.mark.parametrize("name", ["1080, after rows", "5010, after rows"])
def test_failures_after_rows(server, node, name):
    found = []
    with pytest.raises(errors.DatabaseError) as caught:
        found.extend(ask(node, EXCHANGES[name]["statement"]))
    assert found == []
    assert str(caught.value.code) == name[:4]


def test_cut_answers():
    answer = body([1], [2], [3])
    ends = [10, answer.index(b"[2]"), answer.index(b"]\n]") + 2, len(answer) - 3]
    cuts = iter(ends)
    with (
        HTTP(lambda request: [head(Content_Length=len(answer)) + answer[: next(cuts)]]) as server,
        Node(server.port) as node,
    ):
        for _ in ends:
            with pytest.raises(errors.OperationalError):
                ask(node, "SELECT 1", readonly=False)


def test_no_answer_in_time():
    def answer(request):
        waiting.append(request)
        while not server_done:
            pass

    waiting, server_done = [], []
    with HTTP(answer) as server, Node(server.port) as node:
        with pytest.raises(errors.OperationalError, match=r"OPTIONS\['timeout'\]") as caught:
            ask(node, "SELECT 1", timeout=0.8)
        server_done.append(True)
        assert caught.value.code == 1080
        assert waiting


def test_parameters_are_refused_here(server, node):
    with pytest.raises(errors.DataError, match=r"\$1 \(float\)"):
        ask(node, "SELECT $1", [float("nan")])
    assert server.seen == []


# ---------------------------------------------------------------------- logins


def entry(node, **others):
    return {"HOST": node.address, "NAME": BUCKET, "USER": USER, "PASSWORD": "wrong", **others}


def test_wrong_password(node):
    with pytest.raises(errors.OperationalError, match="are USER and PASSWORD right") as caught:
        list(connect(entry(node)).query(DOCUMENTS, ["a"]))
    assert "wrong" not in str(caught.value)


def test_no_user(node):
    with pytest.raises(ImproperlyConfigured, match="Set USER"):
        list(connect(entry(node, USER="")).query(DOCUMENTS, ["a"]))


def test_no_cluster(server):
    with Node(server.port) as node:
        pass
    with pytest.raises(errors.OperationalError, match="Is HOST right"):
        list(service(node.address, connect_timeout=0.3).query(DOCUMENTS, ["a"]))


# ------------------------------------------------------------------------- TLS


def test_tls(ca):
    with StandIn(ca.server()) as server, Node(server.port, ca.server()) as node:
        assert node.address.startswith("couchbases://")
        check_documents(list(service(node.address, verify=ca.file).query(DOCUMENTS, ["a"])))


def test_not_trusted(ca, tmp_path):
    with StandIn(ca.server()) as server, Node(server.port, ca.server()) as node:
        asked = service(node.address, connect_timeout=0.5)
        with pytest.raises(errors.OperationalError):
            list(asked.query(DOCUMENTS, ["a"]))
        assert server.seen == []


# ------------------------------------------------------- threads and processes


def test_threads_share_the_cluster(server, node):
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(lambda _: ask(node), range(24)):
            check_documents(found)
    assert len(connection._connections) == 1


def test_importing_does_not_import_the_sdk():
    program = (
        "import sys; from django.conf import settings; settings.configure()\n"
        "from django_cbtools.query_service import connect\n"
        "connect({'HOST': 'http://a'}), connect({'HOST': 'couchbase://a'})\n"
        "print('couchbase' in sys.modules)"
    )
    assert run("-c", program) == "False\n"
