"""Documents that phones wrote otherwise than the server expects: nothing of it breaks a query."""

from __future__ import annotations

import datetime
import json
import logging
import math

import pytest
from django.conf import settings as django_settings
from django.db import transaction
from django.db.models import (
    Avg,
    Case,
    CharField,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    Sum,
    Value,
    When,
)
from django.db.models.functions import (
    Abs,
    Cast,
    Coalesce,
    Concat,
    Length,
    Now,
    Round,
    Trunc,
    TruncDate,
    TruncTime,
    Upper,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from django_cbtools.models.fields import mismatches
from django_cbtools.sync_gateway import SyncGateway
from tests.counts import FEW

from .values_models import Valued

NAMES = [
    field.name
    for field in Valued._meta.concrete_fields
    if field.name not in ("uid", "rev", "channels", "st_deleted", "extra")
]
KEYS = {name: Valued._meta.get_field(name).db_column or name for name in NAMES}

ODD = [
    None, True, False, 0, 1, -1, 2, 1.0, -1.5, 1e300, 1e-300, 2**31, 2**53 + 1, -(2**63), 2**63,
    2**64, 10**30, -(10**30), 10**400, [], [1], [None], ["a"], [[]], {}, {"a": 1}, {"a": {"b": []}},
    "", " ", "a", "0", "1", "-1", "1.5", "1.50", " 1 ", "1e3", "1E-3", ".5", "5.", "+1", "1e", "e1",
    "1-2", "1.2.3", "1e999", "-1e999", "1e-999", "nan", "NaN", "Infinity", "-inf", "0x10", "1_000",
    "12345678901234567890.12345678901234567890", "9" * 400, "١٢", "true", "false", "null", "None",
    "now", "today", "localtime", "2020-05-17", "2020-5-7", "2020-13-45", "2020-02-30", "2020-02-29",
    "2021-02-29", "0000-00-00", "0000-01-01", "0001-01-01", "9999-12-31", "10000-01-01",
    "-2020-01-01", "2020-05-17T12:30:15", "2020-05-17T12:30:15Z", "2020-05-17T12:30:15z",
    "2020-05-17t12:30:15Z", "2020-05-17T12:30", "2020-05-17T12:30Z", "2020-05-17T12",
    "2020-05-17T24:00:00Z", "2020-05-17T25:00:00Z", "2020-05-17T12:60:00Z", "2020-05-17T12:30:60Z",
    "2020-05-17T12:30:15.5+02:00", "2020-05-17T12:30:15+0200", "2020-05-17T12:30:15+02",
    "2020-05-17T12:30:15+25:00", "2020-05-17T12:30:15 +02:00", "2020-05-17T12:30:15 CET",
    "2020-05-17T12:30:15Europe/Oslo", "2020-05-17T12:30:15.123456789Z", "2020-05-17T12:30:15,5Z",
    "0000-12-31T23:59:59Z", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00",
    "0001-01-02T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59-14:00",
    "9999-12-31T24:00:00", "10000-01-01T00:00:00Z", "2020-W20-7", "20200517", "20200517T123015Z",
    "2020-137", "1589718615", "2458987.02", "12:30", "12:30:15", "24:00", "12:60", "12:30:60",
    "12:30:15.5", "12:30:15.1234567", "12:30:15+02:00", "12:30:15Z", "99:99:99", "1:2", "PM",
    "P1D", "1 day", "1 00:00:00", "00000000-0000-0000-0000-000000000001", "{0}",
    "00000000000000000000000000000001", "urn:uuid:00000000-0000-0000-0000-000000000001",
    "0000000-00000-0000-0000-0000000000001", "g" * 32, "AAEC", "AAE", "AAEC====", "A A E C", "é",
    "192.0.2.1", "999.0.2.1", "::1", "::ffff:192.0.2.1", "files/one.txt", "../../etc/passwd",
    "a\x00b", "\x00", "日本 🎈", "x" * 1000, '{"a": 1}', "[1]", "'; DROP TABLE x; --", "%s %d %",
]  # fmt: skip

PRESENT = {
    "text": "a", "char": "a", "slug": "a", "email": "a@b.cd", "url": "http://a.b", "path": "a",
    "file": "a", "image": "a", "real": 1.5, "amount": "1.50", "boolean": True, "key": "0" * 32,
    "moment": datetime.datetime(2020, 5, 17, 12, tzinfo=datetime.timezone.utc), "binary": b"a",
    "day": datetime.date(2020, 5, 17), "hour": datetime.time(12), "address": "192.0.2.1",
    "duration": datetime.timedelta(1), "json": {"a": 1}, "coded": {"a": 1}, "size": "s",
    "renamed": "a", "list": [1], "object": {"a": 1}, "made": "a",
}  # fmt: skip
PRESENT["created"] = PRESENT["updated"] = PRESENT["moment"]


def of(*classes):
    return [name for name in NAMES if Valued._meta.get_field(name).get_internal_type() in classes]


NUMBERS = [*(name for name in NAMES if name not in PRESENT), "real", "amount"]
MOMENTS, DAYS = of("DateTimeField"), of("DateField")
JSONS = of("JSONField")
TEXTS = of("CharField", "TextField", "SlugField", "FileField", "FilePathField")


def queries(name):
    """Whatever can be asked about a field."""
    objects, value = Valued.objects, PRESENT.get(name, 1)
    if isinstance(value, datetime.datetime) and not django_settings.USE_TZ:
        value = value.replace(tzinfo=None)
    x = F(name)
    yield objects.values(name)
    yield objects.values_list("uid", name).order_by(name, "uid")
    yield objects.order_by(f"-{name}")
    yield objects.order_by(x.asc(nulls_last=True))
    yield objects.values_list(name).distinct()
    yield objects.filter(**{name: value})
    yield objects.exclude(**{name: value})
    yield objects.filter(**{f"{name}__in": [value, value]})
    yield objects.filter(**{f"{name}__isnull": False})
    yield objects.values(name).annotate(n=Count("uid"))
    yield objects.annotate(x=Coalesce(x, x), y=Case(When(**{name: value, "then": x}))).values(
        "x", "y"
    )
    yield objects.filter(**{name: x})
    yield objects.aggregate(Count(name), n=Count(name, distinct=True))
    if name != "binary":
        yield objects.annotate(x=Cast(x, CharField())).values("x")
    yield objects.values(name).union(objects.values(name))
    yield objects.filter(**{f"{name}__in": objects.values(name)})
    if name not in JSONS:
        yield objects.filter(**{f"{name}__gt": value})
        yield objects.filter(**{f"{name}__range": (value, value)})
        yield objects.aggregate(Max(name), Min(name))
    if name in NUMBERS:
        yield objects.aggregate(Sum(name), Avg(name))
        yield objects.values(x=x + 1)
        yield objects.values(x=x * 1.5, y=x / 2, z=-x) if name == "real" else objects.values(x=-x)
        yield objects.values(x=Abs(Cast(x, FloatField())), y=Round(Cast(x, FloatField())))
        yield objects.filter(**{f"{name}__lt": x + 1})
    if name in MOMENTS + DAYS:
        for part in ("year", "month", "day", "week", "week_day", "iso_year", "quarter"):
            yield objects.filter(**{f"{name}__{part}": 3})
            yield objects.filter(**{f"{name}__{part}__gt": 3})
        for part in ("year", "quarter", "month", "week", "day"):
            yield objects.values(x=Trunc(name, part))
        yield getattr(objects, "datetimes" if name in MOMENTS else "dates")(name, "month")
        yield objects.values(x=ExpressionWrapper(x + datetime.timedelta(1), DateTimeField()))
        yield objects.values(x=ExpressionWrapper(x - x, DurationField()))
    if name in MOMENTS:
        for part in ("date", "time", "hour", "minute", "second"):
            found = {"date": datetime.date.max, "time": datetime.time(12)}.get(part, 12)
            yield objects.filter(**{f"{name}__{part}": found})
        yield objects.values(x=TruncDate(name), y=TruncTime(name), z=Trunc(name, "hour"))
        yield objects.values(x=ExpressionWrapper(Now() - x, DurationField()))
        yield objects.values(x=ExpressionWrapper(x + F("duration"), DateTimeField()))
    if name == "hour":
        yield objects.filter(hour__hour=12, hour__minute__gt=3)
        yield objects.values(x=Trunc(name, "minute"))
        yield objects.values(x=ExpressionWrapper(x - x, DurationField()))
    if name == "duration":
        yield objects.aggregate(Sum(name), Avg(name))
        yield objects.values(x=ExpressionWrapper(x * 2, DurationField()))
    if name in TEXTS:
        for lookup in ("iexact", "contains", "istartswith", "endswith", "regex", "iregex"):
            yield objects.filter(**{f"{name}__{lookup}": "a"})
        yield objects.values(x=Length(name), y=Upper(name))
        yield objects.values(x=Concat(name, Value("x"), output_field=CharField()))
    if name in ("json", "coded"):
        yield objects.filter(**{f"{name}__a": 1})
        yield objects.filter(**{f"{name}__a__b__0": None})
        yield objects.filter(**{f"{name}__0": 1})
        yield objects.filter(**{f"{name}__has_key": "a"})
        yield objects.filter(**{f"{name}__a__icontains": "a"})
        yield objects.values(f"{name}__a", f"{name}__a__b").order_by(f"{name}__a")


def ask(name):
    for query in queries(name):
        try:
            with transaction.atomic():
                query if isinstance(query, dict) else list(query)
        except Exception as error:
            sql = query if isinstance(query, dict) else query.query
            raise AssertionError(f"{name}: {sql}") from error


def save(document, uid):
    SyncGateway.save_json(uid, {"doc_type": "orm_valued", "channels": ["c"], **document})


def texts_end(value):
    """SQLite ends a text at a NUL."""
    return isinstance(value, str) and "\x00" in value


@pytest.fixture(scope="class")
def every_odd_value(django_db_setup, django_db_blocker):
    """A document for each odd value, which is in all its fields; and one that lacks all."""
    bodies = [*(dict.fromkeys(KEYS.values(), value) for value in ODD), {}]
    with django_db_blocker.unblock(), transaction.atomic():
        SyncGateway.bulk_docs(
            [
                {"_id": f"odd{i:03}", "doc_type": "orm_valued", "channels": ["c"], **body}
                for i, body in enumerate(bodies)
            ]
        )
        yield
        transaction.set_rollback(True)


@pytest.mark.usefixtures("every_odd_value")
class TestEveryOddValue:
    @pytest.mark.parametrize("name", NAMES)
    def test_no_query_breaks(self, db, name):
        ask(name)

    @pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo", None])
    @pytest.mark.parametrize("name", ["moment", "day"])
    def test_no_query_breaks_in_other_time_zones(self, db, settings, name, zone):
        settings.USE_TZ, settings.TIME_ZONE = zone is not None, zone or "Asia/Tokyo"
        ask(name)

    @pytest.mark.parametrize("name", NAMES)
    def test_sql_reads_what_instances_read_or_nothing(self, db, name):
        found = Valued.objects.order_by("uid").values_list("uid", name)
        instances = Valued.objects.in_bulk()
        raws = {f"odd{i:03}": raw for i, raw in enumerate(ODD)}
        for uid, value, raw in ((*row, raws[row[0]]) for row in found if row[0] in raws):
            read = getattr(instances[uid], name)
            if isinstance(read, datetime.datetime) and read.tzinfo is None:
                read = read.replace(tzinfo=datetime.timezone.utc)
            if value is not None and not texts_end(raw):
                assert read == value
            is_unread = type(read) is type(raw) is not type(PRESENT.get(name, 1))
            if is_unread and name not in JSONS and not texts_end(raw):
                assert value is None

    def test_untouched_values_are_written_back(self, db):
        for uid, document in Valued.objects.in_bulk().items():
            before = SyncGateway.all_docs([uid])["rows"][0]["doc"]
            document.save()
            after = SyncGateway.all_docs([uid])["rows"][0]["doc"]
            for key in before.keys() - {"created", "updated", "_rev"}:
                assert (after[key], type(after[key])) == (before[key], type(before[key]))


VALUES = st.recursive(
    st.sampled_from([value for value in ODD if value != 10**400])
    | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.from_regex(r"\A[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9:.]{2,18}(Z|[-+][0-9:]{2,5})?)?\Z")
    | st.from_regex(r"\A[-+]?[0-9._]{0,20}([eE][-+]?[0-9]{0,4})?\Z"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)  # fmt: skip


@settings(max_examples=FEW)
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=4, max_size=8))
def test_no_document_breaks_a_query(django_db_setup, django_db_blocker, values):
    with django_db_blocker.unblock(), transaction.atomic():
        document = {KEYS[name]: value for name, value in values.items()}
        save(document, "odd")
        ask_all = Valued.objects.values_list(*values).get()
        loaded = Valued.objects.get()
        for name, value in zip(values, ask_all, strict=True):
            if isinstance(value, str):
                value, _, _ = value.partition("\x00")
            read = getattr(loaded, name)
            if value is not None and "\\u0000" not in json.dumps(document[KEYS[name]]):
                assert read == value or math.isclose(read, value, rel_tol=1e-15)
            ask(name)
        transaction.set_rollback(True)


