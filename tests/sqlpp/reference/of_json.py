"""Lookups of JSON fields, their keys, and what a document has beside its fields."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Count
from django.db.models.fields.json import KT, KeyTransform

from .models import RefJs

DOCUMENTS: Any = RefJs.all_objects


def under(key: Any, value: Any) -> Any:
    """The documents that have a value under a key."""
    return DOCUMENTS.annotate(x=KeyTransform(key, "json")).filter(x=value)


CONSTRUCTS: dict[str, Callable[[], Any]] = {
    "field.json.key.dot": lambda: under("a.b", 1),
    "field.json.key.quote": lambda: under("a'b", 1),
    "field.json.key.doublequote": lambda: under('a"b', 1),
    "field.json.key.blank": lambda: under("a b", 1),
    "field.json.key.backtick": lambda: under("a`b", 1),
    "field.json.exact.number": lambda: DOCUMENTS.filter(json__k=1),
    "field.json.exact.number.exclude": lambda: DOCUMENTS.exclude(json__k=1),
    "field.json.exact.number.exclude.django": lambda: DOCUMENTS.exclude(json__k=1),
    "field.json.exact.text": lambda: DOCUMENTS.filter(json__k="1"),
    "field.json.exact.bool": lambda: DOCUMENTS.filter(json__k=True),
    "field.json.exact.array": lambda: DOCUMENTS.filter(json__k=[1]),
    "field.json.exact.object": lambda: DOCUMENTS.filter(json__k={"a": 1}),
    "field.json.exact.object.exclude.django": lambda: DOCUMENTS.exclude(json__k={"a": 1}),
    "field.json.none": lambda: DOCUMENTS.filter(json__k=None),
    "field.json.none.exclude": lambda: DOCUMENTS.exclude(json__k=None),
    "field.json.isnull": lambda: DOCUMENTS.filter(json__k__isnull=True),
    "field.json.notnull": lambda: DOCUMENTS.filter(json__k__isnull=False),
    "field.json.in": lambda: DOCUMENTS.filter(json__k__in=[1, "red"]),
    "field.json.in.exclude": lambda: DOCUMENTS.exclude(json__k__in=[1, "red"]),
    "field.json.in.exclude.django": lambda: DOCUMENTS.exclude(json__k__in=[1, "red"]),
    "field.json.gt": lambda: DOCUMENTS.filter(json__k__gt=0),
    "field.json.gt.exclude": lambda: DOCUMENTS.exclude(json__k__gt=0),
    "field.json.lt.text": lambda: DOCUMENTS.filter(json__k__lt="s"),
    "field.json.icontains": lambda: DOCUMENTS.filter(json__k__icontains="RE"),
    "field.json.icontains.exclude.django": lambda: DOCUMENTS.exclude(json__k__icontains="RE"),
    "field.json.startswith": lambda: DOCUMENTS.filter(json__k__startswith="R"),
    "field.json.regex": lambda: DOCUMENTS.filter(json__k__regex="^.ed$"),
    "field.json.regex.exclude.django": lambda: DOCUMENTS.exclude(json__k__regex="^.ed$"),
    "field.json.haskey": lambda: DOCUMENTS.filter(json__has_key="k"),
    "field.json.haskey.exclude": lambda: DOCUMENTS.exclude(json__has_key="k"),
    "field.json.haskeys": lambda: DOCUMENTS.filter(json__has_keys=["k", "z"]),
    "field.json.hasanykeys": lambda: DOCUMENTS.filter(json__has_any_keys=["z", "key", ""]),
    "field.json.haskey.digits": lambda: DOCUMENTS.filter(json__has_key="0"),
    "field.json.haskey.odd": lambda: DOCUMENTS.filter(json__has_key="a.b"),
    "field.json.whole.exact": lambda: DOCUMENTS.filter(json={"k": 1}),
    "field.json.whole.exact.exclude": lambda: DOCUMENTS.exclude(json={"k": 1}),
    "field.json.whole.exact.text": lambda: DOCUMENTS.filter(json="text"),
    "field.json.whole.exact.null": lambda: DOCUMENTS.filter(json={"k": None}),
    "field.json.whole.in": lambda: DOCUMENTS.filter(json__in=[{"k": 1}, []]),
    "field.json.whole.isnull": lambda: DOCUMENTS.filter(json__isnull=True),
    "field.json.whole.icontains": lambda: DOCUMENTS.filter(json__icontains="RED"),
    "field.json.nested.exact": lambda: DOCUMENTS.filter(json__k__a=1),
    "field.json.nested.exact.exclude.django": lambda: DOCUMENTS.exclude(json__k__a=1),
    "field.json.none.exclude.django": lambda: DOCUMENTS.exclude(json__k=None),
    "field.json.key.backslash": lambda: under("a\\b", 1),
    "field.json.key.param": lambda: under("a`b", 1),
    "field.json.key.literal": lambda: under("a.b", 1),
    "field.json.key.empty": lambda: under("", "empty"),
    "field.json.key.digits": lambda: DOCUMENTS.filter(json__0="first"),
    "field.json.key.unicode": lambda: DOCUMENTS.filter(json__é="x"),
    "field.json.key.case": lambda: DOCUMENTS.filter(json__k=1),
    "field.json.values": lambda: (
        DOCUMENTS.filter(json__k__isnull=False).exclude(json__k=None).values_list("uid", "json__k")
    ),
    "field.json.order": lambda: (
        DOCUMENTS.filter(json__k__isnull=False)
        .exclude(json__k=None)
        .order_by("json__k", "uid")
        .values_list("uid", "json__k")
    ),
    "field.json.group": lambda: (
        DOCUMENTS.order_by("json__k").values_list("json__k").annotate(n=Count("pk"))
    ),
    "field.json.kt.text": lambda: (
        DOCUMENTS.filter(json__k__isnull=False)
        .exclude(json__k=None)
        .values_list("uid", KT("json__k"))
    ),
    "field.json.extra": lambda: DOCUMENTS.filter(extra__unknown__deep__1__x="y"),
    "field.json.extra.odd": lambda: DOCUMENTS.filter(**{"extra__odd key.": 3}),
    "field.json.extra.haskey": lambda: DOCUMENTS.filter(extra__has_key="unknown"),
}
