"""Expressions, as in "Conditional Expressions", "Query Expressions" and window functions there."""

from __future__ import annotations

import datetime
from collections import Counter, defaultdict

import pytest
from django.db.models import (
    Avg,
    Case,
    CharField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    FloatField,
    Max,
    Min,
    OuterRef,
    Q,
    RowRange,
    Subquery,
    Sum,
    Value,
    ValueRange,
    When,
    Window,
)
from django.db.models.functions import FirstValue, Lag, Length, Lower, Rank, RowNumber

from .airports import AIRPORTS, COUNTRY_ROWS, Airport, Country
from .answers import average, by_uid, elevations, of_each

date = datetime.date
WITH_AIRPORTS = [c for c in COUNTRY_ROWS if c.airports]


# ---------------------------------------------------------- conditional expressions


def kind(a):
    return "coast" if a.elevation < 50 else "hill" if a.elevation < 1_000 else "mountain"


KIND = Case(
    When(elevation__lt=50, then=Value("coast")),
    When(elevation__lt=1_000, then=Value("hill")),
    default=Value("mountain"),
    output_field=CharField(),
)


def test_case():
    found = Airport.objects.annotate(kind=KIND)
    assert by_uid(found, "kind") == {a.uid: (kind(a),) for a in AIRPORTS}
    assert len({kind(a) for a in AIRPORTS}) == 3


def test_case_of_conditions_and_fields():
    found = Airport.objects.annotate(
        label=Case(
            When(Q(name__startswith="S") | Q(name__startswith="T"), then=F("name")),
            When(opened__gt=date(1960, 1, 1), opened__lt=date(1980, 1, 1), then="icao"),
        )
    )

    def label(a):
        if a.name[0] in "ST":
            return a.name
        return a.icao if date(1960, 1, 1) < a.opened < date(1980, 1, 1) else None

    assert by_uid(found, "label") == {a.uid: (label(a),) for a in AIRPORTS}


def test_case_in_a_filter():
    limits = Case(
        When(country__name="Norway", then=date(1960, 1, 1)),
        When(country__name="Iceland", then=date(1980, 1, 1)),
    )
    found = Airport.objects.filter(opened__lte=limits)
    years = {"Norway": date(1960, 1, 1), "Iceland": date(1980, 1, 1)}
    assert {a.uid for a in found} == {
        a.uid for a in AIRPORTS if a.opened <= years.get(a.country.name, date.min)
    }


def test_conditional_aggregation():
    names = ("coast", "hill", "mountain")
    found = Airport.objects.alias(kind=KIND).aggregate(
        **{name: Count("pk", filter=Q(kind=name)) for name in names}
    )
    assert found == Counter(map(kind, AIRPORTS))
    found = Airport.objects.annotate(kind=KIND).values("kind").annotate(count=Count("pk"))
    assert {row["kind"]: row["count"] for row in found} == Counter(map(kind, AIRPORTS))


# --------------------------------------------------------------- query expressions


def test_expressions():
    found = Airport.objects.annotate(
        height=ExpressionWrapper(F("elevation") * 0.3048, output_field=FloatField()),
        quiet=Lower("icao"), long=Length("name"),
    )  # fmt: skip
    assert by_uid(found, "height", "quiet", "long") == {
        a.uid: (pytest.approx(a.elevation * 0.3048), a.icao.lower(), len(a.name)) for a in AIRPORTS
    }
    shortest = Airport.objects.order_by(Length("name").asc(), "uid").first()
    assert shortest.uid == min(AIRPORTS, key=lambda a: (len(a.name), a.uid)).uid


def test_subquery():
    newest = Airport.objects.filter(country=OuterRef("pk")).order_by("-opened", "uid")
    found = Country.objects.annotate(newest=Subquery(newest.values("icao")[:1]))
    assert by_uid(found, "newest") == of_each(
        COUNTRY_ROWS,
        lambda c: min(
            c.airports, key=lambda a: (-a.opened.toordinal(), a.uid)
        ).icao if c.airports else None,
    )  # fmt: skip


