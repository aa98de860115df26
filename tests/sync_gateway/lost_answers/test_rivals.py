"""Writes whose answers do not come, where others write as well."""

from __future__ import annotations

import threading

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayAnswerLost,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayNotFound,
)
from tests.sync_gateway.faults.proxy import FINE, Fault, Request, Script
from tests.sync_gateway.lost_answers.writes import (
    ARRIVED,
    NOT_ARRIVED,
    history_of,
    is_deleted,
    lost_write,
    new_article,
    saved_article,
)


def test_update_that_others_went_on_from(line, uid):
    article = saved_article(uid)
    first = article.rev

    def others():
        rev = line.rival.leaves(uid)[0]["_rev"]
        for title in ("two", "three"):
            rev = line.rival.save(uid, rev, title=title)

    lost_write(line, ARRIVED, others)
    article.save()
    history = history_of(line, uid)
    assert history[:2] == [first, article.rev]
    assert len(history) == 4
    assert line.asked == [f"PUT {uid}", "POST _revs_diff"]
    # What it holds is stale now.
    with pytest.raises(SyncGatewayConflict):
        article.save()


def test_update_that_others_came_before(line, uid):
    article = saved_article(uid)
    first = article.rev
    lost_write(line, NOT_ARRIVED, lambda: line.rival.save(uid, first, title="other"))
    with pytest.raises(SyncGatewayConflict) as caught:
        article.save()
    assert (caught.value.status, caught.value.uid) == (409, uid)
    assert article.rev == first
    assert len(history_of(line, uid)) == 2
    assert line.writes == 1


def test_update_of_what_others_deleted(line, uid):
    article = saved_article(uid)
    first = article.rev
    lost_write(line, NOT_ARRIVED, lambda: line.rival.delete(uid, first))
    with pytest.raises(SyncGatewayConflict):
        article.save()
    assert is_deleted(line, uid)


def test_update_that_others_deleted(line, uid):
    article = saved_article(uid)
    lost_write(line, ARRIVED, lambda: line.rival.delete(uid, line.rival.leaves(uid)[0]["_rev"]))
    article.save()
    history = history_of(line, uid)
    assert history[1] == article.rev
    assert len(history) == 3
    assert is_deleted(line, uid)


def test_create_that_others_came_before(line, uid):
    lost_write(line, NOT_ARRIVED, lambda: line.rival.save(uid, None, title="other"))
    with pytest.raises(SyncGatewayConflict):
        saved_article(uid)
    assert len(history_of(line, uid)) == 1
    assert line.writes == 1


def test_create_that_others_went_on_from(line, uid):
    lost_write(
        line, ARRIVED, lambda: line.rival.save(uid, line.rival.leaves(uid)[0]["_rev"], title="x")
    )
    article = saved_article(uid)
    history = history_of(line, uid)
    assert history[0] == article.rev
    assert len(history) == 2


def test_create_that_others_deleted(line, uid):
    lost_write(line, ARRIVED, lambda: line.rival.delete(uid, line.rival.leaves(uid)[0]["_rev"]))
    article = saved_article(uid)
    assert history_of(line, uid)[0] == article.rev
    assert is_deleted(line, uid)
    assert line.writes == 1


def test_create_is_no_resurrection(line, uid):
    lost_write(
        line,
        NOT_ARRIVED,
        lambda: line.rival.delete(uid, line.rival.save(uid, None, title="other")),
    )
    with pytest.raises(SyncGatewayConflict):
        saved_article(uid)
    assert is_deleted(line, uid)
    assert line.writes == 1


def test_recreated(line, uid):
    """A document is made anew, and goes on from its tombstone: its revision is no first one."""
    article = saved_article(uid)
    SyncGateway.delete_document(uid, article.rev)
    line.lose(ARRIVED)
    again = saved_article(uid, "again")
    history = history_of(line, uid)
    assert len(history) == 3
    assert history[2] == again.rev
    assert line.writes == 1


def test_recreated_and_changed_by_others(line, uid):
    article = saved_article(uid)
    SyncGateway.delete_document(uid, article.rev)
    lost_write(
        line, ARRIVED, lambda: line.rival.save(uid, line.rival.leaves(uid)[0]["_rev"], title="x")
    )
    again = saved_article(uid, "again")
    history = history_of(line, uid)
    assert len(history) == 4
    assert history[2] == again.rev


def test_recreated_and_deleted_by_others(line, uid):
    article = saved_article(uid)
    SyncGateway.delete_document(uid, article.rev)
    lost_write(line, ARRIVED, lambda: line.rival.delete(uid, line.rival.leaves(uid)[0]["_rev"]))
    again = saved_article(uid, "again")
    history = history_of(line, uid)
    assert len(history) == 4
    assert history[2] == again.rev


def test_delete_that_others_came_before(line, uid):
    article = saved_article(uid)
    lost_write(line, NOT_ARRIVED, lambda: line.rival.save(uid, article.rev, title="other"))
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.delete_document(uid, article.rev)
    assert not is_deleted(line, uid)


def test_delete_that_others_did(line, uid):
    """Both would have made the same tombstone."""
    article = saved_article(uid)
    lost_write(line, NOT_ARRIVED, lambda: line.rival.delete(uid, article.rev))
    SyncGateway.delete_document(uid, article.rev)
    assert is_deleted(line, uid)
    assert len(history_of(line, uid)) == 2
    assert line.writes == 1


