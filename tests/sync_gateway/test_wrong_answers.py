"""Answers to something else: repeated, kept back or swapped on the way. None is believed."""

from __future__ import annotations

import secrets
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from urllib3.exceptions import ClosedPoolError

from django_cbtools.models import query_view
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayAnswerLost,
    SyncGatewayException,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway.calls.client import PUBLIC
from django_cbtools.sync_gateway.transport.transport import transport
from tests.gateway.fuzz.process import ServerProcess
from tests.sync_gateway.faults.proxy import FINE, Fault, Proxy, Script
from tests.sync_gateway.faults.rival import Rival
from tests.sync_gateway.scripted import HTTP, READS, WRITES, reply, rev_of, save_answer, use
from tests.testapp.models import CBArticle

PREVIOUS, REPEATED, SWAPPED = (
    Fault("all", "previous"),
    Fault("all", "repeated"),
    Fault("all", "swapped"),
)
MIXED = [PREVIOUS, REPEATED, SWAPPED]
REV = "1-0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def server(tmp_path_factory: Any) -> Any:
    with ServerProcess(tmp_path_factory.mktemp("wrong") / "documents.sqlite3") as server:
        yield server
        assert server.stop() == 0
        assert server.log() == ""


@pytest.fixture
def line(server: Any, settings: Any) -> Any:
    """A proxy before a gateway's public port, and a document that has been asked for by it."""
    with Proxy(server.urls[0]) as proxy:
        settings.SYNC_GATEWAY_URL, settings.SYNC_GATEWAY_ADMIN_URL = proxy.url, server.urls[1]
        settings.SYNC_GATEWAY_OPTIONS = {"timeout": 2, "backoff": 0.001, "deadline": 600}
        settings.COUCHBASE_DATABASE = "plain"
        SyncGateway.put_admin_user()
        yield proxy


def article(title: str = "one") -> CBArticle:
    made = CBArticle(uid=f"d{secrets.token_hex(8)}", title=title, channels=["a"])
    made.save()
    return made


# ------------------------------------------------------ a line that mixes answers up


@pytest.mark.parametrize("fault", MIXED, ids=str)
def test_no_document_is_taken_for_another(line: Proxy, fault: Fault) -> None:
    articles = [article(str(number)) for number in range(4)]
    wrong = 0
    for number in range(60):
        wanted = articles[number % 4]
        line.choose = Script(fault if number % 5 == 1 else FINE)
        try:
            found = CBArticle(wanted.uid)
        except SyncGatewayUnavailable:
            wrong += 1
        else:
            assert found.title == wanted.title
    # The connection has not been used again: nothing that was asked after it was wrong.
    assert wrong == 12


def test_connections_are_closed_though_the_exception_is_kept(line: Proxy) -> None:
    """The traceback refers to the answer, which refers to the pool that its connection is from."""
    wanted, other = article(), article()
    together = threading.Barrier(3)
    line.choose = Script(*[Fault("all", "all", then=together.wait)] * 3)
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(CBArticle, [wanted.uid] * 3))
    adapter: Any = transport().session.get_adapter(line.url)
    pools = adapter.poolmanager.pools
    (pool,) = [pool for pool in map(pools.get, pools.keys()) if line.url.endswith(f":{pool.port}")]
    idle = [connection for connection in pool.pool.queue if connection is not None]
    assert len(idle) == 3
    line.choose = Script(SWAPPED)
    with pytest.raises(SyncGatewayUnavailable):
        CBArticle(other.uid)
    assert [connection.sock for connection in idle] == [None] * 3
    with pytest.raises(ClosedPoolError):
        pool.urlopen("GET", "/")
    assert CBArticle(wanted.uid).title == "one"


@pytest.mark.parametrize("fault", MIXED, ids=str)
@pytest.mark.parametrize("other", ["load", "save", "same"])
def test_a_write_is_settled(line: Proxy, server: Any, fault: Fault, other: str) -> None:
    """Whatever was asked for before: its revision is right, and it has been done once."""
    document, another = article(), article()
    if other == "load":
        CBArticle(another.uid)
    elif other == "save":
        another.save()
    else:
        document.title = "two"
        document.save()
    line.seen.clear()
    line.choose = Script(fault)
    document.title = "changed"
    document.save()
    assert line.asked == [f"PUT {document.uid}", "POST _revs_diff"]
    assert document.rev == Rival(server.urls[1]).rev(document.uid)
    assert CBArticle(document.uid).title == "changed"


