"""Writes whose answers do not come: each is settled, and nothing is done twice."""

from __future__ import annotations

import secrets
import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayAnswerLost,
    SyncGatewayBadRequest,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayNotFound,
)
from tests.gateway.fuzz.process import ServerProcess
from tests.sync_gateway.faults.chaos import WRITES
from tests.sync_gateway.faults.proxy import FINE, Fault, Proxy, Request, Script, page, says
from tests.sync_gateway.faults.rival import Rival
from tests.testapp.models import CBArticle

ARRIVED = Fault("all")
NOT_ARRIVED = Fault("nothing")
OPTIONS = {"timeout": 0.5, "retries": 3, "backoff": 0.001, "deadline": 600}


class Line:
    """The proxies before a gateway's two ports, and another client beside them."""

    def __init__(self, public: Proxy, admin: Proxy, rival: Rival) -> None:
        self.public = public
        self.admin = admin
        self.rival = rival

    def lose(self, *faults: Fault) -> None:
        """Do this to the next writes."""
        for proxy in (self.public, self.admin):
            proxy.choose = Script(*faults, picks=lambda request: request.is_write)
            proxy.seen.clear()

    @property
    def asked(self) -> list[str]:
        return self.public.asked

    @property
    def writes(self) -> int:
        """How many writes were sent."""
        return sum(
            request.is_write for proxy in (self.public, self.admin) for request, _ in proxy.seen
        )


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with ServerProcess(tmp_path_factory.mktemp("lost") / "documents.sqlite3") as server:
        yield server
        assert server.stop() == 0
        assert server.log() == ""


@pytest.fixture
def line(server, settings):
    yield from _line(server, settings)


def _line(server, settings):
    with Proxy(server.urls[0]) as public, Proxy(server.urls[1]) as admin:
        settings.SYNC_GATEWAY_URL, settings.SYNC_GATEWAY_ADMIN_URL = public.url, admin.url
        settings.SYNC_GATEWAY_OPTIONS = OPTIONS
        settings.COUCHBASE_DATABASE = "plain"
        SyncGateway.put_admin_user()
        yield Line(public, admin, Rival(server.urls[1]))


@pytest.fixture
def uid():
    return f"d{secrets.token_hex(8)}"


def _article(uid, title="one"):
    return CBArticle(uid=uid, title=title, channels=["a"])


def _saved(uid, title="one"):
    article = _article(uid, title)
    article.save()
    return article


def _history(line, uid):
    (leaf,) = line.rival.leaves(uid)
    return leaf["history"]


def _is_deleted(line, uid):
    (leaf,) = line.rival.leaves(uid)
    return "_deleted" in leaf


# ------------------------------------------------------------- how answers are lost


def test_an_answer_that_comes_takes_one_request(line, uid):
    article = _saved(uid)
    assert line.asked == [f"PUT {uid}"]
    article.save()
    assert line.asked == [f"PUT {uid}"] * 2
    SyncGateway.delete_document(uid, article.rev)
    assert line.asked == [f"PUT {uid}"] * 2 + [f"DELETE {uid}"]
    CBArticle.objects.bulk_create([_article(f"{uid}-1"), _article(f"{uid}-2")])
    assert line.asked[3:] == ["POST _bulk_docs"]


every_fault = pytest.mark.parametrize("fault", WRITES, ids=str)


def _check_settled(line, fault):
    """It has asked once what became of the write, and sent it again only if it had not arrived."""
    assert line.writes == (1 if fault.arrives else 2)
    assert line.asked.count("POST _revs_diff") == 1
    if fault.arrives:
        assert len(line.asked) == 2


@every_fault
def test_create(line, uid, fault):
    line.lose(fault)
    article = _saved(uid)
    _check_settled(line, fault)
    assert _history(line, uid) == [article.rev]


@every_fault
def test_update(line, uid, fault):
    article = _saved(uid)
    first = article.rev
    line.lose(fault)
    article.title = "two"
    article.save()
    _check_settled(line, fault)
    assert _history(line, uid) == [first, article.rev]
    assert line.rival.leaves(uid)[0]["title"] == "two"


