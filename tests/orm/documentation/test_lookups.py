"""Field lookups, as in "Making queries" and in "QuerySet API reference".

The sections are the documentation's.
"""

from __future__ import annotations

import datetime
import re
from decimal import Decimal
from typing import Any

import pytest
from django.db.models import F, Q

from .airports import AIRPORTS, Airport
from .answers import uids

date, timedelta = datetime.date, datetime.timedelta

OSLO = next(row for row in AIRPORTS if row.icao == "ENGM")
DAY = OSLO.surveyed.date()


def places(a):
    return (a.codes or {}).get("places")


#: Conditions for airports, and what they say in Python.
LOOKUPS: dict[str, tuple[Q, Any]] = {
    # Field lookups
    "a text for a date": (Q(opened__lte="1960-01-01"), lambda a: a.opened <= date(1960, 1, 1)),
    "by the key of a relation": (Q(country_uid="cnt_IS"), lambda a: a.country.uid == "cnt_IS"),
    "exact": (Q(name__exact=OSLO.name), lambda a: a.name == OSLO.name),
    "exact is implied": (Q(name=OSLO.name), lambda a: a.name == OSLO.name),
    "exact None": (Q(city__exact=None), lambda a: a.city is None),
    "iexact": (Q(name__iexact=OSLO.name.upper()), lambda a: a.name == OSLO.name),
    "iexact None": (Q(city__iexact=None), lambda a: a.city is None),
    "contains": (Q(name__contains="Air"), lambda a: "Air" in a.name),
    "icontains": (Q(name__icontains="AIRFIELD"), lambda a: "airfield" in a.name.lower()),
    "in": (Q(icao__in=["ENGM", "LSZH", "none"]), lambda a: a.icao in ("ENGM", "LSZH")),
    "gt": (Q(elevation__gt=400), lambda a: a.elevation > 400),
    "gte": (Q(lat__gte=OSLO.lat), lambda a: a.lat >= OSLO.lat),
    "lt": (Q(lon__lt=OSLO.lon), lambda a: a.lon < OSLO.lon),
    "lte": (Q(lat__lte=Decimal("-40.5")), lambda a: a.lat <= Decimal("-40.5")),
    "startswith": (Q(name__startswith="Ma"), lambda a: a.name.startswith("Ma")),
    "istartswith": (Q(name__istartswith="ma"), lambda a: a.name.lower().startswith("ma")),
    "endswith": (Q(name__endswith="Base"), lambda a: a.name.endswith("Base")),
    "iendswith": (Q(name__iendswith="AIRPORT"), lambda a: a.name.lower().endswith("airport")),
    "range": (
        Q(opened__range=(date(1950, 1, 1), date(1960, 3, 31))),
        lambda a: date(1950, 1, 1) <= a.opened <= date(1960, 3, 31),
    ),
    "date": (Q(surveyed__date=DAY), lambda a: a.surveyed.date() == DAY),
    "date gt": (Q(surveyed__date__gt=DAY), lambda a: a.surveyed.date() > DAY),
    "year": (Q(opened__year=1960), lambda a: a.opened.year == 1960),
    "year gte": (Q(opened__year__gte=1990), lambda a: a.opened.year >= 1990),
    "iso_year": (Q(surveyed__iso_year=2005), lambda a: a.surveyed.isocalendar()[0] == 2005),
    "iso_year gte": (Q(opened__iso_year__gte=1990), lambda a: a.opened.isocalendar()[0] >= 1990),
    "month": (Q(opened__month=12), lambda a: a.opened.month == 12),
    "month gte": (Q(surveyed__month__gte=6), lambda a: a.surveyed.month >= 6),
    "day": (Q(opened__day=3), lambda a: a.opened.day == 3),
    "day gte": (Q(surveyed__day__gte=3), lambda a: a.surveyed.day >= 3),
    "week": (Q(opened__week=52), lambda a: a.opened.isocalendar()[1] == 52),
    "week range": (
        Q(surveyed__week__gte=32, surveyed__week__lte=38),
        lambda a: 32 <= a.surveyed.isocalendar()[1] <= 38,
    ),
    "week_day": (Q(opened__week_day=2), lambda a: a.opened.weekday() == 0),
    "week_day gte": (Q(surveyed__week_day__gte=2), lambda a: a.surveyed.weekday() != 6),
    "iso_week_day": (Q(opened__iso_week_day=1), lambda a: a.opened.isoweekday() == 1),
    "iso_week_day gte": (Q(surveyed__iso_week_day__gte=2), lambda a: a.surveyed.isoweekday() >= 2),
    "quarter": (Q(opened__quarter=2), lambda a: a.opened.month in (4, 5, 6)),
    "time": (
        Q(surveyed__time=OSLO.surveyed.time()),
        lambda a: a.surveyed.time() == OSLO.surveyed.time(),
    ),
    "time range": (
        Q(surveyed__time__range=(datetime.time(8), datetime.time(17))),
        lambda a: datetime.time(8) <= a.surveyed.time() <= datetime.time(17),
    ),
    "hour": (Q(surveyed__hour=23), lambda a: a.surveyed.hour == 23),
    "hour gte": (Q(surveyed__hour__gte=12), lambda a: a.surveyed.hour >= 12),
    "minute": (Q(surveyed__minute=29), lambda a: a.surveyed.minute == 29),
    "second gte": (Q(surveyed__second__gte=31), lambda a: a.surveyed.second >= 31),
    "datetime in a zone of its own": (
        Q(surveyed__gt=OSLO.surveyed.astimezone(datetime.timezone(timedelta(hours=-9)))),
        lambda a: a.surveyed > OSLO.surveyed,
    ),
    "isnull": (Q(city__isnull=True), lambda a: a.city is None),
    "not isnull": (Q(zone__isnull=False), lambda a: a.zone is not None),
    "regex": (Q(name__regex=r"^(St|Te) +"), lambda a: re.search(r"^(St|Te) +", a.name)),
    "regex of codes": (Q(icao__regex=r"^EN[A-F]"), lambda a: re.search(r"^EN[A-F]", a.icao)),
    "iregex": (
        Q(name__iregex=r"^(MOUNT|lake) "),
        lambda a: re.search(r"^(MOUNT|lake) ", a.name, re.IGNORECASE),
    ),
    # Lookups that span relationships
    "of a related document": (Q(country__name="Iceland"), lambda a: a.country.name == "Iceland"),
    "of it, compared": (Q(country__area__gt=100_000), lambda a: a.country.area > 100_000),
    "of one that may be missing": (Q(zone__name__isnull=True), lambda a: a.zone is None),
    "deep": (
        Q(country__airport__name__startswith="Sembawang"),
        lambda a: a.country.name == "Singapore",
    ),
    # The pk lookup shortcut
    "pk": (Q(pk="apt_ENGM"), lambda a: a.icao == "ENGM"),
    "pk in": (Q(pk__in=["apt_ENGM", "apt_LSZH"]), lambda a: a.icao in ("ENGM", "LSZH")),
    "pk gt": (Q(pk__gt="apt_NZ"), lambda a: a.uid > "apt_NZ"),
    "pk of a relation": (Q(country__pk="cnt_NO"), lambda a: a.country.uid == "cnt_NO"),
    "uid of a relation": (Q(country__uid__exact="cnt_NO"), lambda a: a.country.uid == "cnt_NO"),
    # Filters can reference fields
    "a field gt another": (Q(elevation__gt=F("lon")), lambda a: a.elevation > a.lon),
    "gt twice another": (Q(elevation__gt=F("lon") * 2), lambda a: a.elevation > a.lon * 2),
    "lt a sum of fields": (
        Q(lat__lt=F("elevation") + F("lon")),
        lambda a: float(a.lat) < a.elevation + a.lon,
    ),
    "a field of a relation": (Q(country__name=F("city")), lambda a: a.country.name == a.city),
    "ends with another field": (
        Q(zone__name__iendswith=F("city")),
        lambda a: a.zone and a.city and a.zone.name.lower().endswith(a.city.lower()),
    ),
    "later than another by days": (
        Q(surveyed__date__gt=F("opened") + timedelta(days=9_000)),
        lambda a: a.surveyed.date() > a.opened + timedelta(days=9_000),
    ),
    "transforms on both sides": (
        Q(opened__month=F("surveyed__month")),
        lambda a: a.opened.month == a.surveyed.month,
    ),
    # Querying JSONField
    "JSON isnull": (Q(codes__isnull=True), lambda a: a.codes is None),
    "JSON key": (Q(codes__iata="OSL"), lambda a: a.codes and a.codes["iata"] == "OSL"),
    "JSON path": (
        Q(codes__places__city="Oslo"),
        lambda a: places(a) and places(a)["city"] == "Oslo",
    ),
    "JSON index": (Q(codes__icao__letters__0="E"), lambda a: a.codes and a.icao[0] == "E"),
    "JSON key missing": (Q(codes__places__isnull=True), lambda a: not places(a)),
    "JSON key startswith": (
        Q(codes__places__city__startswith="B"),
        lambda a: places(a) and places(a)["city"].startswith("B"),
    ),
    "JSON key gt": (Q(codes__icao__code__gt="N"), lambda a: a.codes and a.icao > "N"),
    "JSON has_key": (Q(codes__has_key="places"), places),
    "JSON has_keys": (Q(codes__has_keys=["places", "iata"]), places),
    "JSON has_any_keys": (Q(codes__has_any_keys=["places", "none"]), places),
    # Complex lookups with Q objects
    "or": (
        Q(name__startswith="A") | Q(name__startswith="B"),
        lambda a: a.name[0] in "AB",
    ),
    "or not": (
        Q(name__startswith="A") | ~Q(opened__year=1960),
        lambda a: a.name[0] == "A" or a.opened.year != 1960,
    ),
    "and or": (
        Q(name__startswith="A") & (Q(opened__year=1960) | Q(opened__year__gt=1980)),
        lambda a: a.name[0] == "A" and (a.opened.year == 1960 or a.opened.year > 1980),
    ),
    "xor": (
        Q(elevation__gt=100) ^ Q(lat__gt=0),
        lambda a: (a.elevation > 100) != (a.lat > 0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LOOKUPS)
def test_lookup(name):
    condition, says = LOOKUPS[name]
    expected = uids(filter(says, AIRPORTS))
    assert uids(Airport.objects.filter(condition)) == expected
    assert 0 < len(expected) < len(AIRPORTS)


#: In SQL, no comparison with NULL is true, nor is its opposite; Django's exclude() says otherwise
#: of a document's own fields. These compare with what is missing, elsewhere.
UNKNOWN = (
    "ends with another field",
    "a field of a relation",
    "JSON key", "JSON path", "JSON key startswith", "JSON key gt", "JSON index",
)  # fmt: skip


@pytest.mark.parametrize("name", [name for name in LOOKUPS if name not in UNKNOWN])
def test_exclude(name):
    condition, says = LOOKUPS[name]
    assert uids(Airport.objects.exclude(condition)) == uids(a for a in AIRPORTS if not says(a))