def test_exists():
    recent = Airport.objects.filter(country=OuterRef("pk"), opened__gte=date(2002, 1, 1))
    expected = {
        c.uid for c in COUNTRY_ROWS if any(a.opened >= date(2002, 1, 1) for a in c.airports)
    }
    assert 0 < len(expected) < len(WITH_AIRPORTS)
    assert {c.uid for c in Country.objects.filter(Exists(recent))} == expected
    found = Country.objects.annotate(recent=Exists(recent))
    assert {c.uid for c in found if c.recent} == expected
    assert {c.uid for c in Country.objects.filter(~Exists(recent))} == {
        c.uid for c in COUNTRY_ROWS
    } - expected


def test_aggregate_in_a_subquery():
    total = Airport.objects.filter(country=OuterRef("pk")).order_by().values("country")
    total = total.annotate(total=Sum("elevation")).values("total")
    found = Country.objects.filter(area__lt=Subquery(total))
    expected = {c.uid for c in WITH_AIRPORTS if c.area < sum(elevations(c))}
    assert {c.uid for c in found} == expected
    assert expected


# ---------------------------------------------------------------- window functions


def partitions(key):
    found = defaultdict(list)
    for a in AIRPORTS:
        found[key(a)].append(a)
    return found


def test_window_over_partitions():
    window = {
        "partition_by": [F("country"), F("zone")],
        "order_by": "opened__year",
    }
    found = Airport.objects.annotate(
        average=Window(Avg("elevation"), **window),
        best=Window(Max("elevation"), **window),
        worst=Window(Min("elevation"), **window),
    )
    expected = {}
    for rows in partitions(lambda a: (a.country.uid, a.zone and a.zone.uid)).values():
        for a in rows:
            # The default frame: all until this one, and its peers.
            until = [b.elevation for b in rows if b.opened.year <= a.opened.year]
            expected[a.uid] = (average(until), max(until), min(until))
    assert by_uid(found, "average", "best", "worst") == expected


def test_filter_on_windows():
    found = Airport.objects.annotate(
        rank=Window(Rank(), partition_by="country", order_by="-elevation")
    ).filter(Q(rank__lte=3) | Q(name__contains="Oslo"))
    expected = {
        a.uid: (1 + sum(b.elevation > a.elevation for b in a.country.airports),) for a in AIRPORTS
    }
    chosen = {a.uid for a in AIRPORTS if expected[a.uid][0] <= 3 or "Oslo" in a.name}
    assert by_uid(found, "rank") == {uid: expected[uid] for uid in chosen}


def test_numbered_rows():
    window = {"partition_by": "country", "order_by": ("opened", "uid")}
    found = Airport.objects.annotate(
        number=Window(RowNumber(), **window),
        before=Window(Lag("icao", default=Value("-")), **window),
        first=Window(FirstValue("icao"), **window),
    )
    expected = {}
    for rows in partitions(lambda a: a.country.uid).values():
        rows.sort(key=lambda a: (a.opened, a.uid))
        for number, a in enumerate(rows, 1):
            before = rows[number - 2].icao if number > 1 else "-"
            expected[a.uid] = (number, before, rows[0].icao)
    assert by_uid(found, "number", "before", "first") == expected


def test_frame_of_rows():
    found = Airport.objects.annotate(
        average=Window(
            Avg("elevation"), partition_by=F("country"), order_by=("opened", "uid"),
            frame=RowRange(start=-2, end=2),
        )
    )  # fmt: skip
    expected = {}
    for rows in partitions(lambda a: a.country.uid).values():
        rows.sort(key=lambda a: (a.opened, a.uid))
        for index, a in enumerate(rows):
            near = rows[max(index - 2, 0) : index + 3]
            expected[a.uid] = (average([b.elevation for b in near]),)
    assert by_uid(found, "average") == expected


def test_frame_of_values():
    found = Airport.objects.annotate(
        average=Window(
            Avg("elevation"), partition_by=F("country"), order_by="opened__year",
            frame=ValueRange(start=-12, end=12),
        )
    )  # fmt: skip
    expected = {}
    for rows in partitions(lambda a: a.country.uid).values():
        for a in rows:
            near = [b.elevation for b in rows if abs(a.opened.year - b.opened.year) <= 12]
            expected[a.uid] = (average(near),)
    assert by_uid(found, "average") == expected