@every_fault
def test_delete(line, uid, fault):
    article = _saved(uid)
    line.lose(fault)
    SyncGateway.delete_document(uid, article.rev)
    _check_settled(line, fault)
    assert _is_deleted(line, uid)
    assert len(_history(line, uid)) == 2


@every_fault
def test_bulk(line, uid, fault):
    old = _saved(f"{uid}-old")
    first = old.rev
    line.lose(fault)
    new = _article(f"{uid}-new")
    SyncGateway.save_documents([new, old])
    _check_settled(line, fault)
    assert _history(line, new.uid) == [new.rev]
    assert _history(line, old.uid) == [first, old.rev]


@every_fault
def test_put_user(line, uid, fault):
    line.lose(fault)
    assert SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    assert sorted(SyncGateway.get_user(uid)["admin_channels"]) == ["public", "x"]


@every_fault
def test_append_channels(line, uid, fault):
    SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    line.lose(fault)
    assert SyncGateway.append_channels(uid, ["y"])
    assert sorted(SyncGateway.get_user(uid)["admin_channels"]) == ["public", "x", "y"]


@every_fault
def test_remove_channels(line, uid, fault):
    SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    line.lose(fault)
    assert SyncGateway.remove_channels(uid, ["x"])
    assert SyncGateway.get_user(uid)["admin_channels"] == ["public"]


@every_fault
def test_delete_user(line, uid, fault):
    SyncGateway.put_user(uid, password="secret")
    line.lose(fault)
    assert SyncGateway.delete_user(uid)
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user(uid)


def test_several_lost_in_a_row(line, uid):
    line.lose(NOT_ARRIVED, NOT_ARRIVED, ARRIVED)
    article = _saved(uid)
    assert _history(line, uid) == [article.rev]
    assert line.writes == 3


def test_requests_that_settle_are_lost_as_well(line, uid):
    article = _saved(uid)
    first = article.rev
    line.public.choose = Script(
        NOT_ARRIVED, NOT_ARRIVED, ARRIVED, Fault("all", "body"), FINE, NOT_ARRIVED, ARRIVED, FINE,
        Fault("all"), ARRIVED, FINE,
    )  # fmt: skip
    article.save()
    assert _history(line, uid) == [first, article.rev]


