"""Changing documents by QuerySets, as in "Making queries" and in "Conditional Expressions"."""

from __future__ import annotations

import datetime
from collections import Counter

import pytest
from django.db import transaction
from django.db.models import Case, F, Value, When

from django_cbtools.exceptions import CouchbaseValueError

from .airports import AIRPORTS, COUNTRY_ROWS, Airport, Country
from .answers import uids

date = datetime.date

SMALL = [a for a in AIRPORTS if a.country.name in ("Estonia", "Singapore", "Luxembourg")]
NAMES = sorted({a.country.name for a in SMALL})


@pytest.fixture(autouse=True)
def _undone(_airports):
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def small():
    return Airport.objects.filter(country__name__in=NAMES)


def stored(name):
    """A field of all airports, as the documents have it."""
    return dict(Airport.objects.values_list("uid", name))


def test_update(small):
    assert small.filter(opened__year__lt=1960).update(name="Closed") == sum(
        a.opened.year < 1960 for a in SMALL
    )
    assert stored("name") == {
        a.uid: "Closed" if a in SMALL and a.opened.year < 1960 else a.name for a in AIRPORTS
    }


def test_update_to_a_field(small):
    assert small.update(elevation=F("elevation") + 1, city=F("name")) == len(SMALL)
    raised = {a.uid for a in SMALL}
    assert stored("elevation") == {a.uid: a.elevation + (a.uid in raised) for a in AIRPORTS}
    assert stored("city") == {a.uid: a.name if a.uid in raised else a.city for a in AIRPORTS}


def test_update_of_a_relation(small):
    vatican = Country.objects.get(name="Vatican City")
    assert small.update(country=vatican) == len(SMALL)
    assert uids(vatican.airport_set.all()) == uids(SMALL)


def test_conditional_update(small):
    old, new = date(1960, 1, 1), date(1980, 1, 1)
    label = Case(
        When(opened__lte=old, then=Value("old")),
        When(opened__lte=new, then=Value("used")),
        default=Value("new"),
    )
    small.update(name=label)
    expected = {
        a.uid: "old" if a.opened <= old else "used" if a.opened <= new else "new" for a in SMALL
    }
    assert dict(small.values_list("uid", "name")) == expected
    assert set(expected.values()) == {"old", "used", "new"}


def test_saved_documents():
    airport = Airport.objects.get(icao="ENGM")
    airport.name, airport.country = "New name", Country.objects.get(name="Iceland")
    airport.save()
    found = Airport.objects.get(country__name="Iceland", name="New name")
    assert found == airport
    airport.elevation = F("elevation") + 1
    with pytest.raises(CouchbaseValueError, match="elevation"):
        airport.save()


def test_copied_document():
    """A document without its key is another one, once it is saved."""
    copied = Airport.objects.get(icao="ENGM")
    copied.pk, copied.icao = None, "COPY"
    copied._state.adding = True
    copied.save()
    assert copied.pk != "apt_ENGM"
    assert Airport.objects.filter(name=copied.name).count() == 2


def test_delete(small):
    airport = Airport.objects.get(icao="ENGM")
    assert airport.delete() == (1, {"orm.Airport": 1})
    assert small.delete() == (len(SMALL), {"orm.Airport": len(SMALL)})
    assert Airport.objects.count() == len(AIRPORTS) - len(SMALL) - 1
    with pytest.raises(Airport.DoesNotExist):
        Airport.objects.get(icao="ENGM")


def test_related_managers():
    vatican = Country.objects.get(name="Vatican City")
    made = vatican.airport_set.create(
        icao="LIVA", name="Heliport", elevation=246, lat="41.9", lon=12.45, channels=["c"],
        opened=date(1976, 1, 1),
        surveyed=datetime.datetime(1976, 1, 1, tzinfo=datetime.timezone.utc),
    )  # fmt: skip
    assert [a.name for a in vatican.airport_set.all()] == ["Heliport"]
    assert made.country == vatican
    oslo = Airport.objects.get(icao="ENGM")
    vatican.airport_set.add(oslo, bulk=False)
    assert Counter(a.icao for a in vatican.airport_set.all()) == {"LIVA": 1, "ENGM": 1}


def test_get_or_create():
    row = COUNTRY_ROWS[0]
    defaults = {"area": 1, "channels": ["c"]}
    found, made = Country.objects.get_or_create(name=row.name, defaults=defaults)
    assert (found.uid, found.area, made) == (row.uid, row.area, False)
    found, made = Country.objects.get_or_create(name="Andorra", defaults=defaults)
    assert (found.area, made) == (1, True)
    found, made = Country.objects.update_or_create(name="Andorra", defaults={"area": 468})
    assert (Country.objects.get(name="Andorra").area, made) == (468, False)
