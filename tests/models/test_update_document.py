"""update_document: load, change and save, until nobody is in between."""

from __future__ import annotations

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from django_cbtools.sync_gateway import SyncGateway, SyncGatewayConflict
from tests.testapp.models import CBArticle, CBReview

# ------------------------------------------------------------- update_document


def later(document):
    document.title = "new"


def test_update_document_takes_one_read_and_one_write(rival, round_trips):
    first = rival()
    round_trips.clear()
    saved = CBArticle.update_document(first.uid, later)
    assert round_trips == ["POST _bulk_get", f"PUT {first.uid}"]
    assert (saved.title, saved.rev) == ("new", CBArticle(first.uid).rev)
    assert CBArticle(first.uid).title == "new"


def test_update_document_is_done_again(rival):
    first = rival(times=2)

    def change(document):
        first()
        document.title = f"{document.year_published}"

    saved = CBArticle.update_document(first.uid, change, delay=0)
    assert (saved.title, saved.year_published) == ("2214", 2214)
    assert CBArticle(first.uid).title == "2214"


def test_update_document_raises_the_last_conflict(rival):
    first = rival(times=99)
    with pytest.raises(SyncGatewayConflict):
        CBArticle.update_document(first.uid, lambda document: first(), attempts=4, delay=0)
    assert first.called == 4


@pytest.mark.parametrize("answer", [None, True, 0, ""])
def test_only_false_saves_nothing(rival, answer, round_trips):
    first = rival()
    CBArticle.update_document(first.uid, lambda document: answer)
    assert CBArticle(first.uid).rev.startswith("2-")
    round_trips.clear()
    found = CBArticle.update_document(first.uid, lambda document: later(document) or False)
    assert round_trips == ["POST _bulk_get"]
    assert found.title == "new"
    assert CBArticle(first.uid).rev.startswith("2-")


def test_update_document_that_is_missing(rival):
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle.update_document("atl_missing", later)
    with pytest.raises(CBReview.DoesNotExist):
        CBReview.update_document(rival().uid, later)


@pytest.mark.parametrize("is_async", [False, True])
def test_aupdate_document(rival, is_async):
    first = rival()

    def change(document):
        first()
        document.title = "new"

    async def achange(document):
        await sync_to_async(change)(document)

    async def skip(document):
        later(document)
        return False

    async def work():
        await CBArticle.aupdate_document(first.uid, skip)
        if is_async:
            return await CBArticle.aupdate_document(first.uid, achange, delay=0)
        # The rival asks the gateway, which is not for an event loop to wait for.
        first.called = first.times
        return await CBArticle.aupdate_document(first.uid, later, delay=0)

    saved = async_to_sync(work)()
    assert saved.title == "new"
    assert saved.rev == CBArticle(first.uid).rev
    assert saved.rev.startswith("3-" if is_async else "2-")
    with pytest.raises(CBArticle.DoesNotExist):
        async_to_sync(CBArticle.aupdate_document)("atl_missing", later)


# ------------------------------------------------------- writes that are alike


def test_of_two_equal_writes_only_one_succeeds(rival):
    """Their revision would be the same: the second one must not take the first for its own."""
    first = rival()
    body = {"doc_type": "article", "channels": ["c"], "n": 1, "_rev": first.document.rev}
    SyncGateway.save_json(first.uid, body)
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.save_json(first.uid, body)
    rows = SyncGateway.bulk_docs([{**body, "_id": first.uid}])
    assert rows[0]["status"] == 409
    new = {"doc_type": "article", "channels": ["c"]}
    SyncGateway.save_json("new", new)
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.save_json("new", new)