WRONG = {
    "page": Fault("nothing", page(200)),
    "half": Fault("all", "unframed"),
    "empty": Fault("all", "empty"),
    "another's": says(200, {"status": "up"}),
    "list": says(200, [{"status": "up"}]),
    "null": says(200, None),
    "text": says(200, "up"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("number", [1, 2, 3])
def test_settling_takes_no_wrong_answer_for_one(line, uid, wrong, number):
    """Whichever of its requests has it: `_revs_diff` tells only of what is missing."""
    article = _saved(uid)
    first = article.rev
    line.public.choose = Script(NOT_ARRIVED, *[FINE] * (number - 1), wrong)
    article.save()
    assert _history(line, uid) == [first, article.rev]


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_settling_takes_no_wrong_answer_for_a_conflict(line, uid, wrong):
    line.public.choose = Script(NOT_ARRIVED, FINE, wrong)
    article = _saved(uid)
    assert _history(line, uid) == [article.rev]


@pytest.mark.parametrize("text", ['{"status": "up"}', "[]", "null", "1", '"up"', '[{"a": 1}]'])
def test_json_of_others_is_no_answer(line, uid, text):
    """Something on the way says that all is well, in JSON."""
    fault = Fault("nothing", page(200, text))
    line.lose(fault)
    article = _saved(uid)
    assert _history(line, uid) == [article.rev]
    line.lose(fault)
    SyncGateway.save_documents([article])
    assert _history(line, uid)[1:] == [article.rev]
    line.lose(fault)
    SyncGateway.delete_document(uid, article.rev)
    assert _is_deleted(line, uid)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_settling_is_refused(line, uid, settings, status):
    """As by a gateway that starts again, and does not know its database yet."""
    refusal = says(status, {"error": "x", "reason": "no such database"})
    settings.SYNC_GATEWAY_OPTIONS = OPTIONS | {"deadline": 0.5}
    line.lose()
    line.public.choose = Script(ARRIVED, afterwards=refusal)
    with pytest.raises(SyncGatewayAnswerLost) as caught:
        _saved(uid)
    assert caught.value.uid == uid
    assert line.writes == 1


def test_gateway_that_stays_away(line, uid, settings):
    article = _saved(uid)
    rev = article.rev
    settings.SYNC_GATEWAY_OPTIONS = OPTIONS | {"deadline": 0.5}
    line.lose()
    line.public.choose = Script(afterwards=NOT_ARRIVED)
    with pytest.raises(SyncGatewayAnswerLost, match=uid) as caught:
        article.save()
    assert caught.value.uid == uid
    assert article.rev == rev
    assert line.writes == 1


def test_error_answers_are_answers(line, uid):
    """A gateway that refuses has not lost anything."""
    article = _saved(uid)
    line.rival.save(uid, article.rev, title="other")
    line.lose()
    with pytest.raises(SyncGatewayConflict):
        article.save()
    assert line.asked == [f"PUT {uid}"]
    with pytest.raises(SyncGatewayBadRequest):
        SyncGateway.save_json(uid, {"_sync": 1})
    assert line.asked == [f"PUT {uid}"] * 2


@pytest.mark.parametrize("part", ["unframed", "empty"])
def test_a_conflict_whose_answer_is_cut(line, uid, part):
    """It has the status, and no JSON: a page of anybody's would look the same."""
    article = _saved(uid)
    line.rival.save(uid, article.rev, title="other")
    for write in (article.save, lambda: SyncGateway.delete_document(uid, article.rev)):
        line.lose(Fault("all", part))
        with pytest.raises(SyncGatewayConflict):
            write()
        assert line.writes == 1
    line.lose(Fault("all", part))
    with pytest.raises(SyncGatewayConflict):
        _saved(uid)
    assert len(_history(line, uid)) == 2


# --------------------------------------------------------------- others write as well


def _lost(line, fault, then):
    """The next write is lost, and something else happens before the client can ask about it."""
    line.lose(Fault(fault.reaches, fault.answer, then=then))


def test_update_that_others_went_on_from(line, uid):
    article = _saved(uid)
    first = article.rev

    def others():
        rev = line.rival.leaves(uid)[0]["_rev"]
        for title in ("two", "three"):
            rev = line.rival.save(uid, rev, title=title)

    _lost(line, ARRIVED, others)
    article.save()
    history = _history(line, uid)
    assert history[:2] == [first, article.rev]
    assert len(history) == 4
    assert line.asked == [f"PUT {uid}", "POST _revs_diff"]
    # What it holds is stale now.
    with pytest.raises(SyncGatewayConflict):
        article.save()


def test_update_that_others_came_before(line, uid):
    article = _saved(uid)
    first = article.rev
    _lost(line, NOT_ARRIVED, lambda: line.rival.save(uid, first, title="other"))
    with pytest.raises(SyncGatewayConflict) as caught:
        article.save()
    assert (caught.value.status, caught.value.uid) == (409, uid)
    assert article.rev == first
    assert len(_history(line, uid)) == 2
    assert line.writes == 1


def test_update_of_what_others_deleted(line, uid):
    article = _saved(uid)
    first = article.rev
    _lost(line, NOT_ARRIVED, lambda: line.rival.delete(uid, first))
    with pytest.raises(SyncGatewayConflict):
        article.save()
    assert _is_deleted(line, uid)


def test_update_that_others_deleted(line, uid):
    article = _saved(uid)
    _lost(line, ARRIVED, lambda: line.rival.delete(uid, line.rival.leaves(uid)[0]["_rev"]))
    article.save()
    history = _history(line, uid)
    assert history[1] == article.rev
    assert len(history) == 3
    assert _is_deleted(line, uid)


def test_create_that_others_came_before(line, uid):
    _lost(line, NOT_ARRIVED, lambda: line.rival.save(uid, None, title="other"))
    with pytest.raises(SyncGatewayConflict):
        _saved(uid)
    assert len(_history(line, uid)) == 1
    assert line.writes == 1


def test_create_that_others_went_on_from(line, uid):
    _lost(line, ARRIVED, lambda: line.rival.save(uid, line.rival.leaves(uid)[0]["_rev"], title="x"))
    article = _saved(uid)
    history = _history(line, uid)
    assert history[0] == article.rev
    assert len(history) == 2


def test_create_that_others_deleted(line, uid):
    _lost(line, ARRIVED, lambda: line.rival.delete(uid, line.rival.leaves(uid)[0]["_rev"]))
    article = _saved(uid)
    assert _history(line, uid)[0] == article.rev
    assert _is_deleted(line, uid)
    assert line.writes == 1


def test_create_is_no_resurrection(line, uid):
    _lost(
        line,
        NOT_ARRIVED,
        lambda: line.rival.delete(uid, line.rival.save(uid, None, title="other")),
    )
    with pytest.raises(SyncGatewayConflict):
        _saved(uid)
    assert _is_deleted(line, uid)
    assert line.writes == 1


def test_recreated(line, uid):
    """A document is made anew, and goes on from its tombstone: its revision is no first one."""
    article = _saved(uid)
    SyncGateway.delete_document(uid, article.rev)
    line.lose(ARRIVED)
    again = _saved(uid, "again")
    history = _history(line, uid)
    assert len(history) == 3
    assert history[2] == again.rev
    assert line.writes == 1


def test_recreated_and_changed_by_others(line, uid):
    article = _saved(uid)
    SyncGateway.delete_document(uid, article.rev)
    _lost(line, ARRIVED, lambda: line.rival.save(uid, line.rival.leaves(uid)[0]["_rev"], title="x"))
    again = _saved(uid, "again")
    history = _history(line, uid)
    assert len(history) == 4
    assert history[2] == again.rev


def test_recreated_and_deleted_by_others(line, uid):
    article = _saved(uid)
    SyncGateway.delete_document(uid, article.rev)
    _lost(line, ARRIVED, lambda: line.rival.delete(uid, line.rival.leaves(uid)[0]["_rev"]))
    again = _saved(uid, "again")
    history = _history(line, uid)
    assert len(history) == 4
    assert history[2] == again.rev


def test_delete_that_others_came_before(line, uid):
    article = _saved(uid)
    _lost(line, NOT_ARRIVED, lambda: line.rival.save(uid, article.rev, title="other"))
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.delete_document(uid, article.rev)
    assert not _is_deleted(line, uid)


def test_delete_that_others_did(line, uid):
    """Both would have made the same tombstone."""
    article = _saved(uid)
    _lost(line, NOT_ARRIVED, lambda: line.rival.delete(uid, article.rev))
    SyncGateway.delete_document(uid, article.rev)
    assert _is_deleted(line, uid)
    assert len(_history(line, uid)) == 2
    assert line.writes == 1


def test_delete_that_others_undid(line, uid):
    article = _saved(uid)
    _lost(line, ARRIVED, lambda: line.rival.save(uid, None, title="again"))
    SyncGateway.delete_document(uid, article.rev)
    assert not _is_deleted(line, uid)
    assert len(_history(line, uid)) == 3
    assert line.writes == 1


def test_rows_have_each_their_own_fate(line, uid):
    names = ("saved", "overwritten", "deleted", "created and deleted")
    documents = {name: _article(f"{uid}-{name.partition(' ')[0]}") for name in names}
    old = {name: _saved(f"{uid}-old-{name}") for name in ("saved", "overwritten", "stale")}
    revs = {name: document.rev for name, document in old.items()}
    line.rival.save(old["stale"].uid, old["stale"].rev, title="other")

    def others():
        for document in (documents["overwritten"], old["overwritten"]):
            rev = line.rival.leaves(document.uid)[0]["_rev"]
            line.rival.save(document.uid, rev, title="other")
        line.rival.delete(
            documents["deleted"].uid, line.rival.leaves(documents["deleted"].uid)[0]["_rev"]
        )

    _lost(line, ARRIVED, others)
    with pytest.raises(SyncGatewayBulkError) as caught:
        SyncGateway.save_documents([*documents.values(), *old.values()])
    assert {uid: type(error) for uid, error in caught.value.errors.items()} == {
        old["stale"].uid: SyncGatewayConflict
    }
    assert line.writes == 1
    for document in documents.values():
        assert _history(line, document.uid)[0] == document.rev
    for name in ("saved", "overwritten"):
        assert _history(line, old[name].uid)[:2] == [revs[name], old[name].rev]
    assert old["stale"].rev == revs["stale"]
    assert len(_history(line, old["stale"].uid)) == 2


def test_rows_that_have_not_arrived(line, uid):
    new, taken, gone = (_article(f"{uid}-{name}") for name in ("new", "taken", "gone"))
    old, changed, deleted = (_saved(f"{uid}-old-{name}") for name in ("a", "b", "c"))
    first = old.rev

    def others():
        line.rival.save(taken.uid, None, title="other")
        line.rival.delete(gone.uid, line.rival.save(gone.uid, None, title="other"))
        line.rival.save(changed.uid, changed.rev, title="other")
        line.rival.delete(deleted.uid, deleted.rev)

    _lost(line, NOT_ARRIVED, others)
    with pytest.raises(SyncGatewayBulkError) as caught:
        SyncGateway.save_documents([new, taken, gone, old, changed, deleted])
    assert {uid: type(error) for uid, error in caught.value.errors.items()} == dict.fromkeys(
        (taken.uid, gone.uid, changed.uid, deleted.uid), SyncGatewayConflict
    )
    assert _history(line, new.uid) == [new.rev]
    assert _history(line, old.uid) == [first, old.rev]
    assert taken.rev is None
    assert gone.rev is None
    assert _is_deleted(line, gone.uid)
    assert _is_deleted(line, deleted.uid)
    again = [request for request, _ in line.public.seen if request.is_write][1:]
    assert [request.uids for request in again] == [[new.uid, old.uid]]


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED], ids=["arrived", "not arrived"])
def test_a_document_twice_among_the_rows(line, uid, fault):
    line.lose(fault)
    rows = SyncGateway.bulk_docs(
        [{"_id": uid, "n": 1, "channels": ["a"]}, {"_id": uid, "n": 2, "channels": ["a"]}]
    )
    assert [row.get("rev") for row in rows] == [*_history(line, uid), None]
    assert rows[1]["status"] == 409
    assert line.rival.leaves(uid)[0]["n"] == 1


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED], ids=["arrived", "not arrived"])
def test_rows_without_a_uid(line, uid, fault):
    """The gateway would have made one, which nobody has heard of."""
    line.lose(fault)
    try:
        rows = SyncGateway.bulk_docs([{"mark": uid, "channels": ["a"]}])
    except SyncGatewayAnswerLost:
        rows = []
    _, found = line.rival.ask("GET", "/_all_docs?include_docs=true")
    there = [row["id"] for row in found["rows"] if row["doc"].get("mark") == uid]
    assert len(there) <= 1
    if rows:
        assert [row["id"] for row in rows] == there


