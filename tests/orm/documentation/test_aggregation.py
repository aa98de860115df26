"""Aggregates, as in "Aggregation"; its sections are these."""

from __future__ import annotations

import statistics
from collections import Counter

import pytest
from django.db import transaction
from django.db.models import Avg, Count, FloatField, Max, Min, Q, StdDev, Sum, Variance

from .airports import AIRPORTS, COUNTRY_ROWS, ZONE_ROWS, Airport, Country, Item, Zone
from .answers import average, by_uid, elevations, of_each

ELEVATIONS = [a.elevation for a in AIRPORTS]
WITH_AIRPORTS = [c for c in COUNTRY_ROWS if c.airports]


# ------------------------------------------------------------------- cheat sheet


def test_count():
    assert Airport.objects.count() == len(AIRPORTS)
    expected = sum(a.country.name == "Norway" for a in AIRPORTS)
    assert Airport.objects.filter(country__name="Norway").count() == expected


def test_average():
    expected = {"elevation__avg": average(ELEVATIONS)}
    assert Airport.objects.all().aggregate(Avg("elevation")) == expected
    assert Airport.objects.aggregate(Avg("elevation", default=0)) == expected


def test_maximum_keeps_its_type():
    found = Airport.objects.aggregate(Max("lat"), Min("lat"), Max("opened"), Min("surveyed"))
    assert found == {
        "lat__max": max(a.lat for a in AIRPORTS),
        "lat__min": min(a.lat for a in AIRPORTS),
        "opened__max": max(a.opened for a in AIRPORTS),
        "surveyed__min": min(a.surveyed for a in AIRPORTS),
    }
    assert [type(value) for value in found.values()] == [
        type(getattr(AIRPORTS[0], name)) for name in ("lat", "lat", "opened", "surveyed")
    ]


def test_difference_of_aggregates():
    found = Airport.objects.aggregate(
        difference=Max("elevation", output_field=FloatField()) - Avg("elevation")
    )
    expected = max(ELEVATIONS) - statistics.fmean(ELEVATIONS)
    assert found == {"difference": pytest.approx(expected)}


def test_count_of_each():
    found = Country.objects.annotate(num_airports=Count("airport"))
    expected = of_each(COUNTRY_ROWS, lambda c: len(c.airports))
    assert by_uid(found, "num_airports") == expected
    assert by_uid(Country.objects.annotate(Count("airport")), "airport__count") == expected


def test_separate_counts():
    above = Count("airport", filter=Q(airport__elevation__gt=500))
    below = Count("airport", filter=Q(airport__elevation__lte=500))
    found = Country.objects.annotate(below=below).annotate(above=above)
    assert by_uid(found, "below", "above") == of_each(
        COUNTRY_ROWS,
        lambda c: sum(e <= 500 for e in elevations(c)),
        lambda c: sum(e > 500 for e in elevations(c)),
    )


def test_top_five():
    found = Country.objects.annotate(num_airports=Count("airport")).order_by("-num_airports")[:5]
    rows = sorted(COUNTRY_ROWS, key=lambda c: -len(c.airports))[:5]
    assert [(c.name, c.num_airports) for c in found] == [(c.name, len(c.airports)) for c in rows]


# ------------------------------------------------------- aggregates over a QuerySet


def test_several_aggregates():
    found = Airport.objects.aggregate(
        Avg("elevation"), Max("elevation"), Min("elevation"), total=Sum("elevation"),
        cities=Count("city", distinct=True), spread=StdDev("elevation"),
        sample=Variance("elevation", sample=True),
    )  # fmt: skip
    assert found == {
        "elevation__avg": average(ELEVATIONS),
        "elevation__max": max(ELEVATIONS),
        "elevation__min": min(ELEVATIONS),
        "total": sum(ELEVATIONS),
        "cities": len({a.city for a in AIRPORTS if a.city}),
        "spread": pytest.approx(statistics.pstdev(ELEVATIONS)),
        "sample": pytest.approx(statistics.variance(ELEVATIONS)),
    }


def test_nothing_to_aggregate():
    nothing = Airport.objects.filter(name="none")
    assert nothing.aggregate(Sum("elevation"), Count("pk")) == {
        "elevation__sum": None,
        "pk__count": 0,
    }
    assert nothing.aggregate(total=Sum("elevation", default=0)) == {"total": 0}
    assert Airport.objects.none().aggregate(total=Sum("elevation", default=0)) == {"total": 0}


def test_two_relations_at_once():
    """Joins multiply: that is why the documentation says distinct=True."""
    found = Country.objects.annotate(Count("airport"), Count("airport__zone", distinct=True))
    assert by_uid(found, "airport__count", "airport__zone__count") == of_each(
        COUNTRY_ROWS,
        lambda c: len(c.airports),
        lambda c: len({a.zone.uid for a in c.airports if a.zone}),
    )


# ----------------------------------------------------------- joins and aggregates


def test_range_of_each():
    found = Country.objects.annotate(
        lowest=Min("airport__elevation"), highest=Max("airport__elevation")
    )
    assert by_uid(found, "lowest", "highest") == of_each(
        COUNTRY_ROWS,
        lambda c: min(elevations(c), default=None),
        lambda c: max(elevations(c), default=None),
    )
    assert Country.objects.aggregate(
        lowest=Min("airport__elevation"), highest=Max("airport__elevation")
    ) == {"lowest": min(ELEVATIONS), "highest": max(ELEVATIONS)}


