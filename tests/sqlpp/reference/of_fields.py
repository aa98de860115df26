"""Lookups, orders and aggregates of each type of field, over a key that has any JSON."""

from __future__ import annotations

import datetime
import uuid
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from typing import Any

from django.db.models import (
    Avg,
    BigIntegerField,
    CharField,
    Count,
    DateField,
    DateTimeField,
    F,
    FloatField,
    IntegerField,
    Max,
    Min,
    Q,
    Sum,
    TimeField,
)
from django.db.models.functions import Cast, Now
from django.db.models.functions.datetime import ExtractYear

from .models import ODD

UTC = datetime.timezone.utc
NOON = datetime.datetime(2020, 5, 17, 12, 30, 15, tzinfo=UTC)
EARLIER = datetime.datetime(2020, 5, 17, 10, 30, 15, 500_000, tzinfo=UTC)
DAY, LEAP_DAY = datetime.date(2020, 5, 17), datetime.date(2020, 2, 29)
TIME, MIDNIGHT = datetime.time(12, 30, 15), datetime.time(0)
MICRO = datetime.timedelta(microseconds=1)
ONE, BEEF = uuid.UUID(int=1), uuid.UUID("DEADBEEF-0000-4000-8000-00000000000A")

#: By type of field: a value, several, a range, and another of each for a query by an index.
VALUES: dict[str, tuple[Any, list[Any], tuple[Any, Any], Any]] = {
    "text": ("a", ["a", "B"], ("B", "a"), "b"),
    "integer": (1, [1, -1], (-1, 1), 7),
    "real": (1.5, [1.5, 7.0], (1.5, 7.0), 7.0),
    "amount": (Decimal("1.50"), [Decimal("1.50"), Decimal("0.1")], ("0.1", "1.50"), Decimal(7)),
    "boolean": (True, [True, False], (False, True), False),
    "moment": (NOON, [NOON, EARLIER], (EARLIER, NOON), datetime.datetime(2021, 1, 1, tzinfo=UTC)),
    "day": (DAY, [DAY, LEAP_DAY], (LEAP_DAY, DAY), datetime.date(2021, 1, 1)),
    "hour": (TIME, [TIME, MIDNIGHT], (MIDNIGHT, TIME), datetime.time(13)),
    "duration": (MICRO, [MICRO, 7 * MICRO], (MICRO, 7 * MICRO), 7 * MICRO),
    "key": (ONE, [ONE, BEEF], (ONE, BEEF), uuid.UUID(int=1 << 124)),
    "binary": (b"\x00\x01\x02", [b"\x00\x01\x02", b"\x00"], (b"", b""), b""),
}
#: What SQLite and SQL++ read otherwise, and is left out of comparisons.
READ_OTHERWISE = {
    "amount": ["odd::034", "odd::013"],
    "moment": ["odd::077", "odd::080", "odd::081", "odd::089"],
    "binary": ["odd::140", "odd::142"],
}
AGGREGATES = {
    "text": (Min, Max), "moment": (Min, Max), "day": (Min, Max), "hour": (Min, Max),
    "integer": (Min, Max, Sum, Avg), "real": (Min, Max, Sum, Avg), "amount": (Min, Max, Sum, Avg),
    "duration": (Min, Max, Sum, Avg),
}  # fmt: skip
#: Aggregates leave out what SQLite's numbers have not exactly.
EXACT = {
    "integer": Q(pk__lt="odd::012"), "duration": Q(pk__lt="odd::012"), "real": ~Q(pk="odd::010"),
    "amount": ~Q(pk="odd::010"),
}  # fmt: skip


def rows(name: str) -> Any:
    return ODD[name].all_objects.order_by("uid")


def same(name: str) -> Any:
    return rows(name).exclude(pk__in=READ_OTHERWISE.get(name, []))


def shown(name: str, found: Any = None) -> Any:
    found = rows(name) if found is None else found
    return found.filter(**{f"{name}__isnull": False}).values_list("uid", name)


