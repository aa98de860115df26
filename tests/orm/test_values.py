"""Values of every type of field: as they are written, stored, loaded and asked for."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import pytest
from django.core import serializers
from django.core.files.base import ContentFile
from django.db.models import Count, F, Max, Min

from django_cbtools.exceptions import CouchbaseValueError
from django_cbtools.sync_gateway import SyncGateway
from tests.orm.moments import MOMENT, NEW_YORK, UTC, stored

from .values_models import Level, Size, Valued

LONG = "é" * 100_000
TEXTS = [
    "",
    "a",
    " a ",
    "100%",
    'it\'s "quoted"',
    "back\\slash",
    "line\nbreak",
    "日本 🎈",
    "null",
    LONG,
]
DIGITS = "12345678901234567890.1234567890"

#: A field, its value, and how it is stored (where that is not as it is).
ROWS = [
    *[("text", text) for text in TEXTS],
    *[("char", text) for text in TEXTS[:-1]],
    ("slug", "a-slug"),
    ("email", "ann@example.org"),
    ("url", "https://example.org/?a=b&c=%20"),
    ("path", "/etc/hosts"),
    ("file", "files/one.txt"),
    ("image", "images/one.png"),
    *[("integer", number) for number in (0, 1, -1, 2**31 - 1, -(2**31))],
    *[("big", number) for number in (2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63))],
    ("small", -32768),
    ("positive", 2**31 - 1),
    ("positive_big", 2**63 - 1),
    ("positive_small", 32767),
    *[("real", number) for number in (0.0, -1.5, 0.1, 1e300, 5e-324, 1.7976931348623157e308)],
    *[
        ("amount", Decimal(text), str(Decimal(text)))
        for text in ("0", "1.50", "-0.10", "1E+3", "1E-10", "0.0000000001", DIGITS, "-" + DIGITS)
    ],
    ("boolean", True),
    ("boolean", False),
    ("moment", MOMENT.replace(tzinfo=UTC), "2020-05-17T12:30:15+00:00"),
    ("moment", MOMENT.replace(tzinfo=UTC, microsecond=7), "2020-05-17T12:30:15.000007+00:00"),
    ("moment", MOMENT.replace(tzinfo=NEW_YORK), "2020-05-17T12:30:15-04:00"),
    ("moment", datetime.datetime(1, 1, 2, tzinfo=UTC), "0001-01-02T00:00:00+00:00"),
    ("moment", datetime.datetime.max.replace(tzinfo=UTC), "9999-12-31T23:59:59.999999+00:00"),
    ("day", datetime.date(2020, 2, 29), "2020-02-29"),
    ("day", datetime.date.min, "0001-01-01"),
    ("day", datetime.date.max, "9999-12-31"),
    ("hour", datetime.time(0), "00:00:00"),
    ("hour", datetime.time(23, 59, 59, 999_999), "23:59:59.999999"),
    ("duration", datetime.timedelta(0), 0),
    ("duration", datetime.timedelta(microseconds=-1), -1),
    ("duration", datetime.timedelta(days=-30, hours=5), -2_574_000_000_000),
    ("duration", datetime.timedelta(days=100_000, microseconds=1), 8_640_000_000_000_001),
    ("key", uuid.UUID(int=10**30), "0000000c-9f2c-9cd0-4674-edea40000000"),
    ("binary", b"", ""),
    ("binary", b"\x00\xff\xfe binary", "AP/+IGJpbmFyeQ=="),
    ("address", "192.0.2.1"),
    ("address", "2001:db8::1"),
    *[("json", value) for value in (0, "", "text", False, [], {}, 1.5, 2**53 + 1, 10**30)],
    ("json", {"a": [None, {"b": "日本", "q\"u'o%te": [1, 2.5, True]}], "": None}),
    ("coded", {"day": datetime.date(2020, 1, 1), "n": 1}, {"day": "2020-01-01", "n": 1}),
    ("size", Size.LARGE, "l"),
    ("level", Level.HIGH, 2),
    ("renamed", "by another key"),
    ("list", [1, "a", None, [2**53 + 1]]),
    ("object", {"a": {"b": None}}),
]
#: What has no order, or none that databases share.
UNORDERED = {"json", "coded", "list", "object", "boolean", "binary"}


def key_of(name):
    return Valued._meta.get_field(name).db_column or name


def same(found, value):
    """Whether they are equal, of one type, and, where that can be told, written alike."""
    assert found == value
    if not isinstance(value, (Size, Level)) and type(value) is not datetime.datetime:
        assert type(found) is type(value) or isinstance(found, type(value)) or found.name == value
    assert not isinstance(value, Decimal) or str(found) == str(value)


def row_id(value):
    return repr(value)[:30] if not isinstance(value, str) else value[:20]


@pytest.mark.parametrize(
    ("name", "value", "as_json"), [(*row, row[1])[:3] for row in ROWS], ids=row_id
)
def test_round_trip(db, name, value, as_json):
    document = Valued(uid="a", channels=["c"], **{name: value})
    document.save()
    Valued(uid="none", channels=["c"]).save()
    found = stored("a")[key_of(name)]
    assert (found, type(found)) == (as_json, type(as_json))
    objects = Valued.objects.filter(uid="a")

    same(getattr(Valued("a"), name), value)
    same(getattr(objects.get(), name), value)
    same(objects.values(name).get()[name], value)
    same(objects.values_list(name, flat=True).get(), value)
    same(objects.annotate(x=F(name)).values_list("x", flat=True).get(), value)
    assert Valued.objects.get(**{name: value}).uid == "a"
    assert Valued.objects.get(**{f"{name}__in": [value]}).uid == "a"
    assert Valued.objects.get(**{f"{name}__isnull": True}).uid == "none"
    assert Valued.objects.exclude(**{f"{name}__isnull": True}).get().uid == "a"
    counted = Valued.objects.values(name).annotate(n=Count("uid")).order_by("n")
    assert len({repr(row[name]) for row in counted}) == 2
    assert objects.aggregate(n=Count(name, distinct=True)) == {"n": 1}
    if name not in UNORDERED:
        most, least = objects.aggregate(x=Max(name), y=Min(name)).values()
        assert most == least
        if not isinstance(value, Decimal):  # SQL computes with 15 digits
            assert most == value

    # Saved untouched, it is the same JSON.
    before = stored("a")
    Valued("a").save()
    assert {**stored("a"), "updated": 0, "_rev": 0} == {**before, "updated": 0, "_rev": 0}

    Valued.objects.filter(uid="none").update(**{name: value})
    assert stored("none")[key_of(name)] == found
    assert Valued.objects.filter(**{name: value}).count() == 2

    for form in ("json", "jsonl", "xml"):
        (again,) = serializers.deserialize(form, serializers.serialize(form, [Valued("a")]))
        again.save()
        found = getattr(Valued("a"), name)
        same(bytes(found) if name == "binary" else found, value)


SORTED = {
    "text": ["", "A", "a", "b", "é"],
    "integer": [-(2**31), -1, 0, 2, 10],
    "big": [-(2**63), -(2**53) - 1, -(2**53), 2**53, 2**53 + 1, 2**63 - 1],
    "real": [-1e300, -0.5, 0.0, 5e-324, 2.0, 10.0, 1e300],
    "amount": [Decimal(text) for text in ("-10.5", "-9", "0.10", "0.9", "9", "10.50", "1E+3")],
    "moment": [
        datetime.datetime(2020, 1, 1, 23, tzinfo=NEW_YORK) + datetime.timedelta(microseconds=n)
        for n in (-(10**12), 0, 1, 500_000, 10**6, 10**12)
    ],
    "day": [datetime.date(year, 1, 1) for year in (1, 999, 2020, 9999)],
    "hour": [datetime.time(0), datetime.time(9, 30), datetime.time(9, 30, 0, 1), datetime.time(10)],
    "duration": [datetime.timedelta(days=n) for n in (-40, -1, 0, 2, 10, 100_000)],
    "key": [uuid.UUID(int=n) for n in (1, 2, 16, 2**127)],
    "boolean": [False, True],
    "binary": [b"", b"\x00", b"a", b"b", b"\xff"],
    "size": [Size.LARGE, Size.SMALL],
    "level": [Level.LOW, Level.HIGH],
}


@pytest.mark.parametrize("name", SORTED)
def test_order_and_ranges(db, name):
    values = SORTED[name]
    documents = [Valued(channels=["c"], **{name: value}) for value in reversed(values)]
    Valued.objects.bulk_create(documents)
    assert list(Valued.objects.order_by(name).values_list(name, flat=True)) == values
    assert [getattr(one, name) for one in Valued.objects.order_by(f"-{name}")] == values[::-1]
    middle = len(values) // 2
    for lookup, expected in [
        ("gt", values[middle + 1 :]),
        ("gte", values[middle:]),
        ("lt", values[:middle]),
        ("lte", values[: middle + 1]),
    ]:
        found = Valued.objects.filter(**{f"{name}__{lookup}": values[middle]}).order_by(name)
        assert [getattr(one, name) for one in found] == expected


def test_defaults(db):
    document = Valued(channels=["c"])
    document.save()
    assert stored(document.uid)["made"] == "made"
    assert Valued.objects.get(made="made") == document
    # A document without the key has the default as an instance; in SQL it is NULL.
    SyncGateway.save_json("bare", {"doc_type": "orm_valued", "channels": ["c"]})
    assert Valued("bare").made == Valued.objects.get(uid="bare").made == "made"
    assert Valued.objects.filter(made__isnull=True).get().uid == "bare"


def test_a_file_that_is_stored(db, tmp_path, settings):
    settings.MEDIA_ROOT = tmp_path
    document = Valued(channels=["c"])
    document.file.save("one.txt", ContentFile(b"content"), save=False)
    document.save()
    assert stored(document.uid)["file"] == "one.txt"
    loaded = Valued.objects.get()
    assert loaded.file.read() == b"content"
    loaded.file.close()
    assert not loaded.image


def test_json_null_and_nothing_are_one(db):
    """A document has one null; it is SQL's NULL."""
    Valued(uid="none", channels=["c"], json=None).save()
    SyncGateway.save_json("missing", {"doc_type": "orm_valued", "channels": ["c"]})
    Valued(uid="inside", channels=["c"], json={"a": None}).save()
    assert stored("none")["json"] is None
    null = Valued.objects.filter(json__isnull=True).order_by("uid")
    assert [one.uid for one in null] == ["missing", "none"]
    assert Valued.objects.get(json__isnull=False).uid == "inside"
    assert Valued.objects.get(json__a=None).uid == "inside"
    assert Valued.objects.get(json__has_key="a").uid == "inside"
    assert not Valued.objects.filter(json__a__isnull=True, json__isnull=False).exists()


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        ({"json__a__b": 1}, "x"),
        ({"json__list__1": "two"}, "x"),
        ({"json__list__0__gt": 0}, "x"),
        ({"json__n": 2**53 + 1}, "x"),
        ({"json__n": 2**53}, ""),
        ({"json__text": "1"}, "y"),
        ({"json__text": 1}, "x"),
        ({"json__contained": {}}, ""),
        ({"json__has_keys": ["a", "list"]}, "x"),
        ({"json__has_any_keys": ["a", "text"]}, "xy"),
        ({"json__flag": True}, "x"),
        ({"json__flag": 1}, "y"),
        ({"json__q'u o%te": 1}, "x"),
    ],
    ids=str,
)
def test_json_lookups(db, lookup, expected):
    first = {
        "a": {"b": 1}, "list": [1, "two"], "n": 2**53 + 1, "text": 1, "flag": True, "q'u o%te": 1
    }  # fmt: skip
    Valued(uid="x", channels=["c"], json=first).save()
    Valued(uid="y", channels=["c"], json={"text": "1", "flag": 1}).save()
    found = Valued.objects.filter(**lookup).order_by("uid").values_list("uid", flat=True)
    assert list(found) == list(expected)