def _lands_before(line, number, proxy=None):
    """The next write arrives when the client has given it up: before the request after it that has
    this number reaches the gateway."""
    line.lose()
    proxy = proxy or line.public
    reached = threading.Event()

    def choose(request: Request) -> Fault:
        if not proxy.seen:
            return Fault("late", then=reached.wait)
        if len(proxy.seen) == number:
            reached.set()
            proxy.wait_until_idle()
        return FINE

    proxy.choose = choose


#: It is asked whether it is there; then what is there is read; then it is sent again.
lands = pytest.mark.parametrize("number", [1, 2, 3])


@lands
def test_update_that_lands_late(line, uid, number):
    article = _saved(uid)
    first = article.rev
    _lands_before(line, number)
    article.save()
    assert _history(line, uid) == [first, article.rev]
    assert line.writes == (2 if number == 3 else 1)


@lands
def test_create_that_lands_late(line, uid, number):
    _lands_before(line, number)
    article = _saved(uid)
    assert _history(line, uid) == [article.rev]
    assert line.writes == (2 if number == 3 else 1)


@lands
def test_delete_that_lands_late(line, uid, number):
    article = _saved(uid)
    _lands_before(line, number)
    SyncGateway.delete_document(uid, article.rev)
    assert _is_deleted(line, uid)
    assert len(_history(line, uid)) == 2
    assert line.writes == (2 if number == 3 else 1)


