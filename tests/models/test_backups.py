"""dumpdata and loaddata as a backup: what was dumped loads, and is the same."""

from __future__ import annotations

import io
import json
from io import StringIO
from typing import Any

import pytest
from django.core import serializers
from django.core.management import CommandError, call_command
from django.db import transaction
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from django_cbtools.exceptions import SyncGatewayBadRequest
from django_cbtools.models import CouchbaseModel
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, request
from django_cbtools.tests import clean_buckets
from tests.counts import FEW
from tests.testapp.models import CBArticle, CBEverything, CBParcel

FORMATS = ["json", "jsonl", "xml", "yaml"]
DOC_TYPES = {"cbeverything": CBEverything, "parcel": CBParcel, "article": CBArticle}
KEYS = {
    name: sorted(model.declared_keys() - {"doc_type"}) for name, model in DOC_TYPES.items()
}  # fmt: skip


def stored(uid: str) -> str:
    """A document as the gateway has it, as text that tells 1 from true and from 1.0."""
    document = SyncGateway.all_docs([uid])["rows"][0]["doc"]
    kept = {key: value for key, value in document.items() if key not in ("_id", "_rev", "_cv")}
    return json.dumps(kept, sort_keys=True)


def dumped(format: str = "json", *labels: str, **options: Any) -> str:
    output = StringIO()
    call_command("dumpdata", *labels or ("testapp",), format=format, stdout=output,
                 use_base_manager=True, **options)  # fmt: skip
    return output.getvalue()


def load(tmp_path: Any, text: str, format: str = "json", **options: Any) -> None:
    file = tmp_path / f"backup.{format}"
    file.write_text(text, encoding="utf-8")
    call_command("loaddata", str(file), verbosity=0, **options)


ODD = {
    "a day that is none": {"day": "2020-13-45"},
    "an object": {"day": {"a": 1}, "text": {"a": [1]}, "key": {}, "hour": {"x": None}},
    "text": {"moment": "nonsense", "created": "nonsense", "real": "x", "integer": "1"},
    "numbers": {"day": 5, "text": 7, "moment": 1.5, "amount": 2, "boolean": 1, "real": 3},
    "lists": {"text": [1], "address": [], "integer": [1], "binary": [2]},
    "st_deleted": {"st_deleted": "yes"},
    "channels": {"channels": "a"},
    "no channels": {"channels": []},
    "precise": {"moment": "2020-05-17T12:30:15.123456+00:00", "hour": "01:02:03.000007",
                "created": "2020-05-17T12:30:15.123456Z", "real": 0.1, "amount": "01.50"},
    "spaces": {"text": "  x\r\n ", "file": " ", "address": " 10.0.0.1"},
    "controls": {"text": "a\x00\x01\x1fb", "more": "\x00"},
    "more keys": {"color": None, "deep": {"er": [1, {"x": "ü\u2028"}]}},
    "true and false": {"boolean": "true", "integer": True, "real": False, "text": True},
    "other writings": {"key": "ABCDEF0123456789ABCDEF0123456789", "binary": "no base64",
                       "duration": 1.5, "json": {"a": [1, 2.0, None]}, "address": "::FFFF:1.2.3.4"},
}  # fmt: skip


@pytest.mark.parametrize("format", FORMATS)
def test_what_was_dumped_loads_and_is_the_same(db, tmp_path, format):
    for uid, keys in ODD.items():
        SyncGateway.save_json(
            uid, {"doc_type": "cbeverything", "channels": ["c"], "st_deleted": False, **keys}
        )
    for document in CBEverything.all_objects.all():
        # What is not there has no key, and gets its default once it is saved.
        SyncGateway.save_json(document.uid, {**document.to_dict(), "_rev": document.rev})
    before = {uid: stored(uid) for uid in ODD}
    assert CBEverything.all_objects.count() == len(ODD)
    backup = dumped(format)
    clean_buckets()
    load(tmp_path, backup, format)
    assert {uid: stored(uid) for uid in ODD} == before
    load(tmp_path, backup, format)  # on top of them
    assert {uid: stored(uid) for uid in ODD} == before


def test_nested_documents_and_lists(db, tmp_path):
    keys = {"labels": [1, "abcd", None], "days": ["2020-02-30", "2020-01-01"], "codes": [2, "x", 1],
            "place": {"city": 5, "more": 1}, "stops": [{"city": "A", "since": "x"}, 7],
            "created": None, "updated": None, "st_deleted": False}  # fmt: skip
    others = {"labels": "x", "days": 5, "codes": {}, "place": [], "stops": {"a": 1}}
    for uid, more in (("a", {}), ("b", others)):
        SyncGateway.save_json(uid, {"doc_type": "parcel", "channels": ["c"], **keys, **more})
    before = stored("a"), stored("b")
    for format in FORMATS:
        backup = dumped(format, "testapp.CBParcel")
        clean_buckets()
        load(tmp_path, backup, format)
        assert (stored("a"), stored("b")) == before


LEAVES = (
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=5)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["2020-01-02", "2020-01-02T03:04:05Z", "2020-01-02T03:04:05.123456+02:00",
                       "03:04:05", "1.50", "1", "true", "a@b.c", "10.0.0.1", "AAE=", "-0", "None"])
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["city", "since", "uid", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def documents(draw: Any) -> tuple[Any, dict[str, Any]]:
    doc_type = draw(st.sampled_from(sorted(DOC_TYPES)))
    declared = {key: draw(JSON) for key in KEYS[doc_type]}
    more = draw(st.dictionaries(st.sampled_from(["color", "size", "deep"]), JSON))
    return DOC_TYPES[doc_type], {**more, **declared, "doc_type": doc_type}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=FEW)