def test_delete_that_others_undid(line, uid):
    article = saved_article(uid)
    lost_write(line, ARRIVED, lambda: line.rival.save(uid, None, title="again"))
    SyncGateway.delete_document(uid, article.rev)
    assert not is_deleted(line, uid)
    assert len(history_of(line, uid)) == 3
    assert line.writes == 1


def test_rows_have_each_their_own_fate(line, uid):
    names = ("saved", "overwritten", "deleted", "created and deleted")
    documents = {name: new_article(f"{uid}-{name.partition(' ')[0]}") for name in names}
    old = {name: saved_article(f"{uid}-old-{name}") for name in ("saved", "overwritten", "stale")}
    revs = {name: document.rev for name, document in old.items()}
    line.rival.save(old["stale"].uid, old["stale"].rev, title="other")

    def others():
        for document in (documents["overwritten"], old["overwritten"]):
            rev = line.rival.leaves(document.uid)[0]["_rev"]
            line.rival.save(document.uid, rev, title="other")
        line.rival.delete(
            documents["deleted"].uid, line.rival.leaves(documents["deleted"].uid)[0]["_rev"]
        )

    lost_write(line, ARRIVED, others)
    with pytest.raises(SyncGatewayBulkError) as caught:
        SyncGateway.save_documents([*documents.values(), *old.values()])
    assert {uid: type(error) for uid, error in caught.value.errors.items()} == {
        old["stale"].uid: SyncGatewayConflict
    }
    assert line.writes == 1
    for document in documents.values():
        assert history_of(line, document.uid)[0] == document.rev
    for name in ("saved", "overwritten"):
        assert history_of(line, old[name].uid)[:2] == [revs[name], old[name].rev]
    assert old["stale"].rev == revs["stale"]
    assert len(history_of(line, old["stale"].uid)) == 2


def test_rows_that_have_not_arrived(line, uid):
    new, taken, gone = (new_article(f"{uid}-{name}") for name in ("new", "taken", "gone"))
    old, changed, deleted = (saved_article(f"{uid}-old-{name}") for name in ("a", "b", "c"))
    first = old.rev

    def others():
        line.rival.save(taken.uid, None, title="other")
        line.rival.delete(gone.uid, line.rival.save(gone.uid, None, title="other"))
        line.rival.save(changed.uid, changed.rev, title="other")
        line.rival.delete(deleted.uid, deleted.rev)

    lost_write(line, NOT_ARRIVED, others)
    with pytest.raises(SyncGatewayBulkError) as caught:
        SyncGateway.save_documents([new, taken, gone, old, changed, deleted])
    assert {uid: type(error) for uid, error in caught.value.errors.items()} == dict.fromkeys(
        (taken.uid, gone.uid, changed.uid, deleted.uid), SyncGatewayConflict
    )
    assert history_of(line, new.uid) == [new.rev]
    assert history_of(line, old.uid) == [first, old.rev]
    assert taken.rev is None
    assert gone.rev is None
    assert is_deleted(line, gone.uid)
    assert is_deleted(line, deleted.uid)
    again = [request for request, _ in line.public.seen if request.is_write][1:]
    assert [request.uids for request in again] == [[new.uid, old.uid]]


@pytest.mark.parametrize("fault", [ARRIVED, NOT_ARRIVED], ids=["arrived", "not arrived"])
def test_a_document_twice_among_the_rows(line, uid, fault):
    line.lose(fault)
    rows = SyncGateway.bulk_docs(
        [{"_id": uid, "n": 1, "channels": ["a"]}, {"_id": uid, "n": 2, "channels": ["a"]}]
    )
    assert [row.get("rev") for row in rows] == [*history_of(line, uid), None]
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
    article = saved_article(uid)
    first = article.rev
    _lands_before(line, number)
    article.save()
    assert history_of(line, uid) == [first, article.rev]
    assert line.writes == (2 if number == 3 else 1)


@lands
def test_create_that_lands_late(line, uid, number):
    _lands_before(line, number)
    article = saved_article(uid)
    assert history_of(line, uid) == [article.rev]
    assert line.writes == (2 if number == 3 else 1)


@lands
def test_delete_that_lands_late(line, uid, number):
    article = saved_article(uid)
    _lands_before(line, number)
    SyncGateway.delete_document(uid, article.rev)
    assert is_deleted(line, uid)
    assert len(history_of(line, uid)) == 2
    assert line.writes == (2 if number == 3 else 1)


@lands
def test_rows_that_land_late(line, uid, number):
    old, new = saved_article(f"{uid}-old"), new_article(f"{uid}-new")
    first = old.rev
    _lands_before(line, number)
    SyncGateway.save_documents([new, old])
    assert history_of(line, new.uid) == [new.rev]
    assert history_of(line, old.uid) == [first, old.rev]


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
    article = saved_article(uid)
    first = article.rev
    line.public.seen.clear()
    done = threading.Event()
    line.public.choose = Script(Fault("late", then=done.wait))
    article.save()
    done.set()
    line.public.wait_until_idle()
    assert history_of(line, uid) == [first, article.rev]
    article.save()


def test_channels_that_others_change(line, uid):
    """Theirs stay."""
    SyncGateway.put_user(uid, password="secret", admin_channels=["x"])
    lost_write(
        line,
        ARRIVED,
        lambda: line.rival.ask("PUT", f"/_user/{uid}", {"admin_channels": ["public", "z"]}),
    )
    SyncGateway.append_channels(uid, ["y"])
    assert sorted(SyncGateway.get_user(uid)["admin_channels"]) == ["public", "y", "z"]
