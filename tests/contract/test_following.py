"""Following changes: the command, its checkpoint, what has failed, and phones in tests."""

from __future__ import annotations

import uuid

import pytest
from django.core.management import CommandError, call_command

from django_cbtools.following.notes import Note
from django_cbtools.following.parked import ParkingLot
from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import capture_changes
from tests.following.receivers import Heard, connected
from tests.testapp.models import CBArticle, CBAuthor


@pytest.fixture
def name(gateway):
    """A follower that begins at the end of what there is."""
    name = uuid.uuid4().hex
    follow(name, since="now")
    return name


def follow(name, **kwargs):
    call_command("follow_sg_changes", name=name, once=True, verbosity=0, **kwargs)


def phone_saves(captured, **body):
    document = {"_id": f"aut_{uuid.uuid4().hex}", "doc_type": "author", "channels": ["c"], **body}
    captured.phone_saves(document)
    return document["_id"]


def test_phones_and_this_site(gateway):
    with connected(Heard()) as heard, capture_changes() as captured:
        uid = phone_saves(captured, name="Ann")
        captured.deliver()
        author = CBAuthor(uid)
        author.name = "Bob"
        author.save()
        captured.deliver()
        captured.phone_deletes(uid)
    assert heard.told("signal", "sender", "created", "deleted", "by_us") == [
        ("changed", CBAuthor, True, False, False),
        ("changed", CBAuthor, None, False, True),
        ("removed", CBAuthor, None, True, False),
    ]
    assert [instance.name for instance in heard.told("instance") if instance] == ["Ann", "Bob"]


def test_command_goes_on_where_it_was(name):
    with connected(Heard()) as heard:
        saved = [CBArticle(uid=f"atl_{uuid.uuid4().hex}", channels=["c"]) for _ in range(3)]
        CBArticle.objects.bulk_create(saved)
        follow(name)
        assert [instance.uid for instance in heard.told("instance")] == [s.uid for s in saved]
        follow(name)
        saved[0].save()
        follow(name)
    assert [instance.rev for instance in heard.told("instance")[3:]] == [saved[0].rev]
    note = Note("checkpoint", name)
    body = note.read()
    assert body["since"] == heard[-1]["seq"]
    note.write({**body, "since": "99999999"})
    with pytest.raises(CommandError, match="--since"):
        follow(name)


def test_failed_changes(name, capsys, monkeypatch):
    monkeypatch.setattr("django_cbtools.following.follower.time.sleep", lambda seconds: None)
    monkeypatch.setattr("django_cbtools.following.stopping.time.sleep", lambda seconds: None)
    is_broken = True

    def fails(**kwargs):
        if is_broken:
            raise LookupError("no manager")

    saved = CBArticle(channels=["c"])
    saved.save()
    with connected(fails):
        follow(name)
        (parked,) = ParkingLot(name).all()
        assert (parked.change.uid, parked.change.rev) == (saved.uid, saved.rev)
        is_broken = False
        call_command("failed_sg_changes", name=name, replay=True)
    assert capsys.readouterr().out == f"{saved.uid}: handled\n"
    assert ParkingLot(name).all() == []


def test_document_that_gets_out_of_sight(user, settings):
    moving, staying = CBArticle(channels=["a"]), CBArticle(channels=["a", "b"])
    settings.SYNC_GATEWAY_USER, settings.SYNC_GATEWAY_PASSWORD = reader(user, settings), "secret"
    with connected(Heard()) as heard, capture_changes() as captured:
        as_writer(settings, lambda: CBArticle.objects.bulk_create([moving, staying]))
        captured.deliver()
        moving.channels, staying.channels = ["b"], ["a"]
        as_writer(settings, lambda: [moving.save(), staying.save()])
    assert heard.told("signal", "sender", "uid", "deleted")[2:] == [
        ("removed", CouchbaseModel, moving.uid, False),
        ("changed", CBArticle, None, False),
    ]


def reader(user, settings):
    settings.WRITER = settings.SYNC_GATEWAY_USER, settings.SYNC_GATEWAY_PASSWORD
    return user(admin_channels=["a"])


def as_writer(settings, work):
    now = settings.SYNC_GATEWAY_USER, settings.SYNC_GATEWAY_PASSWORD
    settings.SYNC_GATEWAY_USER, settings.SYNC_GATEWAY_PASSWORD = settings.WRITER
    work()
    settings.SYNC_GATEWAY_USER, settings.SYNC_GATEWAY_PASSWORD = now


def test_notes_of_a_follower(gateway):
    note, other = Note("test", uuid.uuid4().hex), Note("other", uuid.uuid4().hex)
    assert note.read() is None
    note.write({"n": 1})
    note.write({"n": 2})
    assert other.read() is None
    assert note.read()["n"] == 2
    rows = SyncGateway.all_docs([], really_all=True)["rows"]
    assert rows == []