# ------------------------------------------------------------------- huge integers


def test_huge_integers(db):
    """Up to 64 bits they are exact; beyond that, SQL does not see them, and instances do."""
    numbers = [2**53, 2**53 + 1, 2**63 - 1, -(2**63), 2**63, 10**30]
    for number in numbers:
        save({"big": number, "json": {"n": number}}, str(number))
    objects = Valued.objects
    for number in numbers:
        uid = str(number)
        one = Valued(uid)
        assert (one.big, one.json) == (number, {"n": number})
        one.text = "touched"
        one.save()
        doc = SyncGateway.all_docs([uid])["rows"][0]["doc"]
        assert (doc["big"], doc["json"]) == (number, {"n": number})
        fits = -(2**63) <= number < 2**63
        assert objects.values_list("big", flat=True).get(uid=uid) == (number if fits else None)
        assert list(objects.filter(big=number).values_list("uid", flat=True)) == [uid] * fits
    assert objects.filter(big__gt=2**53).count() == 2
    assert objects.filter(json__n=2**53 + 1).count() == 1
    objects.update(text="again")
    assert sorted(one.big for one in objects.all()) == sorted(numbers)


# -------------------------------------------------------------- the mark of deletion


def test_only_true_is_deleted(db):
    """Whatever else a phone wrote there, the document is listed."""
    odd = [False, None, "yes", "true", "", 1, 0, 1.0, [], [True], {}, {"a": True}]
    alive = [f"n{place:02}" for place in range(len(odd))]
    for uid, value in zip(alive, odd, strict=True):
        save({"st_deleted": value}, uid)
    save({}, "missing")
    save({"st_deleted": True}, "deleted")
    alive = ["missing", *alive]
    everything = Valued.all_objects.order_by("uid")

    def uids(found):
        return list(found.values_list("uid", flat=True))

    assert uids(Valued.objects.order_by("uid")) == alive
    assert uids(everything) == ["deleted", *alive]
    for is_deleted, expected in ((True, ["deleted"]), (False, alive)):
        assert uids(everything.filter(st_deleted=is_deleted)) == expected
        assert uids(everything.exclude(st_deleted=not is_deleted)) == expected
        assert uids(everything.filter(st_deleted__in=[is_deleted])) == expected
    assert not everything.filter(st_deleted__isnull=True).exists()
    ordered = Valued.all_objects.order_by("-st_deleted", "uid").values_list("uid", "st_deleted")
    assert list(ordered) == [("deleted", True), *((uid, False) for uid in alive)]
    counted = Valued.all_objects.values_list("st_deleted").annotate(n=Count("uid"))
    assert sorted(counted) == [(False, len(alive)), (True, 1)]


