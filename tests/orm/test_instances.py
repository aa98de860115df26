"""Instances made of documents: whatever is in them, nothing of it is lost."""

from __future__ import annotations

import datetime

import pytest
from django.db.models import F
from django.db.models.signals import post_init
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle, CBEverything

KEYS = [
    field.attname
    for field in CBEverything._meta.concrete_fields
    if field.attname not in ("uid", "rev", "channels", "extra")
]
MOMENTS = st.sampled_from(
    ["2020-05-17T12:30:15Z", "2020-05-17T12:30:15.5+02:00", "2020-05-17",
     "2020-05-17T12:30:15+00:00", "yesterday", "9.50", "1e3", "AAEC",
     "00000000-0000-0000-0000-000000000001", "::FFFF:1.2.3.4"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(-1e9, 1e9) | st.text()
    | MOMENTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=4,
)  # fmt: skip
DOCUMENTS = st.dictionaries(
    st.sampled_from([*KEYS, "color", "extra", "pk", "author", "_meta", "save"]), VALUES
)


def stored(uid):
    document = SyncGateway.all_docs([uid])["rows"][0]["doc"]
    return {
        key: value for key, value in document.items() if not key.startswith("_") or key == "_meta"
    }


@given(document=DOCUMENTS)
def test_what_a_phone_wrote_is_what_is_written_back(document):
    document = {"doc_type": "cbeverything", "channels": ["c"], **document}
    loaded = CBEverything()
    loaded._fill("uid", "1-a", document)
    written = loaded.to_dict()
    assert {key: written[key] for key in document} == document
    # 1.0 is the same number in JSON as 1; True is not.
    booleans = {key for key, value in document.items() if value is True or value is False}
    assert {key for key in document if written[key] is True or written[key] is False} == booleans


@pytest.mark.parametrize(
    "key", ["author", "extra", "pk", "uid", "rev", "objects", "save", "author_id"]
)
def test_undeclared_keys_named_like_something_of_the_class(db, key):
    document = {"doc_type": "article", "channels": ["c"], key: "mine", "title": "t"}
    SyncGateway.save_json("a", document)
    for loaded in (CBArticle("a"), CBArticle.objects.get()):
        assert loaded.extra == {key: "mine"}
        assert (loaded.pk, loaded.title, loaded.author_uid) == ("a", "t", None)
    loaded.title = "u"
    loaded.save()
    assert stored("a") | {"title": "t"} == stored("a") | document


def test_extra_can_be_asked_for(db):
    for uid, color in (("a", "red"), ("b", "blue"), ("c", None)):
        CBArticle(uid=uid, channels=["c"], extra={"color": color, "deep": {"er": [uid]}}).save()
    CBArticle(uid="d", channels=["c"]).save()

    def found(**lookup):
        return set(CBArticle.objects.filter(**lookup).values_list("uid", flat=True))

    assert found(extra__color="red") == {"a"}
    assert found(extra__color__startswith="b") == {"b"}
    assert found(extra__deep__er__0="c") == {"c"}
    assert found(extra__has_key="color") == {"a", "b", "c"}
    assert found(extra__color__isnull=True) == {"d"}
    values = dict(CBArticle.objects.order_by("uid").values_list("uid", "extra"))
    assert values["a"] == {"color": "red", "deep": {"er": ["a"]}}
    assert values["d"] == {}
    colors = CBArticle.objects.order_by("uid").values_list(F("extra__color"), flat=True)
    assert list(colors) == ["red", "blue", None, None]


def test_same_instance_however_it_is_loaded(db):
    SyncGateway.save_json(
        "a",
        {"doc_type": "article", "channels": ["c"], "title": None, "published": "2020-01-02T03:04Z",
         "price": "1.50", "author_uid": "x", "color": "red"},
    )  # fmt: skip
    by_key, by_query = CBArticle("a"), CBArticle.objects.get()
    for field in CBArticle._meta.concrete_fields:
        assert getattr(by_key, field.attname) == getattr(by_query, field.attname)
    for name in ("db", "adding", "fields_cache"):
        assert getattr(by_key._state, name) == getattr(by_query._state, name)
    utc = datetime.timezone.utc
    assert by_query.published == datetime.datetime(2020, 1, 2, 3, 4, tzinfo=utc)
    assert by_query.to_dict() == by_key.to_dict()
    assert by_query.to_dict()["published"] == "2020-01-02T03:04Z"


def test_loading_again_forgets_what_was_there(db):
    article = CBArticle(uid="a", channels=["c"], author_uid="x", extra={"color": "red"})
    article.save()
    SyncGateway.save_json(
        "a", {"_rev": article.rev, "doc_type": "article", "channels": ["d"], "author_uid": "y"}
    )
    article.author = None
    article.load("a")
    assert (article.author_uid, article.extra, article.channels) == ("y", {}, ["d"])


class Counted(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "counted"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.made = True


class Titled(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "titled"

    def from_dict(self, dict_payload):
        super().from_dict(dict_payload)
        self.title = self.extra.get("title", "").upper()


def test_overridden_init_and_from_dict(db):
    SyncGateway.save_json("a", {"doc_type": "counted", "channels": ["c"], "uid": "z"})
    SyncGateway.save_json("b", {"doc_type": "titled", "channels": ["c"], "title": "t"})
    assert Counted.objects.get().made
    assert Titled.objects.get().title == "T"


def test_post_init_is_sent(db):
    CBArticle(uid="a", channels=["c"], title="t").save()
    made = []

    def note(instance, **kwargs):
        made.append(type(instance))

    post_init.connect(note, sender=CBArticle)
    try:
        assert CBArticle.objects.get().title == "t"
    finally:
        post_init.disconnect(note, sender=CBArticle)
    assert made == [CBArticle]
