"""Documents as JSON: each value, wrong ones and unknown keys included."""

from __future__ import annotations

import datetime
import decimal
import json
import logging
import uuid

import pytest
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as HypothesisTestCase

from django_cbtools.models import CHANNEL_PUBLIC, CouchbaseModelError
from django_cbtools.sync_gateway import SyncGateway
from tests.models.articles import UTC
from tests.testapp.models import CBArticle, CBAuthor, CBEverything, CBJob, CBPayment


def test_json_of_a_document(db):
    moment = datetime.datetime(2020, 2, 29, 1, 2, 3, 4, tzinfo=UTC)
    document = CBArticle(title="t", channels=["c"], published=moment, price="1.20")
    document.author_uid = "aut_1"
    assert document.to_dict() == {
        "doc_type": "article",
        "channels": ["c"],
        "created": None,
        "updated": None,
        "st_deleted": False,
        "title": "t",
        "year_published": 2014,
        "is_draft": True,
        "author_uid": "aut_1",
        "published": "2020-02-29T01:02:03.000004+00:00",
        "price": "1.20",
        "tags": [],
        "details": {},
    }
    assert json.loads(document.to_json()) == document.to_dict()


VALUES = {
    "text": "é\u2028<&>\x00🍺",
    "integer": 2**62,
    "real": 0.1,
    "boolean": False,
    "moment": datetime.datetime(2021, 3, 4, 5, 6, 7, 800009, tzinfo=UTC),
    "day": datetime.date(2021, 3, 4),
    "hour": datetime.time(5, 6, 7, 8),
    "duration": datetime.timedelta(days=3, microseconds=7),
    "amount": decimal.Decimal("12345678.1200"),
    "key": uuid.UUID("12345678123456781234567812345678"),
    "binary": b"\x00\xff",
    "json": {"a": [1, None, {"b": "c"}]},
    "address": "2001:db8::1",
}


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back(db, name):
    saved = CBEverything(channels=["c"], **{name: VALUES[name]})
    saved.save()
    by_key = CBEverything(saved.uid)
    by_orm = CBEverything.objects.get(uid=saved.uid)
    assert getattr(by_key, name) == getattr(by_orm, name) == VALUES[name]
    assert type(getattr(by_key, name)) is type(VALUES[name])


def test_file_is_stored_and_its_name_kept(db, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    saved = CBEverything(channels=["c"], file=ContentFile(b"x", name="a.txt"))
    saved.save()
    assert SyncGateway.all_docs([saved.uid])["rows"][0]["doc"]["file"] == "a.txt"
    with CBEverything(saved.uid).file.open() as file:
        assert file.read() == b"x"


WRONG = {
    "a": 1, "moment": "yesterday", "amount": [1], "integer": "many", "boolean": "maybe",
    "day": 5, "duration": "long", "key": "k", "binary": "%", "real": {}, "text": 5,
}  # fmt: skip


def test_a_phones_values_of_other_types_are_kept_and_written_back(db, caplog):
    SyncGateway.save_json("odd", {"doc_type": "cbeverything", "channels": ["c"], **WRONG})
    with caplog.at_level(logging.WARNING):
        loaded = CBEverything("odd")
    assert "odd" in caplog.text
    assert loaded.moment == "yesterday"
    assert loaded.extra == {"a": 1}
    loaded.text = "five"
    loaded.save()
    stored = SyncGateway.all_docs(["odd"])["rows"][0]["doc"]
    assert {key: stored[key] for key in WRONG} == {**WRONG, "text": "five"}
    assert list(CBEverything.objects.filter(integer__gt=1)) == []
    assert CBEverything.objects.get(text="five").day == 5


class TestUnknownKeys(HypothesisTestCase):
    @given(
        st.dictionaries(
            st.text(min_size=1).filter(lambda key: not key.startswith("_")),
            st.recursive(
                st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
                lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
                max_leaves=5,
            ),
        )
    )
    def test_survive_a_save(self, extra):
        known = CBAuthor(channels=["c"]).to_dict()
        extra = {key: value for key, value in extra.items() if key not in known}
        extra = json.loads(json.dumps(extra).encode("utf-8", "replace"))
        try:
            json.dumps(extra, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            return
        SyncGateway.save_json("a", {**known, **extra, "_rev": self.rev()})
        loaded = CBAuthor("a")
        loaded.name = "changed"
        loaded.save()
        stored = SyncGateway.all_docs(["a"])["rows"][0]["doc"]
        assert {key: stored[key] for key in extra} == extra
        assert CBAuthor("a").extra == extra

    def rev(self):
        row = SyncGateway.all_docs(["a"])["rows"][0]
        return row["value"]["rev"] if "value" in row else ""


def test_from_dict_touches_only_what_it_is_given():
    document = CBArticle(title="t", price=decimal.Decimal("1"))
    document.from_dict({"title": "u"})
    assert (document.title, document.price) == ("u", decimal.Decimal("1"))


def test_nested_models(db):
    job = CBJob(title="t", channels=["c"])
    job.payments = [CBPayment(amount=decimal.Decimal("12.34")), CBPayment(uid="preset")]
    job.save()
    loaded = CBJob(job.uid)
    assert [payment.amount for payment in loaded.payments] == [decimal.Decimal("12.34"), None]
    assert loaded.payments[1].uid == "preset"
    assert set(loaded.payments[0].to_dict()) == {
        "amount", "uid", "created", "updated", "st_deleted",
    }  # fmt: skip
    loaded.save()
    assert [payment.uid for payment in CBJob(job.uid).payments] == [
        payment.uid for payment in job.payments
    ]
    for refused in (CBPayment().save, lambda: CBPayment().load("x")):
        with pytest.raises(CouchbaseModelError):
            refused()


@pytest.mark.parametrize("start", [None, "", 5, ["v"]])
def test_references_lists(start):
    document = CBArticle()
    if start is not None:
        document.some_key = start
    document.append_to_references_list("some_key", "v")
    document.append_to_references_list("some_key", "v")
    assert document.get_references_list("some_key") == ["v"]
    document.delete_from_references_list("some_key", "v")
    document.delete_from_references_list("some_key", "v")
    assert document.some_key == []


def test_channels():
    document = CBArticle()
    document.append_channel(CHANNEL_PUBLIC)
    document.append_channel(CHANNEL_PUBLIC)
    assert document.channels == ["public"]
    document.clear_channels()
    assert document.channels == []