@pytest.mark.parametrize("fault", MIXED, ids=str)
def test_a_bulk_write_is_settled(line: Proxy, fault: Fault) -> None:
    CBArticle.objects.none()
    SyncGateway.save_documents([CBArticle(uid=f"x{secrets.token_hex(8)}", channels=["a"])])
    documents = [CBArticle(uid=f"d{secrets.token_hex(8)}", channels=["a"]) for _ in range(3)]
    line.choose = Script(fault)
    SyncGateway.save_documents(documents)
    assert [CBArticle(document.uid).rev for document in documents] == [
        document.rev for document in documents
    ]


@pytest.mark.parametrize("fault", MIXED, ids=str)
def test_a_deletion_is_settled(line: Proxy, fault: Fault) -> None:
    gone, other = article(), article()
    line.choose = Script(fault)
    gone.hard_delete()
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(gone.uid)
    CBArticle(other.uid)


def test_what_became_of_a_write_is_not_taken_from_an_answer_about_another(line: Proxy) -> None:
    """``_revs_diff`` of a write that was done says nothing: so would an answer to any of them."""
    done, lost = article(), article()
    line.choose = Script(Fault("all"))
    done.save()
    line.choose = Script(Fault("nothing"), SWAPPED)
    lost.title = "changed"
    lost.save()
    assert CBArticle(lost.uid).title == "changed"


# -------------------------------------------------------------- single answers

ROW = {"id": "a", "key": "a", "value": {"rev": REV}, "doc": {"_id": "a", "_rev": REV}}


def rows(**changes: Any) -> dict[str, Any]:
    return {"rows": [{**ROW, **changes}]}


OTHERS: dict[str, tuple[Any, list[Any]]] = {
    "all_docs": (
        lambda: SyncGateway.all_docs(["a"]),
        [
            rows(key="b"),
            rows(id="b"),
            rows(doc={"_id": "b", "_rev": REV}),
            rows(doc={"_id": "a", "_rev": "2-x"}),
            rows(value=5),
            {"rows": [{"key": "b", "error": "not_found", "status": 404}]},
            {"rows": [5]},
            {"rows": []},
        ],
    ),
    "really all": (
        lambda: SyncGateway.all_docs(None, really_all=True),
        [rows(id="b"), rows(doc={"_id": "b"}), {"rows": [None]}],
    ),
    "revisions": (
        lambda: SyncGateway.get_revisions("a"),
        [{"_id": "b", "_rev": REV}, {"rows": []}, [], rows()],
    ),
    "leaves": (lambda: SyncGateway.get_leaves("a"), [{"rows": []}, {"results": [{"id": "a"}]}]),
    "user": (lambda: SyncGateway.get_user("ann"), [{"name": "bob"}, [], ["ann"]]),
    "users": (SyncGateway.get_users, [{"name": "ann"}, [5], {"rows": []}]),
    "session": (lambda: SyncGateway.create_session("ann"), [{}, {"name": "ann"}, []]),
    "view by key": (
        lambda: query_view("by_type", "x"),
        [
            {"rows": [{"id": "a", "key": "y", "value": None}]},
            {"rows": [{"id": "a", "key": ["x"], "value": None}]},
            {"rows": [{"id": "a"}]},
            {"rows": [5]},
        ],
    ),
    "view by keys": (
        lambda: query_view("by_type", None, {"keys": ["x", "y"]}),
        [{"rows": [{"id": "a", "key": "z", "value": None}]}],
    ),
    "limited view": (
        lambda: query_view("by_type", None, {"limit": 1}),
        [{"rows": [{"id": uid, "key": "z", "value": None} for uid in "ab"]}],
    ),
}


@pytest.mark.parametrize(
    ("call", "answer"),
    [(call, answer) for call, answers in OTHERS.values() for answer in answers],
    ids=[name for name, (_, answers) in OTHERS.items() for _ in answers],
)
def test_answer_to_something_else(settings: Any, call: Any, answer: Any) -> None:
    with HTTP(lambda request: reply(answer)) as gateway:
        use(settings, gateway.url, retries=0)
        for _ in range(2):
            with pytest.raises(SyncGatewayUnavailable, match="Look at SYNC_GATEWAY_URL"):
                call()
        # Each by a connection of its own.
        assert len(set(gateway.peers)) == 2


