"""Documents of classes that name a collection."""

from __future__ import annotations

import io
import uuid

import pytest
from django.core.management import CommandError, call_command

from django_cbtools.following.notes import Note
from django_cbtools.models import load_objects, load_related_objects
from django_cbtools.models.registry import documents
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayConflict,
    SyncGatewayNotFound,
    keyspaces,
)
from django_cbtools.tests import capture_changes
from tests.branches import push
from tests.following.receivers import Heard, connected
from tests.testapp.models import CBArticle, CBAuthor, CBReview

from .conftest import A, B


@pytest.fixture
def two(collections, monkeypatch):
    """Authors are in one collection, all else is in another."""
    for model in documents():
        monkeypatch.setattr(model, "keyspace", A)
    monkeypatch.setattr(CBAuthor, "keyspace", B)


def test_a_document_is_where_its_class_says(two):
    article = CBArticle(uid="x", title="A", channels=["a"])
    author = CBAuthor(uid="x", name="B", channels=["a"])
    article.save()
    author.save()
    # Neither is the other, whatever keyspace is asked around them.
    for keyspace, doc_type in ((A, "article"), (B, "author")):
        (row,) = SyncGateway.in_keyspace(keyspace).all_docs(["x"])["rows"]
        assert row["doc"]["doc_type"] == doc_type
    article.author = author
    article.save()
    other = CBArticle("x")
    assert (other.title, other.author.name, other.rev) == ("A", "B", article.rev)
    other.title = "A2"
    other.save(update_fields=["title"])
    with pytest.raises(SyncGatewayConflict):
        article.save()
    article.refresh_from_db()
    assert article.title == "A2"
    assert CBArticle.update_document("x", lambda found: setattr(found, "title", "A3")).title == "A3"
    assert [found.title for found in load_objects(["x", "y"], CBArticle)] == ["A3"]
    load_related_objects([article], "author", CBAuthor)
    assert article.author.name == "B"
    article.refresh_from_db()
    article.hard_delete()
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("x")
    author.delete()
    assert CBAuthor("x").st_deleted


def test_attachments(two):
    article = CBArticle(channels=["a"])
    article.attachments.add("small.txt", b"small", "text/plain")
    article.attachments.add("large.bin", io.BytesIO(b"0123456789" * 200_000))
    article.save()
    loaded = CBArticle(article.uid)
    assert loaded.attachments["small.txt"].read() == b"small"
    with loaded.attachments["large.bin"].open(start=5, end=12) as file:
        assert file.read() == b"5678901"
    loaded.attachments["small.txt"].delete()
    assert list(CBArticle(article.uid).attachments) == ["large.bin"]


def test_bulk_save_of_a_class_and_one_that_inherits_it(two, monkeypatch):
    monkeypatch.setattr(CBReview, "keyspace", B)
    uids = [f"atl_{uuid.uuid4().hex}" for _ in range(4)]
    made = [
        cls(uid=uid, channels=["a"])
        for uid, cls in zip(uids, (CBArticle, CBReview) * 2, strict=True)
    ]
    assert CBArticle.objects.bulk_save(made).saved == 4
    for keyspace, there in ((A, uids[::2]), (B, uids[1::2])):
        rows = SyncGateway.in_keyspace(keyspace).all_docs(uids)["rows"]
        assert [row["id"] for row in rows if "doc" in row] == there


def test_conflicts(two, capsys):
    uid = f"aut_{uuid.uuid4().hex}"
    author = CBAuthor(uid=uid, name="first", channels=["c"])
    author.save()
    with keyspaces.inside(B):
        push(uid, "fff", doc_type="author", name="rival")
    assert {found.name for found in CBAuthor.conflicts(uid)} == {"first", "rival"}
    with pytest.raises(CommandError, match="1 document is in conflict"):
        call_command("list_cb_conflicts", model=["testapp.CBAuthor"], verbosity=0)
    assert uid in capsys.readouterr().out
    call_command("list_cb_conflicts", model=["testapp.CBArticle"], verbosity=0)
    assert CBAuthor.resolve_conflict(uid, winner=author.rev).name == "first"
    assert CBAuthor.conflicts(uid) == []
    assert CBAuthor.revisions(uid)[0].instance.name == "first"


