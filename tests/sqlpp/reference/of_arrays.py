"""Lookups within arrays and objects."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum

from tests.orm.array_models import Customer

UTC = datetime.timezone.utc
CUSTOMERS: Any = Customer.all_objects
IN_ORDER: Any = CUSTOMERS.order_by("uid")


CONSTRUCTS: dict[str, Callable[[], Any]] = {
    "array.contains.text": lambda: CUSTOMERS.filter(tags__contains="a"),
    "array.contains.text.exclude": lambda: CUSTOMERS.exclude(tags__contains="a"),
    "array.contains.quotes": lambda: CUSTOMERS.filter(tags__contains="100%_\"'\\"),
    "array.contains.all": lambda: CUSTOMERS.filter(tags__contains=["a", "b"]),
    "array.contains.none": lambda: CUSTOMERS.filter(tags__contains=None),
    "array.contains.none.exclude": lambda: CUSTOMERS.exclude(tags__contains=None),
    "array.contains.empty": lambda: CUSTOMERS.filter(tags__contains=[]),
    "array.contains.int": lambda: CUSTOMERS.filter(numbers__contains=3),
    "array.contains.int.all": lambda: CUSTOMERS.filter(numbers__contains=[1, 3]),
    "array.contains.decimal": lambda: CUSTOMERS.filter(prices__contains=Decimal("10")),
    "array.contains.date": lambda: CUSTOMERS.filter(days__contains=date(2020, 1, 2)),
    "array.contains.moment": lambda: CUSTOMERS.filter(
        moments__contains=datetime.datetime(2020, 5, 17, 10, 30, 15, tzinfo=UTC)
    ),
    "array.contains.any.number": lambda: CUSTOMERS.filter(anything__contains=1.0),
    "array.contains.any.text": lambda: CUSTOMERS.filter(anything__contains="1"),
    "array.contains.any.bool": lambda: CUSTOMERS.filter(anything__contains=True),
    "array.contains.any.object": lambda: CUSTOMERS.filter(anything__contains=[{"k": [1]}]),
    "array.contains.any.array": lambda: CUSTOMERS.filter(anything__contains=[[1]]),
    "array.overlap": lambda: CUSTOMERS.filter(tags__overlap=["a", "c"]),
    "array.overlap.exclude": lambda: CUSTOMERS.exclude(tags__overlap=["a", "c"]),
    "array.overlap.empty": lambda: CUSTOMERS.filter(tags__overlap=[]),
    "array.overlap.mixed": lambda: CUSTOMERS.filter(anything__overlap=["x", True]),
    "array.overlap.date": lambda: CUSTOMERS.filter(days__overlap=["2019-12-31", "2000-01-01"]),
    "array.containedby": lambda: CUSTOMERS.filter(tags__contained_by=["a", "b", "c"]),
    "array.containedby.exclude": lambda: CUSTOMERS.exclude(tags__contained_by=["a", "b", "c"]),
    "array.containedby.empty": lambda: CUSTOMERS.filter(tags__contained_by=[]),
    "array.exact": lambda: CUSTOMERS.filter(tags=["a", "b"]),
    "array.exact.exclude": lambda: CUSTOMERS.exclude(tags=["a", "b"]),
    "array.exact.order": lambda: CUSTOMERS.filter(tags=["b", "a"]),
    "array.exact.empty": lambda: CUSTOMERS.filter(tags=[]),
    "array.exact.int": lambda: CUSTOMERS.filter(numbers=[1, 2, 3]),
    "array.exact.decimal": lambda: CUSTOMERS.filter(prices=[Decimal("10.0")]),
    "array.exact.any": lambda: CUSTOMERS.filter(anything=["1", True]),
    "array.exact.null": lambda: CUSTOMERS.filter(anything=[1, "x", {"k": [1]}, None]),
    "array.exact.null.exclude": lambda: CUSTOMERS.exclude(anything=[1, "x", {"k": [1]}, None]),
    "array.in": lambda: CUSTOMERS.filter(tags__in=[["a", "b"], []]),
    "array.set.exact": lambda: CUSTOMERS.filter(labels={"y", "x"}),
    "array.set.exact.exclude": lambda: CUSTOMERS.exclude(labels={"y", "x"}),
    "array.set.exact.empty": lambda: CUSTOMERS.filter(labels=set()),
    "array.set.exact.sort": lambda: CUSTOMERS.filter(labels=["y", "x"]),
    "array.isnull": lambda: CUSTOMERS.filter(tags__isnull=True),
    "array.len": lambda: CUSTOMERS.filter(tags__len=2),
    "array.len.exclude": lambda: CUSTOMERS.exclude(tags__len=2),
    "array.len.gt": lambda: CUSTOMERS.filter(tags__len__gt=1),
    "array.len.zero": lambda: CUSTOMERS.filter(tags__len=0),
    "array.index": lambda: CUSTOMERS.filter(tags__0="a"),
    "array.index.exclude": lambda: CUSTOMERS.exclude(tags__0="a"),
    "array.index.far": lambda: CUSTOMERS.filter(tags__99="a"),
    "array.index.in": lambda: CUSTOMERS.filter(tags__0__in=["a", "b"]),
    "array.index.startswith": lambda: CUSTOMERS.filter(tags__1__startswith="c"),
    "array.index.gt": lambda: CUSTOMERS.filter(numbers__1__gt=2),
    "array.index.gt.exclude": lambda: CUSTOMERS.exclude(numbers__1__gt=2),
    "array.index.decimal": lambda: CUSTOMERS.filter(prices__0__lt=Decimal("10")),
    "array.index.date.year": lambda: CUSTOMERS.filter(days__0__year=2019),
    "array.index.moment.hour": lambda: CUSTOMERS.filter(moments__0__hour=10),
    "array.grid.contains": lambda: CUSTOMERS.filter(grid__contains=[[3]]),
    "array.grid.index.contains": lambda: CUSTOMERS.filter(grid__0__contains=2),
    "array.grid.index.index": lambda: CUSTOMERS.filter(grid__0__1=2),
    "array.grid.index.len": lambda: CUSTOMERS.filter(grid__1__len=2),
    "array.grid.index.exact": lambda: CUSTOMERS.filter(grid__0=[3]),
    "array.member": lambda: CUSTOMERS.filter(address__city="Oslo"),
    "array.member.exclude": lambda: CUSTOMERS.exclude(address__city="Oslo"),
    "array.member.in": lambda: CUSTOMERS.filter(address__city__in=["Oslo", "Bergen"]),
    "array.member.istartswith": lambda: CUSTOMERS.filter(address__city__istartswith="b"),
    "array.member.isnull": lambda: CUSTOMERS.filter(address__city__isnull=True),
    "array.member.isnull.exclude": lambda: CUSTOMERS.exclude(address__city__isnull=True),
    "array.member.year": lambda: CUSTOMERS.filter(address__since__year=2020),
    "array.member.gt": lambda: CUSTOMERS.filter(address__since__gt=date(2020, 2, 2)),
    "array.member.array.contains": lambda: CUSTOMERS.filter(address__phones__contains="45"),
    "array.member.array.index": lambda: CUSTOMERS.filter(address__phones__0="123"),
    "array.member.array.len": lambda: CUSTOMERS.filter(address__phones__len=0),
    "array.member.deep": lambda: CUSTOMERS.filter(address__place__latitude__gt=59),
    "array.member.deep.lt": lambda: CUSTOMERS.filter(address__place__longitude__lt=11),
    "array.member.object.isnull": lambda: CUSTOMERS.filter(address__place__isnull=False),
    "array.member.object.key": lambda: CUSTOMERS.filter(address__notes__floor=3),
    "array.member.object.key.exclude": lambda: CUSTOMERS.exclude(address__notes__floor=3),
    "array.object.isnull": lambda: CUSTOMERS.filter(address=None),
    "array.object.exact.empty": lambda: CUSTOMERS.filter(address={}),
    "array.object.exact.null": lambda: CUSTOMERS.filter(
        address={"phones": [], "since": None, "city": "Bergen"}
    ),
    "array.object.exact.null.exclude": lambda: CUSTOMERS.exclude(
        address={"phones": [], "since": None, "city": "Bergen"}
    ),
    "array.elem.member.gt": lambda: CUSTOMERS.filter(payments__0__amount__gt=Decimal("10")),
    "array.elem.member.bool": lambda: CUSTOMERS.filter(payments__0__is_paid=True),
    "array.elem.member.contains": lambda: CUSTOMERS.filter(payments__0__tags__contains="q"),
    "array.elem.member.elem": lambda: CUSTOMERS.filter(payments__0__lines__1__count=5),
    "array.elem.member.fk": lambda: CUSTOMERS.filter(payments__0__agent="agt_1"),
    "array.elem.moment.year": lambda: CUSTOMERS.filter(payments__1__at__year=2021),
    "array.any.member": lambda: CUSTOMERS.filter(payments__amount=Decimal("100")),
    "array.any.member.gt": lambda: CUSTOMERS.filter(payments__amount__gt=Decimal("10")),
    "array.any.member.gt.exclude": lambda: CUSTOMERS.exclude(payments__amount__gt=Decimal("10")),
    "array.any.member.in": lambda: CUSTOMERS.filter(
        payments__amount__in=[Decimal("20.0"), Decimal("9.5")]
    ),
    "array.any.member.year": lambda: CUSTOMERS.filter(payments__at__year=2020),
    "array.any.member.isnull": lambda: CUSTOMERS.filter(payments__at__isnull=True),
    "array.any.member.bool": lambda: CUSTOMERS.filter(payments__is_paid=False),
    "array.any.member.contains": lambda: CUSTOMERS.filter(payments__tags__contains="p"),
    "array.any.member.len": lambda: CUSTOMERS.filter(payments__tags__len=0),
    "array.any.member.index": lambda: CUSTOMERS.filter(payments__tags__0="p"),
    "array.any.any": lambda: CUSTOMERS.filter(payments__lines__count=5),
    "array.any.any.exclude": lambda: CUSTOMERS.exclude(payments__lines__count=5),
    "array.any.any.gt": lambda: CUSTOMERS.filter(payments__lines__count__gt=4),
    "array.any.elem": lambda: CUSTOMERS.filter(payments__lines__0__count=9),
    "array.f.index": lambda: CUSTOMERS.filter(numbers__0__lt=F("numbers__1")),
    "array.f.overlap": lambda: CUSTOMERS.filter(tags__overlap=F("tags")),
    "array.f.contains": lambda: CUSTOMERS.filter(tags__contains=F("labels")),
    "array.f.any": lambda: CUSTOMERS.filter(payments__amount=F("prices__0")),
    "array.values.index": lambda: IN_ORDER.values_list(
        "uid", "tags__0", "prices__0", "days__0", "payments__0__at"
    ),
    "array.values.member": lambda: IN_ORDER.values_list(
        "uid", "address__city", "payments__len", "address__place__latitude"
    ),
    "array.values.whole": lambda: IN_ORDER.values_list("uid", "tags", "grid"),
    "array.values.any": lambda: IN_ORDER.values_list("uid", "payments__amount"),
    "array.values.any.year": lambda: IN_ORDER.values_list("uid", "payments__at__year"),
    "array.values.any.any": lambda: IN_ORDER.values_list("uid", "payments__lines__count"),
    "array.order.member": lambda: CUSTOMERS.order_by("address__city", "uid").values_list(
        "uid", "address__city"
    ),
    "array.order.elem": lambda: CUSTOMERS.order_by("-payments__0__amount", "uid"),
    "array.agg": lambda: CUSTOMERS.aggregate(
        x=Max("payments__0__amount"), y=Sum("tags__len"), z=Count("address__city")
    ),
    "array.group.len": lambda: (
        CUSTOMERS.filter(numbers__len__gt=0)
        .order_by("numbers__len")
        .values_list("numbers__len")
        .annotate(n=Count("pk"))
    ),
    "array.exists.member": lambda: CUSTOMERS.filter(
        Exists(CUSTOMERS.filter(address__city=OuterRef("address__city")))
    ),
    "array.exists.overlap": lambda: CUSTOMERS.filter(
        Exists(CUSTOMERS.filter(tags__overlap=OuterRef("tags")).exclude(pk=OuterRef("pk")))
    ),
    "array.any.two": lambda: CUSTOMERS.filter(
        Q(payments__amount__gt=15) & Q(payments__amount__lt=15)
    ),
    "array.agg.elements": lambda: (
        CUSTOMERS.filter(payments__isnull=False)
        .annotate(x=Sum("payments__amount"), y=Max("payments__amount"), z=Count("payments__amount"))
        .values_list("uid", "x", "y", "z")
    ),
    "plan2.array.any": lambda: CUSTOMERS.filter(tags__contains="a"),
    "plan2.array.null": lambda: CUSTOMERS.filter(tags__contains=None),
    "plan2.array.isarray": lambda: CUSTOMERS.filter(tags__contains="a"),
    "plan2.array.guarded.raw": lambda: CUSTOMERS.filter(tags__contains="a"),
    "plan2.array.member": lambda: CUSTOMERS.filter(payments__amount__gt=10),
    "plan2.array.member.name": lambda: CUSTOMERS.filter(payments__amount__in=[100]),
    "plan2.array.member.isnull": lambda: CUSTOMERS.filter(payments__amount__isnull=True),
    "plan2.array.nested": lambda: CUSTOMERS.filter(payments__lines__count__gt=4),
    "plan2.array.all": lambda: CUSTOMERS.filter(tags__contains=["a", "b"]),
    "plan2.member": lambda: CUSTOMERS.filter(address__city="Oslo"),
    "plan2.element": lambda: CUSTOMERS.filter(tags__0="a"),
    "plan2.len": lambda: CUSTOMERS.filter(tags__len__gt=1),
}