def test_deep_joins():
    found = Zone.objects.aggregate(largest=Max("airport__country__area"))
    assert found == {"largest": max(a.country.area for a in AIRPORTS if a.zone)}
    found = Country.objects.aggregate(first=Min("airport__zone__name"))
    assert found == {"first": ZONE_ROWS[0].name}


def test_backwards():
    assert Country.objects.aggregate(oldest=Min("airport__opened")) == {
        "oldest": min(a.opened for a in AIRPORTS)
    }
    found = Zone.objects.annotate(total=Sum("airport__elevation"))
    expected = of_each(ZONE_ROWS, lambda z: sum(elevations(z)) if z.airports else None)
    assert by_uid(found, "total") == expected
    found = Zone.objects.aggregate(average=Avg("airport__elevation"))
    assert found == {"average": average([a.elevation for a in AIRPORTS if a.zone])}


# ------------------------------------------- aggregations and other QuerySet clauses


def test_filter_first():
    named = [c for c in COUNTRY_ROWS if c.name.startswith("S")]
    found = Country.objects.filter(name__startswith="S").annotate(count=Count("airport"))
    assert by_uid(found, "count") == of_each(named, lambda c: len(c.airports))
    found = Airport.objects.filter(name__startswith="S").aggregate(Avg("elevation"))
    assert found == {"elevation__avg": average([a.elevation for a in AIRPORTS if a.name[0] == "S"])}


def test_filter_on_an_annotation():
    found = Country.objects.annotate(count=Count("airport")).filter(count__gt=50)
    expected = of_each([c for c in COUNTRY_ROWS if len(c.airports) > 50], lambda c: len(c.airports))
    assert by_uid(found, "count") == expected
    found = Country.objects.alias(count=Count("airport")).exclude(count__gt=50)
    assert {c.uid for c in found} == {c.uid for c in COUNTRY_ROWS} - set(expected)


def test_filter_of_an_aggregate():
    high = Count("airport", filter=Q(airport__elevation__gte=700))
    found = Zone.objects.annotate(count=Count("airport"), high=high)
    assert by_uid(found, "count", "high") == of_each(
        ZONE_ROWS,
        lambda z: len(z.airports),
        lambda z: sum(e >= 700 for e in elevations(z)),
    )


def test_order_of_annotate_and_filter():
    def is_high(a):
        return a.elevation > 700

    rows = [c for c in COUNTRY_ROWS if elevations(c, is_high)]
    annotated_first = Country.objects.annotate(count=Count("airport", distinct=True))
    found = annotated_first.filter(airport__elevation__gt=700).distinct()
    assert by_uid(found, "count") == of_each(rows, lambda c: len(c.airports))
    found = Country.objects.filter(airport__elevation__gt=700).annotate(
        count=Count("airport"), average=Avg("airport__elevation")
    )
    assert by_uid(found, "count", "average") == of_each(
        rows,
        lambda c: len(elevations(c, is_high)),
        lambda c: average(elevations(c, is_high)),
    )


def test_order_by_an_aggregate():
    found = Country.objects.annotate(count=Count("airport")).order_by("count", "name")
    rows = sorted(COUNTRY_ROWS, key=lambda c: (len(c.airports), c.name))
    assert [c.uid for c in found] == [c.uid for c in rows]


def test_values_group():
    found = Airport.objects.values("country__name").annotate(average=Avg("elevation"))
    assert {row["country__name"]: row["average"] for row in found} == {
        c.name: average(elevations(c)) for c in WITH_AIRPORTS
    }
    assert len(found) == len(WITH_AIRPORTS)
    found = Airport.objects.values("city", "country").annotate(count=Count("pk"))
    expected = Counter((a.city, a.country.uid) for a in AIRPORTS)
    assert {(row["city"], row["country"]): row["count"] for row in found} == expected
    assert max(expected.values()) > 1


def test_values_after_annotate():
    found = Country.objects.annotate(average=Avg("airport__elevation")).values("name", "average")
    assert {row["name"]: row["average"] for row in found} == {
        c.name: average(elevations(c)) for c in COUNTRY_ROWS
    }


def test_default_ordering_groups():
    rows = [("x", "a"), ("y", "a"), ("z", "b")]
    with transaction.atomic():
        Item.objects.bulk_create([Item(name=n, data=d, channels=["c"]) for n, d in rows])
        counted = Item.objects.values("data").annotate(Count("uid"))
        cleared = {row["data"]: row["uid__count"] for row in counted.order_by()}
        ordered = [item.name for item in Item.objects.all()]
        transaction.set_rollback(True)
    assert cleared == {"a": 2, "b": 1}
    assert ordered == ["x", "y", "z"]


def test_aggregated_annotations():
    found = Country.objects.annotate(count=Count("airport")).aggregate(Avg("count"), Max("count"))
    counts = [len(c.airports) for c in COUNTRY_ROWS]
    assert found == {"count__avg": average(counts), "count__max": max(counts)}
