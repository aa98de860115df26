"""The feed of changes, by which a program hears what phones do."""

from __future__ import annotations

import asyncio
import threading
import uuid

import pytest
from asgiref.sync import async_to_sync
from django.db import connections

from django_cbtools.sync_gateway import SyncGateway, SyncGatewayBadRequest

FEEDS = ["normal", "longpoll", "continuous"]


def read(since=None, **kwargs):
    """What there is behind a position, and the position that is reached."""
    feed = SyncGateway.changes(since, request_plus=True, **kwargs)
    return list(feed), feed.since


@pytest.fixture
def since(gateway):
    """Where the feed is when a test begins."""
    return read()[1]


def save(uid=None, **body):
    uid = uid or uuid.uuid4().hex
    answer = SyncGateway.save_json(uid, {"channels": ["c"], **body}).json()
    return uid, answer["rev"]


def seen(changes):
    return [(change.uid, change.rev) for change in changes]


def test_documents_in_order_at_their_last_revision(since):
    (first, rev), second, third = save(), save(), save()
    again = save(first, n=1, _rev=rev)
    changes, reached = read(since)
    assert seen(changes) == [second, third, again]
    assert not any(change.deleted or change.removed or change.doc for change in changes)
    assert reached == changes[-1].seq
    assert read(reached) == ([], reached)
    assert seen(read(changes[0].seq)[0]) == [third, again]


def test_with_documents(since):
    uid, rev = save(text="é🍺\u2028", n=1.5)
    ((change,), _) = read(since, include_docs=True)
    assert {key: change.doc[key] for key in ("_id", "_rev", "text", "n", "channels")} == {
        "_id": uid, "_rev": rev, "text": "é🍺\u2028", "n": 1.5, "channels": ["c"]
    }  # fmt: skip


def test_tombstones(since):
    (uid, rev), living = save(), save()
    SyncGateway.delete_document(uid, rev)
    changes, _ = read(since, include_docs=True)
    assert [(change.uid, change.deleted) for change in changes] == [(living[0], False), (uid, True)]
    assert changes[1].doc["_deleted"] is True
    assert not changes[1].is_lost
    assert seen(read(since, active_only=True)[0]) == [living]


def test_channels(since):
    (moved, rev), other, both = save(channels=["a"]), save(channels=["b"]), save(channels=["b"])
    save(moved, channels=["c"], _rev=rev)
    changes, _ = read(since, channels=["a"])
    assert [(change.uid, change.removed) for change in changes] == [(moved, ("a",))]
    assert seen(read(since, channels=["a", "b"], active_only=True)[0]) == [other, both]


def test_documents_by_their_ids(since):
    saved = [save() for _ in range(5)]
    uids = [saved[3][0], saved[1][0], "nobody's"]
    assert seen(read(since, doc_ids=uids)[0]) == [saved[1], saved[3]]
    many = [uid for uid, _ in saved] + [uuid.uuid4().hex for _ in range(2000)]
    assert seen(read(since, doc_ids=many)[0]) == saved


@pytest.mark.parametrize("feed", FEEDS)
def test_limit(since, feed):
    saved = [save() for _ in range(4)]
    changes, reached = read(since, limit=3, feed=feed)
    assert seen(changes) == saved[:3]
    assert seen(read(reached, limit=1, feed=feed)[0]) == saved[3:]


def test_all_revisions(since):
    uid, rev = save()
    ((change,), _) = read(since, style="all_docs")
    assert (change.uid, change.revs, change.rev) == (uid, (rev,), rev)


def test_many_documents_are_read_while_they_arrive(since):
    SyncGateway.bulk_docs([
        {"_id": uuid.uuid4().hex, "channels": ["c"], "n": n, "text": "x" * 1000}
        for n in range(1000)
    ])  # fmt: skip
    changes, _ = read(since, include_docs=True)
    assert [change.doc["n"] for change in changes] == list(range(1000))
    feed = SyncGateway.changes(since, include_docs=True)
    assert next(feed).doc["n"] == 0
    assert feed.since == changes[0].seq
    feed.close()
    assert list(feed) == []


def written_later(count):
    """Save documents from another thread, a little later, one by one."""
    saved = [uuid.uuid4().hex for _ in range(count)]

    def work():
        try:
            for uid in saved:
                pause.wait(0.2)
                save(uid)
        finally:
            connections.close_all()

    pause = threading.Event()
    thread = threading.Thread(target=work)
    thread.start()
    return saved, thread


def test_long_poll_waits_for_a_change(since):
    saved, thread = written_later(1)
    changes = list(SyncGateway.changes(since, feed="longpoll"))
    thread.join()
    assert [change.uid for change in changes] == saved


def test_continuous_feed_goes_on(since):
    saved, thread = written_later(3)
    feed = SyncGateway.changes(since, feed="continuous")
    assert [next(feed).uid for _ in saved] == saved
    thread.join()
    feed.close()


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_who_waits_is_told_of_tombstones_even_with_active_only(since, feed):
    saved, is_told = [save() for _ in range(30)], threading.Event()

    def work():
        try:
            for uid, rev in saved:
                if not is_told.wait(0.2):
                    SyncGateway.delete_document(uid, rev)
        finally:
            connections.close_all()

    changes = SyncGateway.changes(read(since)[1], feed=feed, active_only=True, timeout=30)
    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert next(changes).deleted
    finally:
        is_told.set()
        thread.join()
        changes.close()


@pytest.mark.parametrize("feed", ["longpoll", "continuous"])
def test_timeout_without_a_change(since, feed):
    changes = SyncGateway.changes(since, feed=feed, timeout=0.2)
    assert list(changes) == []
    assert changes.since == since


@pytest.mark.parametrize("feed", FEEDS)
def test_async_twin(since, feed):
    rows = SyncGateway.bulk_docs(
        [{"_id": uuid.uuid4().hex, "channels": ["c"], "n": n} for n in range(40)]
    )
    saved = [(row["id"], row["rev"]) for row in rows]

    async def work():
        feed_ = SyncGateway.achanges(since, feed=feed, timeout=0.3, include_docs=True)
        found = [(change.uid, change.doc["_rev"]) async for change in feed_]
        return found, feed_.since

    found, reached = async_to_sync(work)()
    assert found == saved
    assert read(reached)[0] == []


def test_async_twin_waits_and_others_work_meanwhile(since):
    uid = uuid.uuid4().hex

    async def work():
        feed = SyncGateway.achanges(since, feed="continuous")
        waiting = asyncio.ensure_future(anext(feed))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        await asyncio.to_thread(write)
        change = await waiting
        await feed.aclose()
        return change.uid, feed.since == change.seq

    def write():
        try:
            save(uid)
        finally:
            connections.close_all()

    assert async_to_sync(work)() == (uid, True)


@pytest.mark.parametrize(
    "asked",
    [{"feed": "eventsource"}, {"channels": ["a"], "doc_ids": ["b"]}, {"channels": []},
     {"channels": ["a,b"]}, {"channels": "a"}, {"doc_ids": [1]}, {"limit": -1},
     {"channels": ["a"], "revocations": True}, {"since": "nowhere"}, {"doc_ids": []},
     {"doc_ids": ["a"], "feed": "longpoll"}],
)  # fmt: skip
def test_what_cannot_be_asked_for(gateway, asked):
    with pytest.raises(SyncGatewayBadRequest):
        list(SyncGateway.changes(**asked))