# ------------------------------------------------------------------------ the log


def test_a_mismatch_is_logged_once(db, caplog):
    save({"integer": "secret\ntext", "moment": "secret too", "address": ["secret"]}, "mismatch\n1")
    with caplog.at_level(logging.WARNING, "django_cbtools"):
        for _ in range(2):
            Valued("mismatch\n1")
            list(Valued.objects.all())
    messages = sorted(record.getMessage() for record in caplog.records)
    assert messages == [
        "Document 'mismatch\\n1': field address of orm.Valued keeps a value that it cannot read: "
        "expected a text, found an array.",
        "Document 'mismatch\\n1': field integer of orm.Valued keeps a value that it cannot read: "
        "expected an integer, found a text.",
        "Document 'mismatch\\n1': field moment of orm.Valued keeps a value that it cannot read: "
        "the text is not in ISO 8601, or is out of range.",
    ]


def test_what_is_remembered_of_the_log_is_bounded(monkeypatch, caplog):
    monkeypatch.setattr(mismatches, "MOST", 3)
    monkeypatch.setattr(mismatches, "_told", {})
    field = Valued._meta.get_field("integer")
    for uid in ("a", "b", "c", "d", "c", "b", "a"):
        mismatches.mismatch(uid, field, ValueError("why"))
    assert len(mismatches._told) == 3
    assert [record.args[0] for record in caplog.records] == ["a", "b", "c", "d", "a"]