@lands
def test_rows_that_land_late(line, uid, number):
    old, new = _saved(f"{uid}-old"), _article(f"{uid}-new")
    first = old.rev
    _lands_before(line, number)
    SyncGateway.save_documents([new, old])
    assert _history(line, new.uid) == [new.rev]
    assert _history(line, old.uid) == [first, old.rev]


@pytest.mark.parametrize("number", [1, 2])
def test_deleting_a_user_lands_late(line, uid, number):
    SyncGateway.put_user(uid, password="secret")
    _lands_before(line, number, line.admin)
    assert SyncGateway.delete_user(uid)
    assert line.writes == number
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user(uid)
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.delete_user(uid)


def test_a_write_that_lands_when_the_second_has_been_answered(line, uid):
    article = _saved(uid)
    first = article.rev
    line.public.seen.clear()
    done = threading.Event()
    line.public.choose = Script(Fault("late", then=done.wait))
    article.save()
    done.set()
    line.public.wait_until_idle()
    assert _history(line, uid) == [first, article.rev]
    article.save()


def test_channels_that_others_change(line, uid):
    """Theirs stay."""
    SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    _lost(
        line,
        ARRIVED,
        lambda: line.rival.ask("PUT", f"/_user/{uid}", {"admin_channels": ["public", "z"]}),
    )
    SyncGateway.append_channels(uid, ["y"])
    assert sorted(SyncGateway.get_user(uid)["admin_channels"]) == ["public", "y", "z"]