def of_field(name: str) -> dict[str, Callable[[], Any]]:
    """What is asked of a type of field."""
    value, values, limits, _ = VALUES[name]
    found: dict[str, Callable[[], Any]] = {
        "read": lambda: shown(name),
        "exact": lambda: same(name).filter(**{name: value}),
        "exclude": lambda: same(name).exclude(**{name: value}).count(),
        "in": lambda: same(name).filter(**{f"{name}__in": values}),
        "isnull": lambda: same(name).filter(**{f"{name}__isnull": True}).count(),
        "distinct": lambda: same(name).aggregate(x=Count(name), y=Count(name, distinct=True)),
    }
    if name not in ("boolean", "binary"):
        found |= {
            "lt": lambda: same(name).filter(**{f"{name}__lt": value}),
            "range": lambda: same(name).filter(**{f"{name}__range": limits}),
            "gt.count": lambda: same(name).filter(**{f"{name}__gt": value}).count(),
        }
    if name != "binary":
        both = same(name).values_list("uid", name)
        known = both.filter(**{f"{name}__isnull": False})
        first, last = F(name).desc(nulls_first=True), F(name).asc(nulls_last=True)
        found |= {
            "order": lambda: known.order_by(name, "uid")[:8],
            "order.desc": lambda: both.order_by(f"-{name}", "uid")[:8],
            "order.nullsfirst": lambda: both.order_by(first, "uid")[:3],
            "order.nullslast": lambda: both.order_by(last, "uid")[:3],
        }
    if name != "text":
        many = {"n__gt": 1} if name == "amount" else {}
        found["group"] = lambda: (
            same(name).order_by(name).values_list(name).annotate(n=Count("pk")).filter(**many)
        )
    if name in AGGREGATES:
        found["agg"] = lambda: (
            same(name)
            .filter(EXACT.get(name, Q()))
            .aggregate(**{each.__name__: each(name) for each in AGGREGATES[name]})
        )
    return found


def by_index(name: str) -> dict[str, Callable[[], Any]]:
    """What is asked of a type of field where an index serves it."""
    value, _, _, other = VALUES[name]
    limits = {f"{name}__gt": value, f"{name}__lt": other}
    found: dict[str, Callable[[], Any]] = {
        "exact": lambda: rows(name).filter(**{name: value}),
        "range": lambda: rows(name).filter(**limits),
        "in": lambda: rows(name).filter(**{f"{name}__in": [value, other]}),
        "order": lambda: shown(name).order_by(name, "uid")[:3],
        "isnull": lambda: rows(name).filter(**{f"{name}__isnull": True}).count(),
    }
    if name == "boolean":
        del found["range"]
    return found


def cast(name: str, wanted: Any) -> Any:
    found = rows(name).annotate(x=Cast(name, wanted)).values_list("uid", "x")
    return found.filter(x__isnull=False)


INDEXED = [name for name in VALUES if name != "binary"]

