"""Documents: making, saving, loading, deleting."""

from __future__ import annotations

import pytest

from django_cbtools.exceptions import UnknownFieldWarning
from django_cbtools.sync_gateway import SyncGateway
from tests.models.articles import article
from tests.testapp.models import CBArticle, CBReview

# ------------------------------------------------------------------- identity


def test_new_document_has_no_uid():
    with pytest.warns(UnknownFieldWarning):
        document = CBArticle(title="t", unknown="ignored")
    assert (document.uid, document.rev, document.channels) == (None, None, [])
    assert document.is_new()
    assert not hasattr(document, "unknown")


def test_get_uid_makes_one_and_keeps_it():
    document = CBArticle()
    uid = document.get_uid()
    assert uid.startswith("atl_")
    assert len(uid) == len("atl_") + 22
    assert document.get_uid() == uid
    assert CBArticle(uid_prefix="xyz").get_uid().startswith("xyz_")


def test_equality_is_djangos():
    one, other = CBArticle(), CBArticle()
    assert one != other
    assert one.uid is None
    with pytest.raises(TypeError):
        hash(one)
    assert CBArticle(uid="a") == CBArticle(uid="a")
    assert CBArticle(uid="a") != CBReview(uid="a")


def test_mutable_defaults_are_not_shared():
    CBArticle().channels.append("x")
    assert CBArticle().channels == []


# --------------------------------------------------------------------- saving


def test_document_without_doc_type_loads_by_key_only(db):
    SyncGateway.save_json("odd", {"title": "x"})
    assert CBArticle("odd").title == "x"
    assert not CBArticle.objects.filter(title="x").exists()


def test_delete_is_soft(db):
    saved = article()
    saved.delete()
    loaded = CBArticle(saved.uid)
    assert loaded.st_deleted
    assert not CBArticle.objects.filter(uid=saved.uid).exists()
    assert CBArticle.all_objects.get(uid=saved.uid) == saved


def test_tombstone_does_not_exist_and_can_be_made_again(db):
    saved = article()
    SyncGateway.delete_document(saved.uid, saved.rev)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(saved.uid)
    again = CBArticle(uid=saved.uid, channels=["c"])
    again.save()
    assert again.rev.startswith("3-")


def test_refresh_from_db(db):
    saved = article()
    other = CBArticle(saved.uid)
    other.title, other.extra["new"] = "changed", 1
    other.save()
    saved.refresh_from_db(fields=["year_published"])
    assert saved.title == "Couchbase & You"
    saved.refresh_from_db()
    assert (saved.title, saved.rev, saved.extra) == ("changed", other.rev, {"new": 1})
