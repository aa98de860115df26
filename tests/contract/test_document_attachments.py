"""``document.attachments``: saved with the document or alone, kept by every other write."""

from __future__ import annotations

import copy
import datetime
import io
import pickle
import secrets

import pytest
from asgiref.sync import async_to_sync

from django_cbtools.models import CouchbaseModelError, load_objects, merge_fields
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayNotFound,
)
from tests.testapp.models import CBArticle, CBPayment

LARGE = secrets.token_bytes(1_500_000)


@pytest.fixture
def article(gateway):
    document = CBArticle(title="t", channels=["public"])
    document.attachments.add("a.txt", b"hello world", "text/plain")
    document.save()
    return document


def attached(document):
    """What a fresh instance has, by name."""
    return {name: each.read() for name, each in CBArticle(document.uid).attachments.items()}


def phone_adds(document, name="phone.jpg", content=b"photo"):
    """A phone writes an attachment, and a field."""
    (row,) = SyncGateway.bulk_get([document.uid])
    rev = SyncGateway.put_attachment(document.uid, name, content, "image/jpeg", row["doc"]["_rev"])
    (row,) = SyncGateway.bulk_get([document.uid])
    SyncGateway.save_json(document.uid, {**row["doc"], "_rev": rev, "price": "5"})


def test_saved_with_the_document(article):
    attachment = article.attachments["a.txt"]
    assert (attachment.content_type, attachment.length) == ("text/plain", 11)
    assert attachment.digest == "sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0="
    assert attachment.is_saved
    assert attachment.read() == b"hello world"
    with attachment.open(start=6) as file:
        assert file.read() == b"world"
    # What the instance knows is what is loaded.
    assert CBArticle(article.uid).extra == article.extra
    assert article._base["_attachments"] == CBArticle(article.uid).extra["_attachments"]


def test_before_it_is_saved(gateway):
    document = CBArticle(channels=["public"])
    for content in (b"0123456789", LARGE):
        attachment = document.attachments.add("a.png", io.BytesIO(content))
        assert not attachment.is_saved
        assert (attachment.content_type, attachment.length) == ("image/png", len(content))
        assert attachment.read() == content
        with attachment.open(start=2, end=5) as file:
            assert file.read() == content[2:5]
    assert list(document.attachments) == ["a.png"]
    assert len(document.attachments) == 1
    copied = copy.copy(document)
    assert copied.attachments["a.png"].read() == LARGE
    del document.attachments["a.png"]
    assert "a.png" not in document.attachments
    with pytest.raises(KeyError):
        del document.attachments["a.png"]
    assert document.uid is None


def test_small_ones_take_one_revision_and_large_ones_their_own(article):
    article.attachments.add("b.txt", b"b")
    article.attachments.add("large", io.BytesIO(LARGE))
    before = int(article.rev.partition("-")[0])
    article.save()
    assert int(article.rev.partition("-")[0]) == before + 2
    assert attached(article) == {"a.txt": b"hello world", "b.txt": b"b", "large": LARGE}
    article.title = "again"
    article.save()
    loaded = pickle.loads(pickle.dumps(CBArticle(article.uid)))
    assert (loaded.title, loaded.rev, set(loaded.attachments)) == (
        "again", article.rev, {"a.txt", "b.txt", "large"}
    )  # fmt: skip


def test_replaced_and_deleted_with_the_document(article):
    article.attachments.add("a.txt", b"new")
    article.attachments.add("b.txt", LARGE)
    article.attachments.add("b.txt", b"small")
    article.save()
    assert attached(article) == {"a.txt": b"new", "b.txt": b"small"}
    del article.attachments["a.txt"]
    assert set(attached(article)) == {"a.txt", "b.txt"}
    article.save()
    assert attached(article) == {"b.txt": b"small"}
    del article.attachments["b.txt"]
    article.save()
    assert not CBArticle(article.uid).attachments


def test_alone(article):
    article.title = "not yet"
    for content in (b"small", LARGE):
        article.attachments.add("b", io.BytesIO(content), "text/x-b").save()
        assert article.attachments["b"].is_saved
        article.attachments["b"].save()
        assert attached(article)["b"] == content
        assert CBArticle(article.uid).title == "t"
        assert CBArticle(article.uid).rev == article.rev
    article.attachments["a.txt"].delete()
    assert CBArticle(article.uid).extra == article.extra
    article.attachments.add("c", b"c").delete()
    assert set(article.attachments) == {"b"}
    article.save()
    assert CBArticle(article.uid).title == "not yet"
    assert attached(article) == {"b": LARGE}
    with pytest.raises(CouchbaseModelError, match="alone before the document is saved"):
        CBArticle(channels=["c"]).attachments.add("a", b"a").save()