text = partial(rows, "text")
CONSTRUCTS: dict[str, Callable[[], Any]] = {
    **{f"field.{n}.{key}": ask for n in VALUES for key, ask in of_field(n).items()},
    **{f"plan2.{n}.{key}": ask for n in INDEXED for key, ask in by_index(n).items()},
    "field.boolean.agg": lambda: rows("boolean").aggregate(
        x=Sum("boolean", output_field=IntegerField()), y=Min("boolean"), z=Max("boolean")
    ),
    "field.json.read": lambda: shown("json").filter(pk__lt="odd::026"),
    "field.text.raw.exact": lambda: text().filter(text="a"),
    "field.text.raw.in": lambda: text().filter(text__in=["a", "B", "1"]),
    "field.text.raw.like": lambda: text().filter(text__startswith="1"),
    "field.text.raw.contains": lambda: text().filter(text__contains="é"),
    "field.text.raw.gt.isstring": lambda: text().filter(text__gt="x"),
    "field.text.raw.exclude": lambda: text().exclude(text="a").count(),
    "field.text.raw.isnull.type": lambda: text().filter(text__isnull=True).count(),
    "field.integer.raw.exact": lambda: rows("integer").filter(integer=1),
    "field.integer.edge": lambda: rows("integer").filter(integer=2**63 - 1),
    "field.integer.between": lambda: rows("integer").filter(integer__range=(0, 7)),
    "field.real.between": lambda: rows("real").filter(real__range=(0.05, 7)),
    "field.boolean.raw.exact": lambda: rows("boolean").filter(boolean=True),
    "field.boolean.raw.exclude": lambda: rows("boolean").exclude(boolean=True).count(),
    "field.key.case": lambda: rows("key").filter(key=BEEF),
    "field.moment.sub.second": lambda: rows("moment").filter(
        moment__gt=NOON, moment__lt=NOON + datetime.timedelta(milliseconds=200)
    ),
    "field.cast.text.float": lambda: cast("text", FloatField()),
    "field.cast.text.date": lambda: cast("text", DateField()),
    "field.cast.int.float": lambda: cast("integer", FloatField()),
    "field.cast.float.int": lambda: cast("real", IntegerField()),
    "field.cast.decimal.int": lambda: cast("amount", IntegerField()),
    "field.cast.decimal.char": lambda: cast("amount", CharField()),
    "field.cast.day.char": lambda: cast("day", CharField()),
    "field.cast.uuid.char": lambda: cast("key", CharField()),
    "field.cast.duration.int": lambda: cast("duration", BigIntegerField()),
    "field.cast.bool.int": lambda: cast("boolean", IntegerField()),
    "field.cast.date.datetime": lambda: cast("day", DateTimeField()),
    "field.cast.datetime.time": lambda: cast("moment", TimeField()),
    "plan2.exclude": lambda: text().exclude(text="a").count(),
    "plan2.exclude.in": lambda: text().exclude(text__in=["a", "B"]).count(),
    "plan2.order.bare": lambda: text().values_list("uid", "text").order_by("text", "uid")[:3],
    "plan2.order.led": lambda: text().values_list("uid", "text").order_by("text", "uid")[:3],
    "plan2.order.fetch": lambda: text().order_by("text", "uid")[:3],
    "plan2.order.nullslast": lambda: text().values_list("uid", "text").order_by(
        F("text").asc(nulls_last=True), "uid"
    )[:3],
    "plan2.order.offset": lambda: text().order_by("text", "uid").values_list("uid", "text")[
        120:123
    ],
    "plan2.group": lambda: rows("integer").order_by("integer").values_list("integer").annotate(
        n=Count("pk")
    ),
    "plan2.minmax": lambda: rows("moment").aggregate(
        a=Min("moment"), b=Max("moment"), c=Count("moment"), d=Count("moment", distinct=True)
    ),
    "plan2.like": lambda: text().filter(text__startswith="2020"),
    "plan2.lower": lambda: text().filter(text__istartswith="b"),
    "plan2.contains": lambda: text().filter(text__contains="title"),
    "plan2.year.range": lambda: rows("moment").filter(moment__year=2020),
    "plan2.year.extract": lambda: rows("moment").annotate(x=ExtractYear("moment")).filter(
        x=2020
    ).count(),
    "plan2.date.range": lambda: rows("moment").filter(moment__date=DAY).count(),
    "plan2.now": lambda: rows("moment").filter(moment__lte=Now()).count(),
    "plan2.in.subquery": lambda: text().filter(
        text__in=text().filter(pk__in=["odd::027", "odd::028"]).values("text")
    ),
    "plan2.distinct": lambda: text().order_by().values_list("text").distinct().count(),
    "plan2.exists.any": lambda: text().filter(text="a").exists(),
    "plan2.pk.and.field": lambda: text().filter(pk__in=["odd::027", "odd::028"], text="a"),
    "plan2.raw.both": lambda: text().filter(text="a"),
    "plan2.raw.isstring": lambda: text().filter(text__lt="."),
    "plan2.raw.order": lambda: shown("text").order_by("text", "uid")[:3],
    "plan2.raw.isnumber": lambda: rows("integer").filter(integer__gt=1),
    "plan2.between.raw": lambda: rows("integer").filter(integer__range=(0, 7)),
    "plan2.order.includemissing": lambda: text()
    .order_by("text", "uid")
    .values_list("uid", "text")[:3],
    "plan2.order.nullslast.key": lambda: text()
    .order_by(F("text").asc(nulls_last=True), "uid")
    .values_list("uid", "text")[:3],
    "plan2.order.keyset": lambda: text()
    .filter(Q(text__gt="a") | Q(text="a", pk__gt="odd::027"))
    .order_by("text", "uid")
    .values_list("uid", "text")[:3],
    "plan2.zone.day": lambda: rows("moment").filter(moment__date=datetime.date(2020, 5, 18)),
}  # fmt: skip