# --------------------------------------------------- what a revision is a digest of


@pytest.fixture(scope="module")
def old_server(tmp_path_factory):
    """A gateway of version 2.6."""
    file = tmp_path_factory.mktemp("old") / "documents.sqlite3"
    with ServerProcess(file, module="tests.sync_gateway.faults.old_gateway") as server:
        yield server


@pytest.fixture
def old_line(old_server, settings):
    yield from _line(old_server, settings)


INLINE = {"note": {"data": "aGVsbG8=", "content_type": "text/plain"}}


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED], ids=["arrived", "not arrived"])
@pytest.mark.parametrize("which", ["line", "old_line"])
def test_attachments(request, which, uid, fault):
    line = request.getfixturevalue(which)
    article = _article(uid)
    article.extra["_attachments"] = INLINE
    line.lose(fault)
    article.save()
    assert _history(line, uid) == [article.rev]
    loaded = CBArticle(uid)
    assert loaded.extra["_attachments"]["note"]["stub"] is True
    line.lose(fault)
    loaded.save()
    assert _history(line, uid) == [article.rev, loaded.rev]
    line.lose(fault)
    (third,) = SyncGateway.bulk_docs([{"_id": uid, "_rev": loaded.rev, **loaded.to_dict()}])
    assert _history(line, uid)[2:] == [third["rev"]]
    assert line.writes == (1 if fault.arrives else 2)


@pytest.mark.parametrize("which", ["line", "old_line"])
def test_attachments_that_others_went_on_from(request, which, uid):
    line = request.getfixturevalue(which)
    article = _article(uid)
    article.extra["_attachments"] = INLINE
    article.save()
    loaded = CBArticle(uid)
    _lost(line, ARRIVED, lambda: _write_on(line, uid, 1))
    loaded.save()
    assert _history(line, uid)[:2] == [article.rev, loaded.rev]
    assert line.writes == 1


def test_old_gateway_digests_attachments(old_line, line, uid):
    """The test's own: what the two make of the same document is not the same."""
    revs = set()
    for where in (old_line, line):
        _, answer = where.rival.ask("PUT", f"/{uid}", {"_attachments": INLINE})
        revs.add(answer["rev"])
    assert len(revs) == 2


