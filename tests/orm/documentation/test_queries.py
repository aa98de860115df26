"""Retrieving documents, as in "Making queries" and in "QuerySet API reference"."""

from __future__ import annotations

import datetime
from collections import defaultdict

import pytest
from django.core.exceptions import FieldError
from django.db import transaction
from django.db.models import F, Min, OuterRef, Q, Subquery, Sum
from django.db.models.fields.json import KT

from .airports import AIRPORTS, COUNTRY_ROWS, UTC, ZONE_ROWS, Airport, Country, Zone
from .answers import uids

date = datetime.date

OSLO = next(row for row in AIRPORTS if row.icao == "ENGM")


# ------------------------------------------------------------- retrieving objects


def test_chained_filters_are_separate():
    start, end = date(1960, 1, 30), date(1980, 1, 1)
    q1 = Airport.objects.filter(name__startswith="S")
    q2 = q1.exclude(opened__gte=end)
    q3 = q1.filter(opened__gte=end)
    rows = [a for a in AIRPORTS if a.name.startswith("S")]
    assert uids(q2.filter(opened__gte=start)) == uids(a for a in rows if start <= a.opened < end)
    assert uids(q3) == uids(a for a in rows if a.opened >= end)
    assert uids(q1) == uids(rows)


def test_querysets_are_lazy(django_assert_num_queries):
    with django_assert_num_queries(0):
        found = Airport.objects.filter(name__startswith="S").filter(elevation__lte=100)
        found = found.exclude(city__icontains="a")
    with django_assert_num_queries(1):
        first = [a.name for a in found]
        assert [a.name for a in found] == first


def test_get():
    for lookup in ({"uid__exact": "apt_ENGM"}, {"uid": "apt_ENGM"}, {"pk": "apt_ENGM"}):
        assert Airport.objects.get(**lookup).name == OSLO.name
    with pytest.raises(Airport.DoesNotExist):
        Airport.objects.get(pk="apt_none")
    with pytest.raises(Airport.MultipleObjectsReturned):
        Airport.objects.get(country__name="Norway")
    found = Airport.objects.get(
        Q(icao__startswith="ENG"),
        Q(opened=OSLO.opened) | Q(opened=date(2005, 5, 6)),
        name=OSLO.name,
    )
    assert found.icao == "ENGM"


def test_slices():
    names = sorted(row.name for row in AIRPORTS)
    ordered = Airport.objects.order_by("name")
    assert [a.name for a in ordered[:5]] == names[:5]
    assert [a.name for a in ordered[5:10]] == names[5:10]
    assert [a.name for a in ordered[:10:2]] == names[:10:2]
    assert ordered[0].name == ordered[0:1].get().name == names[0]
    with pytest.raises(ValueError, match=r"[Nn]egative"):
        ordered[-1]
    with pytest.raises(TypeError, match="slice"):
        ordered[:5].filter(name="")
    nothing = ordered.filter(name="none")
    with pytest.raises(IndexError):
        nothing[0]
    with pytest.raises(Airport.DoesNotExist):
        nothing[0:1].get()


def test_unknown_names_are_refused():
    with pytest.raises(FieldError, match="Cannot resolve keyword 'colour'"):
        Airport.objects.filter(colour="red")
    with pytest.raises(FieldError, match="Unsupported lookup 'near'"):
        Airport.objects.filter(name__near="Oslo")


def test_percent_signs_and_underscores_mean_themselves():
    names = ("100% sure", "100 sure", "under_score", "underscore")
    with transaction.atomic():
        Airport.objects.bulk_create(map(_extra, names))
        found = {
            text: [a.name for a in Airport.objects.filter(**{f"name__{text[0]}": text[1]})]
            for text in (("contains", "%"), ("contains", "_"), ("iexact", "UNDER_SCORE"))
        }
        transaction.set_rollback(True)
    assert list(found.values()) == [["100% sure"], ["under_score"], ["under_score"]]


# --------------------------------------------------- relations, forward and backward


def test_reverse_lookups():
    found = Country.objects.filter(airport__name__contains="Longyear")
    assert [country.name for country in found] == ["Norway"]
    found = Country.objects.filter(airport__zone__name="Europe/Zurich").distinct()
    assert [country.name for country in found] == ["Switzerland"]


def test_isnull_across_relations():
    found = Country.objects.filter(airport__zone__name__isnull=True).distinct()
    missing = [c for c in COUNTRY_ROWS if not c.airports or any(not a.zone for a in c.airports)]
    assert uids(found) == uids(missing)
    found = Country.objects.filter(airport__isnull=False, airport__zone__isnull=True).distinct()
    assert uids(found) == uids(c for c in missing if c.airports)


def _has(country, says):
    return [a for a in country.airports if says(a)]


