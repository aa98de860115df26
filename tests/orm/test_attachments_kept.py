"""What a document carries beside its fields: no write through the ORM loses its attachments."""

from __future__ import annotations

import json

import pytest
from django.core.management import call_command
from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey
from django_cbtools.models.writing.versions import hide
from django_cbtools.sync_gateway import SyncGateway


class Bookcase(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "orm_bookcase"
    name = models.CharField(max_length=20)


class Decoder(json.JSONDecoder):
    pass


class Volume(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "orm_volume"
    title = models.CharField(max_length=20)
    year = models.IntegerField(null=True)
    notes = models.JSONField(default=dict, decoder=Decoder)
    shelf = ForeignKey(Bookcase, models.DO_NOTHING)


def stored(uid="v"):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


@pytest.fixture
def volume(db):
    SyncGateway.save_json(
        "v",
        {"doc_type": "orm_volume", "channels": ["c"], "st_deleted": False, "title": "t",
         "notes": {"a": 1}, "color": "red", "shelf_uid": "gone",
         "_attachments": {"a.txt": {"content_type": "text/plain", "data": "aGk="}}},
    )  # fmt: skip
    return Volume.objects.get()


def through_a_fixture(document, folder):
    path = str(folder / "volumes.json")
    call_command("dumpdata", "orm.Volume", output=path)
    Volume.objects.update(title="other")
    call_command("loaddata", path, verbosity=0)


WRITES = [
    lambda document, folder: document.save(),
    lambda document, folder: document.save(update_fields=["title"]),
    lambda document, folder: document.save(update_fields=["extra"]),
    lambda document, folder: Volume.objects.update(title="new"),
    lambda document, folder: Volume.objects.update(extra={"z": 1}),
    lambda document, folder: Volume.objects.bulk_update([document], ["title"]),
    lambda document, folder: Volume.objects.bulk_update([document], ["extra"]),
    lambda document, folder: document.delete(),
    lambda document, folder: Volume.objects.all().delete(),
    through_a_fixture,
]


@pytest.mark.parametrize("write", WRITES, ids=range(len(WRITES)))
def test_attachments_stay(volume, write, tmp_path):
    before = stored()
    write(volume, tmp_path)
    after = stored()
    assert after["_rev"] != before["_rev"]
    assert after["_attachments"] == before["_attachments"]


def test_same_extra_however_it_is_loaded(volume):
    assert volume.extra == Volume("v").extra
    assert volume.to_dict() == Volume("v").to_dict()


def test_decoded_json_that_is_changed_in_place(volume):
    for load in (Volume.objects.get, lambda: Volume("v")):
        document = load()
        document.notes["b"] = document.notes.get("b", 0) + 1
        document.save()
        assert stored()["notes"] == document.notes
    assert stored()["notes"] == {"a": 1, "b": 2}


def test_revision_that_is_refreshed_alone(volume):
    other = Volume("v")
    other.title = "by another"
    other.save()
    volume.refresh_from_db(fields=["rev"])
    volume.year = 1999
    volume.save(update_fields=["year"])
    assert (stored()["title"], stored()["year"]) == ("by another", 1999)


def test_what_points_to_nothing_is_found(volume):
    objects = Volume.objects
    assert objects.select_related("shelf").get() == volume
    assert objects.order_by("shelf__name").get() == volume
    assert list(objects.values_list("shelf__name", flat=True)) == [None]
    assert objects.exclude(shelf__name="b").get() == volume
    assert not objects.filter(shelf__name="b").exists()
    assert objects.exclude(year=5).get() == volume


@pytest.mark.parametrize("uid", [5, True, [], {}, ["v"]])
def test_uid_of_another_type(db, uid):
    SyncGateway.save_json(
        "v", {"doc_type": "orm_volume", "channels": ["c"], "st_deleted": False, "shelf_uid": uid}
    )
    (document,) = Volume.objects.prefetch_related("shelf")
    with pytest.raises(Bookcase.DoesNotExist):
        assert document.shelf
    document.title = "new"
    document.save()
    assert stored()["shelf_uid"] == uid
    assert type(stored()["shelf_uid"]) is type(uid)


def test_refreshing_forgets_what_was_prefetched(db):
    shelf = Bookcase(uid="s", name="s", channels=["c"])
    shelf.save()
    shelf = Bookcase.objects.prefetch_related("volume_set").get()
    assert list(shelf.volume_set.all()) == []
    Volume(title="t", shelf=shelf, channels=["c"]).save()
    shelf.refresh_from_db()
    assert len(shelf.volume_set.all()) == 1


def test_attachments_that_were_not_read(volume):
    """As SQL++ reads a document, which has neither its revision nor its attachments."""
    rev = volume.rev
    volume.extra.pop("_attachments")
    volume._base = {key: volume._base[key] for key in volume._base if key[0] != "_"}
    hide(volume, "cas:1")
    volume.attachments.add("b.txt", b"b")
    assert volume.attachments["a.txt"].read() == b"hi"
    volume.save()
    assert set(stored()["_attachments"]) == {"a.txt", "b.txt"}
    assert volume.rev != rev