class Raw:
    """A document that is any JSON."""

    def __init__(self, uid, members):
        self.uid = uid
        self.rev = None
        self.members = members

    def get_uid(self):
        return self.uid

    def to_dict(self):
        return self.members

    def saved_as(self, rev, document):
        self.rev = rev


texts = st.text(st.characters(exclude_categories=()))
keys = texts | st.integers() | st.booleans() | st.none()
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none()
    | st.booleans()
    | numbers
    | texts
    | st.sampled_from(
        [1e16, 1e-7, -0.0, 0.1, 10**400, 1e300, "<&>", "\u2028\u2029", "\ud83d\ude00"]
    ),
    lambda inner: st.lists(inner) | st.dictionaries(keys, inner),
    max_leaves=20,
)
members = st.dictionaries(keys.filter(lambda key: not str(key).startswith("_")), values, max_size=8)


@pytest.fixture
def patient_line(line, settings):
    # Only a broken connection loses an answer here, not a machine that is busy.
    settings.SYNC_GATEWAY_OPTIONS = OPTIONS | {"timeout": 60}
    return line


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(members, members)
def test_revision_of_any_json(patient_line, first, second):
    """A write that has arrived is recognised by its revision, whatever is in it."""
    document = Raw(f"d{secrets.token_hex(8)}", first | {"channels": ["a"]})
    revs = []
    for document.members in (first, second):
        patient_line.lose(ARRIVED)
        SyncGateway.save_document(document)
        assert patient_line.asked == [f"PUT {document.uid}", "POST _revs_diff"]
        revs.append(document.rev)
        assert _history(patient_line, document.uid) == revs


# ------------------------------------------------------------ histories that end early


@pytest.fixture
def short(line):
    """A gateway that keeps three revisions in a history."""
    assert line.rival.ask("POST", "/_config", {"revs_limit": 3})[0] == 201
    yield line
    assert line.rival.ask("POST", "/_config", {"revs_limit": 1000})[0] == 201


def _write_on(line, uid, count):
    leaves = line.rival.leaves(uid)
    rev = leaves[0]["_rev"] if leaves else None
    for number in range(count):
        rev = line.rival.save(uid, rev, title=f"other {number}")


@pytest.mark.parametrize(
    ("fault", "others", "error"),
    [
        (ARRIVED, 1, None),
        (ARRIVED, 2, None),
        (ARRIVED, 3, SyncGatewayAnswerLost),
        (ARRIVED, 9, SyncGatewayAnswerLost),
        (NOT_ARRIVED, 1, SyncGatewayConflict),
        (NOT_ARRIVED, 3, SyncGatewayConflict),
        (NOT_ARRIVED, 4, SyncGatewayAnswerLost),
        (NOT_ARRIVED, 9, SyncGatewayAnswerLost),
    ],
)
@pytest.mark.parametrize("how", ["save", "bulk"])
def test_update_in_a_short_history(short, uid, fault, others, error, how):
    article = _saved(uid)
    _lost(short, fault, lambda: _write_on(short, uid, others))
    _check_short(short, article, error, how)


@pytest.mark.parametrize(
    ("fault", "others", "error"),
    [
        (ARRIVED, 2, None),
        (ARRIVED, 3, SyncGatewayAnswerLost),
        (NOT_ARRIVED, 3, SyncGatewayConflict),
        (NOT_ARRIVED, 4, SyncGatewayAnswerLost),
    ],
)
@pytest.mark.parametrize("how", ["save", "bulk"])
def test_create_in_a_short_history(short, uid, fault, others, error, how):
    _lost(short, fault, lambda: _write_on(short, uid, others))
    _check_short(short, _article(uid), error, how)


def _check_short(line, article, error, how):
    rev, found = article.rev, None
    try:
        if how == "save":
            article.save()
        else:
            SyncGateway.save_documents([article])
    except SyncGatewayBulkError as caught:
        found = type(caught.errors[article.uid])
    except (SyncGatewayAnswerLost, SyncGatewayConflict) as caught:
        found = type(caught)
    assert found is error
    assert (article.rev == rev) == (error is not None)
    assert line.writes == 1
    assert line.rival.leaves(article.uid)[0]["title"].startswith("other")