def test_alone_it_is_still_to_expire(article):
    article.save(expires=datetime.timedelta(hours=1))
    moment = article.expires_at
    article.attachments.add("b", b"b").save()
    loaded = CBArticle(article.uid)
    assert (loaded.expires_at, loaded.rev) == (moment, article.rev)
    article.attachments["b"].delete()
    assert CBArticle(article.uid).expires_at == moment


def test_stale(article):
    stale = CBArticle(article.uid)
    article.save()
    for write in (
        lambda: stale.attachments.add("b", b"b").save(),
        lambda: stale.attachments.add("b", LARGE).save(),
        lambda: stale.attachments["a.txt"].delete(),
        stale.save,
    ):
        with pytest.raises(SyncGatewayConflict):
            write()
    assert attached(article) == {"a.txt": b"hello world"}


def test_the_phones_attachment_survives_the_servers_save(article):
    article.title = "by the server"
    phone_adds(article)
    with pytest.raises(SyncGatewayConflict):
        article.save()
    article.save(merge=merge_fields)
    assert attached(article) == {"a.txt": b"hello world", "phone.jpg": b"photo"}
    loaded = CBArticle(article.uid)
    assert (loaded.title, loaded.price) == ("by the server", 5)
    # Whatever is written afterwards.
    loaded.save(update_fields=["title"])
    CBArticle.update_document(article.uid, lambda document: setattr(document, "tags", ["x"]))
    SyncGateway.save_documents([CBArticle(article.uid)])
    assert attached(article) == {"a.txt": b"hello world", "phone.jpg": b"photo"}


@pytest.mark.parametrize("content", [b"small", LARGE])
def test_the_servers_attachment_survives_the_phones_save(article, content):
    article.attachments.add("server", io.BytesIO(content))
    phone_adds(article)
    article.save(merge=merge_fields)
    phone_adds(article, "phone2.jpg")
    names = {"a.txt": b"hello world", "phone.jpg": b"photo", "phone2.jpg": b"photo"}
    assert attached(article) == {**names, "server": content}
    assert CBArticle(article.uid).price == 5


def test_unsaved_ones_are_forgotten_by_loading(article):
    article.attachments.add("small", b"s")
    article.attachments.add("large", LARGE)
    article.save(update_fields=["title"])
    assert set(attached(article)) == {"a.txt"}
    assert set(article.attachments) == {"a.txt", "small", "large"}
    article.refresh_from_db()
    assert set(article.attachments) == {"a.txt"}


def test_replaced_by_somebody_else_since_it_was_loaded(article):
    loaded = CBArticle(article.uid)
    article.attachments.add("a.txt", b"other").save()
    assert loaded.attachments["a.txt"].read() == b"hello world"
    article.attachments["a.txt"].delete()
    with pytest.raises(SyncGatewayNotFound):
        loaded.attachments["a.txt"].read()


def test_names_and_files_that_cannot_be(article):
    for name in ("../a", "..", "", "a//b"):
        with pytest.raises(SyncGatewayBadRequest, match="cannot be the name of an attachment"):
            article.attachments.add(name, b"")
    with pytest.raises(SyncGatewayBadRequest, match="neither bytes nor a file"):
        article.attachments.add("a", "text")
    with pytest.raises(CouchbaseModelError, match="a part of a document"):
        assert CBPayment().attachments
    assert set(article.attachments) == {"a.txt"}
    names = ["_a", "new\nline", 'quo"te', "n" * 300, "blob_/x"]
    for name in names:
        article.attachments.add(name, name.encode())
    article.save()
    assert set(attached(article)) == {"a.txt", *names}


def test_what_others_wrote_there(article):
    body = {**SyncGateway.bulk_get([article.uid])[0]["doc"]}
    body["_attachments"]["claim"] = {"stub": True, "digest": "sha1-x", "length": "many"}
    SyncGateway.save_json(article.uid, body)
    claim = CBArticle(article.uid).attachments["claim"]
    assert (claim.content_type, claim.length, claim.digest) == ("", None, "sha1-x")
    with pytest.raises(SyncGatewayNotFound):
        claim.open()


def test_bulk_and_views(gateway):
    documents = [CBArticle(title=str(i), channels=["c"]) for i in range(3)]
    for document in documents:
        document.attachments.add("small", document.title.encode())
        document.attachments.add("large", LARGE)
        document.before_save()
    from django_cbtools.models.writing.bulk import Bulk

    with Bulk() as bulk:
        bulk.write(documents)
    for document in load_objects([each.uid for each in documents], CBArticle):
        assert document.attachments["small"].read() == document.title.encode()
        assert document.attachments["large"].length == len(LARGE)


def test_async(article):
    async def use():
        attachment = article.attachments.add("b", b"b")
        await attachment.asave()
        assert await attachment.aread() == b"b"
        await attachment.adelete()

    async_to_sync(use)()
    assert set(attached(article)) == {"a.txt"}