def test_expiry(two):
    article = CBArticle(channels=["a"])
    article.save(expires=3600)
    loaded = CBArticle(article.uid)
    loaded.title = "Kept"
    loaded.save()
    assert CBArticle(article.uid).expires_at == article.expires_at is not None


def test_what_is_asked_while_a_document_is_written(two, monkeypatch):
    """A class that is asked within a call of another keyspace is asked in its own."""
    author = CBAuthor(name="B", channels=["a"])
    author.save()
    to_dict = CBArticle.to_dict
    monkeypatch.setattr(
        CBArticle,
        "to_dict",
        lambda self: {**to_dict(self), "author_name": CBAuthor(author.uid).name},
    )
    article = CBArticle(channels=["a"])
    article.save()
    assert CBArticle(article.uid).extra["author_name"] == "B"


def test_a_collection_that_is_not_there(two, monkeypatch):
    monkeypatch.setattr(CBArticle, "keyspace", "cbtools.never")
    for call in (lambda: CBArticle("x"), CBArticle(channels=["a"]).save):
        with pytest.raises(
            SyncGatewayNotFound, match=r"keyspace .*cbtools\.never not found"
        ) as told:
            call()
        assert not isinstance(told.value, CBArticle.DoesNotExist)


def test_clear_st_deleted(two, capsys):
    old, recent = CBArticle(uid="atl_old", channels=["a"]), CBAuthor(uid="aut_new", channels=["a"])
    for document in (old, recent):
        document.save()
        document.delete()
    body = {**old.to_dict(), "_rev": old.rev, "updated": "2020-01-01T00:00:00+00:00"}
    SyncGateway.in_keyspace(A).save_json(old.uid, body)
    call_command("clear_st_deleted", dry_run=True)
    assert capsys.readouterr().out == "atl_old\n"
    call_command("clear_st_deleted", verbosity=0)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("atl_old")
    assert CBAuthor("aut_new").st_deleted


def test_changes_of_all_keyspaces_are_followed(two):
    name = uuid.uuid4().hex

    def follow(**kwargs):
        call_command("follow_sg_changes", name=name, once=True, verbosity=0, **kwargs)

    follow(since="now")
    with connected(Heard()) as heard:
        CBArticle(uid="atl_1", channels=["c"]).save()
        CBAuthor(uid="aut_1", channels=["c"]).save()
        SyncGateway.in_keyspace(B).save_json("atl_2", {"doc_type": "article", "channels": ["c"]})
        follow()
        CBArticle("atl_1").save()
        follow()
        # An article in the collection of authors is none.
        assert heard.told("sender", "by_us") == [
            (CBArticle, True), (CBAuthor, True), (CBArticle, True),
        ]  # fmt: skip
        for keyspace in (A, B):
            assert Note("checkpoint", name, keyspace).read()["since"] != "0"
    with connected(Heard()) as heard:
        CBAuthor("aut_1").save()
        follow(model=["testapp.CBArticle"])
        assert heard.told("sender") == []
        follow()
        assert heard.told("sender") == [CBAuthor]


def test_failed_changes(two, monkeypatch, capsys):
    monkeypatch.setattr("django_cbtools.following.stopping.time.sleep", lambda seconds: None)
    name, broken = uuid.uuid4().hex, [True]

    def fails(**kwargs):
        if broken:
            raise LookupError("no manager")

    call_command("follow_sg_changes", name=name, once=True, since="now", verbosity=0)
    with connected(fails):
        CBAuthor(uid="aut_1", channels=["c"]).save()
        call_command("follow_sg_changes", name=name, once=True, verbosity=0)
        call_command("failed_sg_changes", name=name)
        assert "aut_1" in capsys.readouterr().out
        broken.clear()
        call_command("failed_sg_changes", name=name, replay=True)
        assert "aut_1: handled" in capsys.readouterr().out


def test_phones_in_tests(two):
    uid = f"aut_{uuid.uuid4().hex}"
    with connected(Heard()) as heard, capture_changes() as captured:
        captured.phone_saves({"_id": uid, "doc_type": "author", "channels": ["c"]}, B)
        captured.deliver()
        captured.phone_deletes(uid, B)
    assert heard.told("signal", "sender", "by_us") == [
        ("changed", CBAuthor, False), ("removed", CBAuthor, False),
    ]  # fmt: skip