@pytest.mark.parametrize("name", ["save", "bulk", "delete"])
@pytest.mark.parametrize("wrong", ["id", "rev", "generation", "no id"])
def test_answer_to_another_write(settings: Any, name: str, wrong: str) -> None:
    """It is asked what became of the write, and the answer tells."""
    written: list[Any] = []

    def answer(request: Any) -> bytes:
        if request.place == "_revs_diff" or written:
            return save_answer(request)
        written.append(request)
        bulk = request.place == "_bulk_docs"
        row = {"id": "a", "ok": True, "rev": rev_of({"_rev": REV, "_deleted": True, "b": 1})}
        if name != "delete":
            row["rev"] = rev_of({"b": 1})
        if wrong == "id":
            row["id"] = "b"
        elif wrong == "generation":
            row["rev"] = "7-" + row["rev"][2:]
        elif wrong == "no id":
            del row["id"]
        return reply([row] if bulk else row, 201)

    with HTTP(answer) as gateway:
        use(settings, gateway.url)
        WRITES[name]()
        # A revision that is no first one may go on from a tombstone: its history tells.
        history = ["_bulk_get"] if wrong == "generation" and name != "delete" else []
        assert [request.place for request in gateway.seen[1:]] == [*history, "_revs_diff"]


def test_a_document_that_goes_on_from_a_tombstone(line: Proxy, server: Any) -> None:
    """Its revision is not known beforehand, and looked up."""
    gone = article()
    uid = gone.uid
    gone.hard_delete()
    line.seen.clear()
    again = CBArticle(uid=uid, title="again", channels=["a"])
    again.save()
    assert line.asked == [f"PUT {uid}", "POST _bulk_get"]
    assert again.rev == Rival(server.urls[1]).rev(uid)


def test_a_conflict_beside_a_document_that_goes_on_from_a_tombstone(
    line: Proxy, server: Any
) -> None:
    """It stays one, though the same was written before the document was deleted."""
    uid = article().uid
    body = {"_id": uid, "title": "same", "channels": ["a"]}
    CBArticle(uid).hard_delete()
    (first,) = SyncGateway.bulk_docs([body])
    SyncGateway.delete_document(uid, first["rev"])
    line.seen.clear()
    rows = SyncGateway.bulk_docs([{**body, "title": "another"}, body, {**body, "_id": uid + "2"}])
    assert ["rev" in row for row in rows] == [True, False, True]
    assert rows[0]["rev"] == Rival(server.urls[1]).rev(uid)
    assert line.asked == ["POST _bulk_docs", "POST _bulk_get"]


def test_a_wrong_answer_about_a_document_that_goes_on_from_a_tombstone(
    line: Proxy, server: Any
) -> None:
    """It names what somebody else has made of the tombstone."""
    uid, rival = article().uid, Rival(server.urls[1])
    CBArticle(uid).hard_delete()
    theirs = rival.save(uid, rival.leaves(uid)[0]["_rev"], title="theirs")
    rival.delete(uid, theirs)
    line.choose = Script(Fault("all", reply({"id": uid, "ok": True, "rev": theirs}, 201)))
    again = CBArticle(uid=uid, title="again", channels=["a"])
    again.save()
    assert again.rev == rival.rev(uid)
    assert again.rev != theirs


def test_a_gateway_with_other_digests(settings: Any) -> None:
    """Its revisions are not ours, but its documents are: that is looked up."""
    rev, document = "1-" + "f" * 32, {}

    def answer(request: Any) -> bytes:
        if request.place == "_revs_diff":
            return reply({uid: {"missing": revs} for uid, revs in request.json.items()})
        if request.method == "PUT":
            document.update(request.json)
            return reply({"id": "a", "ok": True, "rev": rev}, 201)
        past = {"start": 1, "ids": ["f" * 32]}
        return reply([{"ok": {"_id": "a", "_rev": rev, "_revisions": past, **document}}])

    with HTTP(answer) as gateway:
        use(settings, gateway.url)
        saved = CBArticle(uid="a", channels=["c"])
        saved.save()
        assert saved.rev == rev


@pytest.mark.parametrize("name", WRITES)
def test_all_answers_are_others(settings: Any, name: str) -> None:
    with HTTP(lambda request: reply(ROW, 201)) as gateway:
        use(settings, gateway.url, deadline=0.2)
        with pytest.raises(SyncGatewayAnswerLost) as caught:
            WRITES[name]()
        assert isinstance(caught.value, SyncGatewayException)


def test_right_answers_keep_their_connection(settings: Any) -> None:
    with HTTP(save_answer) as gateway:
        use(settings, gateway.url)
        for call in (*READS.values(), *WRITES.values()):
            call()
        assert len(set(gateway.peers)) == 1
        assert transport().address(PUBLIC).url == gateway.url
