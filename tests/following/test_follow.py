"""manage.py follow_sg_changes, and failed_sg_changes."""

from __future__ import annotations

import gc
import json
import logging

import pytest
from django.core.management import CommandError, call_command

from django_cbtools.checks import check_changes
from django_cbtools.following import follower, handle_change, parked
from django_cbtools.following.checkpoints import Checkpoint
from django_cbtools.following.notes import Note
from django_cbtools.signals import cb_changed
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, request
from tests.following.receivers import Heard, connected
from tests.testapp.models import CBArticle, CBAuthor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    monkeypatch.setattr(follower.Follower.__init__, "__defaults__", ((0.0, 0.0),))


@pytest.fixture
def heard():
    with connected(Heard()) as receiver:
        yield receiver


def follow(**kwargs):
    call_command("follow_sg_changes", once=True, verbosity=0, **kwargs)


def failed(*uids, **kwargs):
    call_command("failed_sg_changes", *uids, **kwargs)


def articles(*uids):
    CBArticle.objects.bulk_create(CBArticle(uid=uid, channels=["c"]) for uid in uids)


def uids(heard):
    return [instance.uid for instance in heard.told("instance")]


def test_goes_on_from_its_checkpoint(heard, capsys):
    articles("a", "b")
    call_command("follow_sg_changes", once=True)
    assert uids(heard) == ["a", "b"]
    assert capsys.readouterr().out == ("2 changes are handled, up to 2; 0 documents have failed.\n")
    articles("c")
    follow()
    assert uids(heard) == ["a", "b", "c"]
    follow()
    follow(name="another")
    assert uids(heard) == ["a", "b", "c", "a", "b", "c"]


def test_says_that_nobody_listens_and_what_nobody_knows(capsys):
    articles("a")
    SyncGateway.save_json("tool_1", {"doc_type": "Tool", "channels": ["c"]})
    call_command("follow_sg_changes", once=True)
    said = capsys.readouterr()
    assert "2 changes are handled" in said.out
    assert "1 document was left alone: no class has the doc_type 'Tool'." in said.out
    assert "Nobody listens to cb_changed" in said.err
    assert "cb_changes.py" in said.err
    with connected(Heard()):
        call_command("follow_sg_changes", once=True)
    assert "Nobody listens" not in capsys.readouterr().err
    with connected(Heard(), CBAuthor):
        call_command("follow_sg_changes", once=True, model=["testapp.CBAuthor"])
        assert "Nobody listens" not in capsys.readouterr().err
        call_command("follow_sg_changes", once=True, model=["testapp.CBArticle"])
        assert "Nobody listens" in capsys.readouterr().err


def test_a_receiver_that_is_gone_does_not_listen(capsys):
    cb_changed.connect(Heard())  # Django keeps no receiver alive
    gc.collect()
    call_command("follow_sg_changes", once=True)
    assert "Nobody listens" in capsys.readouterr().err


def test_where_to_begin(heard):
    articles("a", "b")
    follow(since="1")
    assert uids(heard) == ["b"]
    follow(since="now")
    articles("c")
    follow()
    assert uids(heard) == ["b", "c"]
    follow(since="0")
    assert uids(heard) == ["b", "c", "a", "b", "c"]
    with pytest.raises(CommandError, match="Invalid sequence"):
        follow(since="nowhere")


def test_documents_of_some_classes(heard):
    articles("a")
    CBAuthor(uid="aut_b", name="Ann", channels=["c"]).save()
    follow(model=["testapp.CBAuthor"])
    assert heard.told("sender") == [CBAuthor]
    no_document = {"auth.User": "no document class", "testapp.CBPayment": "no document class"}
    for label, why in {
        "testapp.CBNothing": "CBNothing",
        "x": "has to be app.Model",
        **no_document,
    }.items():
        with pytest.raises(CommandError, match=why):
            follow(model=[label])


def test_receiver_that_fails_is_tried_again_alone(heard):
    tries = []

    def fails_twice(instance, **kwargs):
        tries.append(instance.uid)
        if len(tries) < 3:
            raise LookupError

    articles("a", "b")
    with connected(fails_twice):
        follow()
    assert tries == ["a", "a", "a", "b"]
    assert uids(heard) == ["a", "b"]
    failed()


