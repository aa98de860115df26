"""Times in time zones, their parts and arithmetic."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Callable
from typing import Any

from django.db.models import (
    Avg,
    Count,
    DateTimeField,
    DurationField,
    ExpressionWrapper,
    F,
    Max,
    Min,
    Sum,
    Value,
)
from django.db.models.functions import Extract, Now, Trunc, TruncDate, TruncMonth, TruncTime
from django.utils import timezone

from tests.orm.values_models import Valued

UTC = datetime.timezone.utc
ZONES = {
    "utc": UTC,
    "cph": zoneinfo.ZoneInfo("Europe/Copenhagen"),
    "ny": zoneinfo.ZoneInfo("America/New_York"),
}
DAY_PARTS = ("year", "iso_year", "quarter", "month", "week", "day", "week_day", "iso_week_day")
TIME_PARTS = ("hour", "minute", "second")
delta, date, time = datetime.timedelta, datetime.date, datetime.time
NEW_YEAR = datetime.datetime(2020, 1, 1, tzinfo=UTC)
ROWS: Any = Valued.all_objects.order_by("uid")


def shown(*expressions: Any) -> Any:
    return ROWS.values_list("uid", *expressions)


def duration(expression: Any) -> Any:
    return ExpressionWrapper(expression, output_field=DurationField())


def moment(expression: Any) -> Any:
    return ExpressionWrapper(expression, output_field=DateTimeField())


def in_zone(zone: Any, ask: Callable[[], Any]) -> Callable[[], Any]:
    """A question that is asked in a time zone."""

    def asked() -> Any:
        with timezone.override(zone):
            return list(ask())

    return asked


def of_zone(zone: Any) -> dict[str, Callable[[], Any]]:
    """What is asked of a time in a zone."""
    asked: dict[str, Callable[[], Any]] = {
        "lookup.date": lambda: ROWS.filter(moment__date=date(2020, 12, 31)),
        "lookup.date.in": lambda: ROWS.filter(
            moment__date__in=[date(2021, 1, 1), date(2024, 3, 31)]
        ),
        "lookup.time": lambda: ROWS.filter(moment__time__lt=time(2)),
        "lookup.year": lambda: ROWS.filter(moment__year=2024),
        "lookup.year.lt": lambda: ROWS.filter(moment__year__lt=2021),
        "lookup.week": lambda: ROWS.filter(moment__week=53),
        "lookup.weekday": lambda: ROWS.filter(moment__week_day__gte=6),
        "lookup.hour": lambda: ROWS.filter(moment__hour=2),
        "group.month": lambda: (
            ROWS.annotate(x=TruncMonth("moment"))
            .order_by("x")
            .values_list("x")
            .annotate(n=Count("pk"))
        ),
        "datetimes": lambda: Valued.all_objects.datetimes("moment", "day"),
    }
    found = {key: in_zone(zone, ask) for key, ask in asked.items()}
    parts = [Extract("moment", part, tzinfo=zone) for part in (*DAY_PARTS, *TIME_PARTS)]
    found["extract"] = lambda: shown(*parts)
    found["truncdate"] = lambda: shown(
        TruncDate("moment", tzinfo=zone), TruncTime("moment", tzinfo=zone)
    )
    for part in ("year", "quarter", "month", "week", "day", *TIME_PARTS):
        found[f"trunc.{part}"] = lambda part=part: shown(Trunc("moment", part, tzinfo=zone))  # type: ignore[misc]
    return found


def of_day(part: str) -> Callable[[], Any]:
    return lambda: shown(Trunc("day", part))


CONSTRUCTS: dict[str, Callable[[], Any]] = {
    **{
        f"field.date.{key}.{name}": ask
        for name, zone in ZONES.items()
        for key, ask in of_zone(zone).items()
    },
    **{
        f"field.date.day.trunc.{part}": of_day(part)
        for part in ("year", "quarter", "month", "week", "day")
    },
    "field.date.extract.inside": lambda: shown(Extract("moment", "hour", tzinfo=ZONES["cph"])),
    "field.date.day.extract": lambda: shown(*(Extract("day", part) for part in DAY_PARTS)),
    "field.date.hour.extract": lambda: shown(*(Extract("hour", part) for part in TIME_PARTS)),
    "field.date.hour.trunc": lambda: shown(*(Trunc("hour", part) for part in TIME_PARTS)),
    "field.date.micros": lambda: shown(
        duration(F("moment") - Value(datetime.datetime(1970, 1, 1, tzinfo=UTC)))
    ),
    "field.date.add": lambda: shown(moment(F("moment") + delta(days=1, microseconds=1))),
    "field.date.sub": lambda: shown(moment(F("moment") - delta(hours=1, microseconds=1))),
    "field.date.add.duration": lambda: shown(moment(F("moment") + F("duration"))),
    "field.date.filter.add": lambda: ROWS.filter(moment__lt=moment(F("moment") + F("duration"))),
    "field.date.diff": lambda: shown(duration(F("moment") - Value(NEW_YEAR))),
    "field.date.diff.day": lambda: shown(duration(F("day") - Value(date(2020, 1, 1)))),
    "field.date.add.day": lambda: shown(moment(F("day") + delta(days=1))),
    "field.date.diff.hour": lambda: shown(duration(F("hour") - Value(time(1)))),
    "field.date.duration.math": lambda: shown(
        duration(F("duration") * 2), duration(F("duration") + delta(1))
    ),
    "field.date.duration.agg": lambda: ROWS.aggregate(
        a=Sum("duration"), b=Avg("duration"), c=Min("duration"), d=Max("duration")
    ),
    "field.date.now": lambda: ROWS.filter(moment__lte=Now()).count(),
    "field.date.now.diff": lambda: ROWS.annotate(x=duration(Now() - F("moment"))).filter(
        x__gt=delta(1)
    ).count(),
    "field.date.minmax": lambda: ROWS.aggregate(a=Min("moment"), b=Max("moment")),
    "field.date.compare.fields": lambda: ROWS.filter(day__lte=F("moment__date")),
    "field.date.contains": lambda: ROWS.filter(moment__startswith="2024-03"),
}  # fmt: skip