@given(found=documents(), format=st.sampled_from(["python", *FORMATS]))
def test_any_document(db, found, format):
    model, body = found
    try:
        with transaction.atomic():
            SyncGateway.save_json("uid", body)
            transaction.set_rollback(True)
    except SyncGatewayBadRequest:
        reject()  # no phone can have written it: a channel has a name
    document = model()
    document._fill("uid", "1-a", json.loads(json.dumps(body)))
    fixture = serializers.serialize(format, [document])
    # As a file is read: Django's JSONL splits a text where it has other ends of lines than "\n".
    given = io.StringIO(fixture) if isinstance(fixture, str) else fixture
    (again,) = serializers.deserialize(format, given)
    with transaction.atomic():
        again.save()
        kept = stored("uid")
        transaction.set_rollback(True)
    assert kept == json.dumps(body, sort_keys=True)


class Basket(CouchbaseModel):
    """It stores more than its fields, as in 1.x."""

    class Meta:
        abstract = True
        app_label = "testapp"

    doc_type = "backups_basket"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.items: list[Any] = []
        super().__init__(*args, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        return {**super().to_dict(), "items": self.items}

    def from_dict(self, dict_payload: Any) -> None:
        rest = dict(dict_payload)
        self.items = rest.pop("items", [])
        super().from_dict(rest)


def test_what_a_class_stores_besides_fields(db, tmp_path):
    basket = Basket(uid="b", channels=["c"], extra={"color": "red"})
    basket.items = ["x", {"y": 1.0}]
    basket.save()
    before = stored("b")
    for format in FORMATS:
        backup = dumped(format, "testapp.Basket")
        clean_buckets()
        load(tmp_path, backup, format)
        assert stored("b") == before


def test_values_stand_where_django_has_them_if_they_can(db):
    keys = {"moment": "2020-05-17T12:30:15.123456+00:00", "day": "2020-13-45", "amount": "1.50"}
    SyncGateway.save_json("e", {"doc_type": "cbeverything", "channels": ["c"], **keys})
    (entry,) = json.loads(dumped("json", "testapp.CBEverything"))
    fields = entry["fields"]
    assert (fields["moment"], fields["amount"]) == (keys["moment"], keys["amount"])
    assert "day" not in fields
    assert fields["extra"] == {"day": "2020-13-45"}
    # Who leaves out extra makes no backup.
    documents = CBEverything.objects.all()
    (shown,) = serializers.serialize("python", documents, fields=["day"])
    assert shown["fields"] == {"day": "2020-13-45"}


def test_attachments(db, tmp_path, caplog):
    content = {"content_type": "text/plain", "data": "aGVsbG8="}
    SyncGateway.save_json(
        "a", {"doc_type": "article", "channels": ["c"], "_attachments": {"hi.txt": content}}
    )
    stubs, whole = dumped(), dumped(attachments=True)
    load(tmp_path, stubs)
    assert request(PUBLIC, "GET", "a", "hi.txt").content == b"hello"
    clean_buckets()
    load(tmp_path, stubs)
    assert "without its attachment 'hi.txt'" in caplog.text
    assert "_attachments" not in CBArticle("a").extra
    clean_buckets()
    load(tmp_path, whole)
    assert request(PUBLIC, "GET", "a", "hi.txt").content == b"hello"
    assert CBArticle("a").extra["_attachments"]["hi.txt"]["content_type"] == "text/plain"


@pytest.mark.django_db(databases=["default", "plain"])
@pytest.mark.parametrize("routers", [[], ["django_cbtools.routers.DocumentRouter"]])
def test_a_fixture_is_loaded_through_a_real_gateway(gateway_by_http, settings, tmp_path, routers):
    settings.DATABASE_ROUTERS = routers
    fields = {"title": "t", "channels": ["c"], "extra": {"published": "2020-13-45"}}
    entry = {"model": "testapp.cbarticle", "pk": "a", "fields": fields}
    # Of another database than the one that the test's gateway is in.
    load(tmp_path, json.dumps([entry]), database="plain")
    assert CBArticle("a").title == "t"
    assert json.loads(stored("a"))["published"] == "2020-13-45"


@pytest.mark.parametrize("key", ["n", "real", "duration", "json"])
def test_a_number_that_python_cannot_have_is_told_by_its_document(db, key):
    body = {"doc_type": "cbeverything", "channels": ["c"], key: [{"a": "1e400"}]}
    request(PUBLIC, "PUT", "e", body=json.dumps(body).replace('"1e400"', "1e400").encode())
    for format in FORMATS:
        with pytest.raises(CommandError, match=rf"Document '?e\b(?=.*cannot).*\b{key}\b"):
            dumped(format)
    body[key] = "1e400"
    rev = CBEverything("e").rev
    text = json.dumps({**body, "_rev": rev}).replace('"1e400"', "1e400")
    request(PUBLIC, "PUT", "e", body=text.encode())
    with pytest.raises(CommandError, match=rf"Document '?e\b(?=.*cannot).*\b{key}\b"):
        dumped()