def test_what_fails_for_good_is_parked_and_replayed(heard, capsys, caplog):
    broken, calls = True, []

    def fails(**kwargs):
        calls.append(kwargs)
        if broken:
            raise LookupError("no such\nmanager")

    articles("a", "b")
    CBAuthor(uid="aut_1", name="Ann", channels=["c"]).save()
    with connected(fails, CBArticle), connected(fails, CBAuthor):
        with caplog.at_level(logging.ERROR):
            follow()
        assert "Document 'a' is parked" in caplog.text
        assert len(heard) == 3
        failed()
        said = capsys.readouterr().out
        assert "3 documents have failed." in said
        assert (
            r"test_what_fails_for_good_is_parked_and_replayed.<locals>.fails: 'LookupError" in said
        )
        with pytest.raises(CommandError, match="1 of them has failed again"):
            failed("b", replay=True)
        assert capsys.readouterr().out == "b: LookupError: no such\nmanager\n"
        broken = False
        CBArticle("b").delete()
        CBAuthor("aut_1").hard_delete()
        del calls[:]
        failed(replay=True)
        assert capsys.readouterr().out == "a: handled\nb: handled\naut_1: handled\n"
    # As they are now; others have heard of them already.
    assert [(call.get("uid"), call["deleted"]) for call in calls] == [
        (None, False), (None, True), ("aut_1", True)
    ]  # fmt: skip
    assert len(heard) == 3
    failed()
    assert capsys.readouterr().out == "0 documents have failed.\n"


def test_failed_changes_may_be_forgotten(capsys):
    def fails(**kwargs):
        raise LookupError

    articles("a", "b")
    with connected(fails):
        follow()
    failed("a", forget=True)
    assert [each.change.uid for each in parked.ParkingLot("default").all()] == ["b"]


def test_document_that_cannot_be_read(heard, monkeypatch):
    class Odd(CBArticle):
        class Meta:
            abstract = True

        doc_type = "odd"

        def from_dict(self, payload):
            if payload["title"] == "bad":
                raise KeyError("no title")
            super().from_dict(payload)

    try:
        SyncGateway.save_json("bad", {"doc_type": "odd", "channels": ["c"], "title": "bad"})
        articles("a")
        follow()
        assert uids(heard) == ["a"]
        ((found),) = parked.ParkingLot("default").all()
        assert found.receivers == {
            "": "UnreadableDocument: Document bad cannot be made a Odd: KeyError: 'no title'"
        }
        SyncGateway.save_json(
            "bad", {"doc_type": "odd", "channels": ["c"], "title": "good", "_rev": found.change.rev}
        )
        failed(replay=True)
        assert uids(heard) == ["a", "bad"]
    finally:
        from django.apps import apps

        apps.all_models["testapp"].pop("odd", None)
        apps.all_models["following"].pop("odd", None)
        apps.clear_cache()


def test_no_more_than_there_is_room_for(heard, monkeypatch):
    monkeypatch.setattr(parked, "MOST", 2)

    def fails(instance, **kwargs):
        if instance.uid != "d":
            raise LookupError("x" * 100_000)

    articles("a", "b", "c", "d")
    with connected(fails):
        with pytest.raises(CommandError, match="2 documents have failed"):
            follow()
        assert len(json.dumps(Note("failed", "default").read())) < 5000
        assert "d" not in uids(heard)
    failed("a", replay=True, verbosity=0)
    follow()
    assert uids(heard)[-2:] == ["c", "d"]


def test_checkpoint_of_another_database(heard, tmp_path):
    articles("a", "b", "c")
    follow()
    note = Note("checkpoint", "default")
    for change, why in [({"since": "4000"}, "has come to 3 only"),
                        ({"since": "7:4000"}, "has come to 3 only"),
                        ({"database": "other"}, "of database 'other'")]:  # fmt: skip
        body = note.read()
        note.write({**body, **change})
        path = tmp_path / "health.json"
        with pytest.raises(CommandError, match=why) as caught:
            follow(health_file=path)
        assert "--since" in str(caught.value)
        assert json.loads(path.read_text())["error"] == str(caught.value)
        note.write(body)
    follow(since="now")
    assert len(heard) == 3