# ------------------------------------------------------------- what cannot be stored

NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[
            (name, value)
            for value in (NAN, INFINITY, -INFINITY)
            for name in ("real", "integer", "amount", "json")
        ],
        ("amount", Decimal("NaN")),
        ("amount", Decimal("sNaN")),
        ("amount", Decimal("Infinity")),
        ("json", {"a": [NAN]}),
        ("coded", [INFINITY]),
        ("list", [1.0, NAN]),
        ("object", {"a": {"b": NAN}}),
        ("real", 10**400),
        ("real", "text"),
        ("integer", "text"),
        ("integer", []),
        ("amount", "text"),
        ("boolean", "text"),
        ("moment", "text"),
        ("moment", "2020-13-45T00:00:00Z"),
        ("moment", 5),
        ("day", "2020-02-30"),
        ("hour", "25:00"),
        ("duration", "text"),
        ("duration", 5),
        ("key", "text"),
        ("binary", "not base64!"),
        ("binary", object),
        ("json", object),
        ("json", {1, 2}),
        ("text", "\ud800"),
        ("json", ["\ud800"]),
        ("text", F("char")),
    ],
    ids=str,
)
def test_refused(db, name, value):
    document = Valued(uid="a", channels=["c"], **{name: value})
    with pytest.raises(CouchbaseValueError, match=f"field {name} cannot store") as caught:
        document.save()
    assert isinstance(caught.value, ValueError)
    assert "error" in SyncGateway.all_docs(["a"])["rows"][0]


def test_what_is_refused_is_named_though_it_has_no_uid(db):
    for value in ("text", F("char")):
        with pytest.raises(CouchbaseValueError, match=r"^A new orm\.Valued: field integer cannot"):
            Valued(channels=["c"], integer=value).save()


def test_no_address_is_null(db):
    """As in Django, for all its databases."""
    Valued(uid="a", channels=["c"], address="").save()
    assert stored("a")["address"] is None
    Valued.objects.filter(uid="a").update(address="::1")
    assert Valued("a").address == "::1"
    Valued.objects.update(address="")
    assert stored("a")["address"] is None
