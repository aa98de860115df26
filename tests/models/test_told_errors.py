"""What the gateway's refusals say: which document, of which class, and what to do next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from django_cbtools.exceptions import (
    CouchbaseModelError,
    DocumentExists,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, request
from tests.sync_gateway.scripted import HTTP, reply, use
from tests.testapp.models import CBArticle, CBPlace


def article(**kwargs: Any) -> CBArticle:
    return CBArticle(uid="atl_1", channels=["a"], **kwargs)


@pytest.fixture
def stale(db: None) -> CBArticle:
    article().save()
    found = CBArticle("atl_1")
    CBArticle("atl_1").save()
    return found


AGAIN = "load it again, apply the change, and save"


@pytest.mark.parametrize(
    "write",
    [
        lambda stale: stale.save(),
        lambda stale: stale.save(update_fields=["title"]),
        lambda stale: stale.delete(),
        lambda stale: stale.hard_delete(),
    ],
)
def test_conflict(stale: CBArticle, write: Callable[[Any], Any]) -> None:
    with pytest.raises(SyncGatewayConflict) as caught:
        write(stale)
    assert str(caught.value) == (
        "CBArticle document atl_1: 409 conflict (Document revision conflict). Somebody has "
        f"written or deleted it: {AGAIN}."
    )
    assert caught.value.uid == "atl_1"


def test_taken_uid(stale: CBArticle) -> None:
    told = (
        r"^CBArticle document atl_1: 409 conflict \(Document exists\)\. There is one under this "
        r"uid: load that, or give the new one another uid\.$"
    )
    with pytest.raises(SyncGatewayConflict, match=told):
        article().save()
    with pytest.raises(DocumentExists, match=told) as caught:
        article().save(force_insert=True)
    assert isinstance(caught.value.__cause__, SyncGatewayConflict)


def test_bulk_writes(stale: CBArticle) -> None:
    writes: list[Callable[[], Any]] = [
        lambda: CBArticle.objects.bulk_create([article()]),
        lambda: CBArticle.objects.bulk_update([stale], ["title"]),
        lambda: CBArticle.objects.bulk_update([article(rev="1-x", author_uid={1})], ["author"]),
    ]
    for write in writes:
        with pytest.raises(SyncGatewayBulkError) as caught:
            write()
        (error,) = caught.value.errors.values()
        assert str(error).startswith("CBArticle document atl_1: ")


def test_a_missing_document(db: None) -> None:
    for load in (CBArticle, lambda uid: CBArticle().load(uid)):
        with pytest.raises(CBArticle.DoesNotExist) as caught:
            load("atl_2")
        assert str(caught.value) == (
            "There is no document atl_2 of class CBArticle. Look at the uid: it may have been "
            "deleted, or have expired."
        )


def test_a_nested_object_is_a_part() -> None:
    with pytest.raises(CouchbaseModelError, match=r"loaded, it is nested.*CBPlace\(\) takes"):
        CBPlace("1")
    with pytest.raises(CouchbaseModelError, match=r"^this object is not supposed to be saved"):
        CBPlace().save()


#: What gateways answer to a write, what it is raised as, and what it says then.
REFUSALS = [
    (403, "missing channel access", SyncGatewayForbidden, "Look at the channels of SYNC_GATEWAY_"),
    (404, "deleted", SyncGatewayNotFound, "Somebody has deleted it. A document with this uid"),
    (404, "missing", SyncGatewayNotFound, "Look at its uid: it may have been deleted, or purged."),
    (413, "Document too large!", SyncGatewayException, "Take something out of it, or store that"),
    (500, "Internal error", SyncGatewayUnavailable, "The gateway has failed, or is busy: look at"),
]


@pytest.mark.parametrize(("status", "reason", "kind", "told"), REFUSALS)
def test_refusals(settings: Any, status: int, reason: str, kind: Any, told: str) -> None:
    answer = {"error": "words", "reason": reason}

    def refuse(request: Any) -> bytes:
        if request.place == "_bulk_docs":
            return reply([{"id": "atl_1", "status": status, **answer}], 201)
        return reply(answer, status)

    with HTTP(refuse) as gateway:
        use(settings, gateway.url, retries=0)
        with pytest.raises(kind) as caught:
            article().save()
        with pytest.raises(SyncGatewayBulkError) as bulk:
            SyncGateway.save_documents([article()])
    start = f"document atl_1: {status} words ({reason}). {told}"
    assert str(caught.value).startswith(f"CBArticle {start}")
    assert str(bulk.value.errors["atl_1"]).startswith(start)


def test_no_answer_names_the_document(settings: Any) -> None:
    use(settings, "http://127.0.0.1:9", retries=0)
    with pytest.raises(SyncGatewayUnavailable) as caught:
        CBArticle("atl_1")
    assert str(caught.value).startswith("CBArticle document atl_1: The gateway at http://127.0.0")
    with pytest.raises(SyncGatewayUnavailable, match="POST /test_documents/_all_docs of document"):
        SyncGateway.all_docs(["atl_1"])


@pytest.mark.parametrize("status", [403, 404, 409])
def test_a_refusal_of_another_document(settings: Any, status: int) -> None:
    """It says nothing of this one, and what is asked next comes by another connection."""
    answer = reply({"id": "atl_2", "error": "words", "reason": "other"}, status)
    with HTTP(lambda request: answer) as gateway:
        use(settings, gateway.url, retries=0)
        for _ in range(2):
            with pytest.raises(SyncGatewayUnavailable, match="it is not about document atl_1"):
                request(PUBLIC, "GET", "atl_1", uid="atl_1")
        assert len(set(gateway.peers)) == 2