def test_multi_valued_relations():
    def named(a):
        return "International" in a.name

    def high(a):
        return a.elevation > 1_000

    conditions = {"airport__name__contains": "International"}, {"airport__elevation__gt": 1_000}
    together = Country.objects.filter(**conditions[0], **conditions[1])
    expected = [
        c for c in COUNTRY_ROWS for a in c.airports if named(a) and high(a)
    ]  # fmt: skip
    assert uids(together) == uids(expected)
    # Each of the one with each of the other, for every country that has both.
    chained = Country.objects.filter(**conditions[0]).filter(**conditions[1])
    pairs = [c for c in COUNTRY_ROWS for _ in _has(c, named) for _ in _has(c, high)]
    assert uids(chained) == uids(pairs)
    assert set(uids(chained)) > set(uids(together))
    excluded = Country.objects.exclude(**conditions[0], **conditions[1])
    assert uids(excluded) == uids(c for c in COUNTRY_ROWS if not (_has(c, named) and _has(c, high)))
    both = Airport.objects.filter(name__contains="International", elevation__gt=1_000)
    assert uids(Country.objects.exclude(airport__in=both)) == uids(
        c for c in COUNTRY_ROWS if c not in expected
    )


def test_in_a_queryset():
    small = Country.objects.filter(area__lt=50_000)
    expected = uids(a for a in AIRPORTS if a.country.area < 50_000)
    assert uids(Airport.objects.filter(country__in=small)) == expected
    assert uids(Airport.objects.filter(country__in=small.values("uid"))) == expected
    assert uids(Airport.objects.filter(country__in=list(small))) == expected
    assert uids(Airport.objects.filter(country__name__in=small.values_list("name"))) == expected


def test_related_documents(django_assert_num_queries):
    norway = Country.objects.get(name="Norway")
    rows = [a for a in AIRPORTS if a.country.name == "Norway"]
    for lookup in ({"country": norway}, {"country": norway.uid}, {"country": "cnt_NO"}):
        assert uids(Airport.objects.filter(**lookup)) == uids(rows)
    assert uids(norway.airport_set.all()) == uids(rows)
    assert norway.airport_set.count() == len(rows)
    named = norway.airport_set.filter(name__contains="Svalbard")
    assert [a.icao for a in named] == ["ENSB"]
    with django_assert_num_queries(1):
        airport = Airport.objects.select_related("country", "zone").get(icao="ENGM")
        assert (airport.country.name, airport.zone.name) == ("Norway", "Europe/Oslo")
    with django_assert_num_queries(2):
        countries = Country.objects.prefetch_related("airport_set")
        found = {c.uid: uids(c.airport_set.all()) for c in countries}
    assert found == {c.uid: uids(c.airports) for c in COUNTRY_ROWS}


def test_compared_documents():
    one, same = Airport.objects.get(icao="ENGM"), Airport("apt_ENGM")
    assert one == same
    assert one != Airport.objects.get(icao="LSZH")


# ------------------------------------------------------------- expressions, JSON


def test_first_year():
    found = Airport.objects.aggregate(first_opened_year=Min("opened__year"))
    assert found == {"first_opened_year": min(a.opened.year for a in AIRPORTS)}


def test_top_of_each_year():
    norwegian = Airport.objects.filter(country="cnt_NO")
    top = norwegian.filter(opened__year=OuterRef("opened__year")).order_by("-elevation")
    found = norwegian.values("opened__year").annotate(
        top=Subquery(top.values("elevation")[:1]), total=Sum("elevation")
    )
    years = defaultdict(list)
    for a in AIRPORTS:
        if a.country.uid == "cnt_NO":
            years[a.opened.year].append(a.elevation)
    assert {row["opened__year"]: (row["top"], row["total"]) for row in found} == {
        year: (max(elevations), sum(elevations)) for year, elevations in years.items()
    }
    assert len(found) == len(years)


@pytest.mark.parametrize(
    ("name", "says"),
    [("bitand", lambda e: e & 16), ("bitor", lambda e: e | 16), ("bitxor", lambda e: e ^ 16),
     ("bitrightshift", lambda e: e >> 2), ("bitleftshift", lambda e: e << 2)],
)  # fmt: skip
def test_bitwise(name, says):
    operand = 2 if name.endswith("shift") else 16
    high = Airport.objects.filter(elevation__gte=0)
    found = high.annotate(bits=getattr(F("elevation"), name)(operand)).values_list("uid", "bits")
    assert dict(found) == {a.uid: says(a.elevation) for a in AIRPORTS if a.elevation >= 0}