def test_two_followers_of_one_name(heard):
    first, second = Checkpoint("default"), Checkpoint("default")
    articles("a")
    from django_cbtools.following.checkpoints import CheckpointError
    from django_cbtools.following.database import Database

    database = Database.now()
    first.load(database)
    second.load(database)
    first.save("1")
    first.save("1")
    with pytest.raises(CheckpointError, match="Only one may"):
        second.save("1")


def test_secret_key_is_changed(heard, settings):
    articles("a")
    settings.SECRET_KEY = "old"
    follow()
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["older", "old"]
    articles("b")
    follow()
    settings.SECRET_KEY_FALLBACKS = []
    articles("c")
    follow()
    assert uids(heard) == ["a", "b", "c"]


def test_phones_cannot_guess_where_it_is_kept(settings):
    names = {Note(kind, name)._keys[0] for kind in ("a", "b") for name in ("default", "x")}
    settings.SECRET_KEY = "another"
    names.add(Note("a", "default")._keys[0])
    assert len(names) == 5
    assert all(len(name.rpartition("-")[2]) == 64 for name in names)


def test_health_file(heard, tmp_path):
    articles("a")
    path = tmp_path / "health.json"
    follow(health_file=path)
    told = json.loads(path.read_text())
    assert (told["state"], told["handled"], told["since"], told["lag"]) == ("stopped", 1, "1", 0)
    assert [entry.name for entry in tmp_path.iterdir()] == ["health.json"]
    with pytest.raises(CommandError, match="cannot be written"):
        follow(health_file=tmp_path / "nowhere" / "health.json")


queue = []


def enqueue(**payload):
    if payload["uid"] == "lost":
        raise ConnectionError("no broker")
    queue.append(json.loads(json.dumps(payload)))


class Task:
    enqueue = staticmethod(enqueue)


def test_queue(heard, settings, capsys):
    settings.SYNC_GATEWAY_CHANGES = {"enqueue": f"{__name__}.Task.enqueue"}
    del queue[:]
    articles("a", "lost", "b")
    CBAuthor(uid="aut_1", name="Ann", channels=["c"]).save()
    SyncGateway.save_json("foreign", {"channels": ["c"]})
    follow()
    CBArticle("b").delete()
    CBAuthor("aut_1").hard_delete()
    follow()
    assert heard == []
    told = [(task["uid"], task["model"], task["deleted"], task["by_us"]) for task in queue]
    assert told == [
        ("a", "testapp.CBArticle", False, True),
        ("b", "testapp.CBArticle", False, True),
        ("aut_1", "testapp.CBAuthor", False, True),
        ("b", "testapp.CBArticle", False, True),
        ("aut_1", "testapp.CBAuthor", True, True),
    ]
    for task in queue:
        handle_change(**task)
    assert [(said["signal"], said["deleted"]) for said in heard] == [
        ("changed", False), ("changed", True), ("removed", True), ("changed", True),
        ("removed", True),
    ]  # fmt: skip
    failed()
    assert "lost" in capsys.readouterr().out

    def fails(**kwargs):
        raise LookupError("in a worker")

    with connected(fails), pytest.raises(LookupError, match="in a worker"):
        handle_change(**queue[0])


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"enqueue": "nowhere.at.all"}, "nothing there"), ({"enqueue": f"{__name__}.no"}, "nothing"),
     ({"enqueue": f"{__name__}.queue"}, "nothing there"), ({"enqueue": 5}, "cannot be 5"),
     ({"cache": "no"}, "one of CACHES"), ({"cash": "default"}, "cash"), (["cache"], "dictionary"),
     ({"enqueue": "tests.following.unimportable.task"}, "RuntimeError: not today")],
)  # fmt: skip
def test_bad_settings(settings, changes, why):
    settings.SYNC_GATEWAY_CHANGES = changes
    (message,) = check_changes()
    assert (message.id, why in message.msg) == ("cbtools.E018", True)
    with pytest.raises((CommandError, RuntimeError), match=why.removeprefix("RuntimeError: ")):
        follow()


def test_notes_are_no_documents(heard):
    articles("a")
    follow()
    rows = request(PUBLIC, "GET", "_all_docs").json()["rows"]
    assert [row["id"] for row in rows] == ["a"]