def test_key_text():
    found = Airport.objects.annotate(
        second=KT("codes__icao__letters__1"), town=KT("codes__places__city")
    ).filter(second__startswith="N", town__startswith="Osl")
    assert uids(found) == uids(a for a in AIRPORTS if a.icao[1] == "N" and a.city == "Oslo")
    assert uids(found) == ["apt_ENGM"]


# ------------------------------------------------- QuerySet API: ordered and chosen


def test_order_by():
    found = Airport.objects.filter(opened__year=1960).order_by("-opened", "name")
    rows = sorted((a for a in AIRPORTS if a.opened.year == 1960), key=lambda a: a.name)
    rows.sort(key=lambda a: a.opened, reverse=True)
    assert [a.uid for a in found] == [a.uid for a in rows]
    assert [a.uid for a in found.reverse()] == [a.uid for a in reversed(rows)]
    by_country = Airport.objects.order_by("country__name", "-icao").values_list("icao", flat=True)
    rows = sorted(AIRPORTS, key=lambda a: a.icao, reverse=True)
    assert list(by_country) == [a.icao for a in sorted(rows, key=lambda a: a.country.name)]
    last = Airport.objects.order_by(F("city").desc(nulls_last=True), "uid").last()
    assert last.uid == max(a.uid for a in AIRPORTS if a.city is None)


def test_distinct():
    found = Airport.objects.order_by("country__name").values_list("country__name", flat=True)
    assert list(found.distinct()) == sorted(c.name for c in COUNTRY_ROWS if c.airports)


def test_values():
    assert list(Airport.objects.filter(pk="apt_ENGM").values("icao", "country__name", "lat")) == [
        {"icao": "ENGM", "country__name": "Norway", "lat": OSLO.lat}
    ]
    found = Airport.objects.filter(pk="apt_ENGM").values("surveyed__hour", "country", "country_uid")
    assert list(found) == [
        {"surveyed__hour": OSLO.surveyed.hour, "country": "cnt_NO", "country_uid": "cnt_NO"}
    ]
    row = Airport.objects.values_list("icao", "opened", named=True).get(pk="apt_ENGM")
    assert (row.icao, row.opened) == ("ENGM", OSLO.opened)


def test_dates():
    days = [a.opened for a in AIRPORTS]
    assert list(Airport.objects.dates("opened", "year")) == sorted(
        {day.replace(month=1, day=1) for day in days}
    )
    assert list(Airport.objects.dates("opened", "month", order="DESC")) == sorted(
        {day.replace(day=1) for day in days}, reverse=True
    )
    assert list(Airport.objects.datetimes("surveyed", "day")) == sorted(
        {datetime.datetime.combine(a.surveyed, datetime.time(), UTC) for a in AIRPORTS}
    )


def test_combined():
    first = Airport.objects.filter(name__startswith="S").values_list("uid", flat=True)
    second = Airport.objects.filter(elevation__gt=500).values_list("uid", flat=True)
    one = {a.uid for a in AIRPORTS if a.name.startswith("S")}
    two = {a.uid for a in AIRPORTS if a.elevation > 500}
    assert sorted(first.union(second)) == sorted(one | two)
    assert len(first.union(second, all=True)) == len(one) + len(two)
    assert sorted(first.intersection(second)) == sorted(one & two)
    assert sorted(first.difference(second)) == sorted(one - two)
    assert list(first.union(second).order_by("-uid")[:3]) == sorted(one | two)[:-4:-1]


def test_single_ones():
    by_day = sorted(AIRPORTS, key=lambda a: (a.surveyed, a.uid))
    assert Airport.objects.latest("surveyed", "uid").uid == by_day[-1].uid
    assert Airport.objects.earliest("surveyed", "uid").uid == by_day[0].uid
    assert Airport.objects.first().uid == min(a.uid for a in AIRPORTS)
    assert Airport.objects.last().uid == max(a.uid for a in AIRPORTS)
    found = Airport.objects.in_bulk(["apt_ENGM", "apt_LSZH", "apt_none"])
    assert {uid: a.icao for uid, a in found.items()} == {"apt_ENGM": "ENGM", "apt_LSZH": "LSZH"}
    assert list(Airport.objects.in_bulk(["ENGM"], field_name="icao")) == ["ENGM"]
    assert Airport.objects.filter(zone=None).exists()
    assert Zone.objects.count() == len(ZONE_ROWS)
    assert not Airport.objects.none().exists()
    norway = Country.objects.get(name="Norway")
    assert norway.airport_set.contains(Airport("apt_ENGM"))
    assert not norway.airport_set.contains(Airport("apt_LSZH"))


def _extra(name):
    return Airport(
        name=name, icao=name[:4], elevation=0, lat=0, lon=0, opened=OSLO.opened,
        surveyed=OSLO.surveyed, country_uid="cnt_VA", channels=["c"],
    )  # fmt: skip
