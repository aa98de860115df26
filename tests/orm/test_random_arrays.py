"""Lookups of arrays and objects, beside the same in Python."""

from __future__ import annotations

from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import FEW
from tests.orm.arrays import D

from .array_models import Customer

LEAVES = st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(
    [0.5, 1.0, "a", "b", "A", "", "1", "1.0", "%", "2020-01-02", "null", "[]"]
)  # fmt: skip
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["city", "amount", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
MEMBERS = {
    "tags": ANYTHING | st.lists(st.sampled_from("ab") | ANYTHING, max_size=3),
    "numbers": ANYTHING | st.lists(st.integers(-2, 2) | ANYTHING, max_size=3),
    "anything": ANYTHING | st.lists(ANYTHING, max_size=3),
    "labels": ANYTHING | st.lists(st.sampled_from("ab") | ANYTHING, max_size=3),
    "address": ANYTHING | st.fixed_dictionaries({"city": st.sampled_from("ab") | ANYTHING}),
    "payments": ANYTHING
    | st.lists(st.fixed_dictionaries({"amount": LEAVES | ANYTHING}) | ANYTHING, max_size=3),
}
DOCUMENTS = st.lists(st.fixed_dictionaries({}, optional=MEMBERS), min_size=8, max_size=8)
TEXTS, NUMBERS = st.sampled_from(["a", "b", "1", ""]), st.integers(-2, 2)


class Other:
    """Stands for an element of another type: it equals nothing that is asked for."""


def is_text(value):
    return isinstance(value, str)


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_whole(value):
    return is_number(value) and value == int(value)


def elements(raw, has_type):
    """The elements of an array; () where it is none."""
    return [x if has_type(x) else Other for x in raw] if isinstance(raw, list) else ()


def at(raw, index, has_type):
    found = elements(raw, has_type)
    return found[index] if len(found) > index else Other


def exactly(value):
    """JSON such that equal values have equal types, but for numbers."""
    if isinstance(value, list):
        return [exactly(item) for item in value]
    return (isinstance(value, bool), value)


def city(raw):
    found = raw.get("city") if isinstance(raw, dict) else None
    return found if is_text(found) else None


def amounts(raw):
    found = [item.get("amount") for item in elements(raw, lambda x: isinstance(x, dict))
             if item is not Other]  # fmt: skip
    return [D(str(x)) for x in found if is_number(x) or (is_text(x) and x in ("1", "1.0"))]


#: What a lookup is asked with, and what Python says of the JSON of its field.
IN_PYTHON = {
    "tags__contains": (TEXTS, lambda raw, x: x in elements(raw, is_text)),
    "tags__overlap": (
        st.lists(TEXTS), lambda raw, xs: any(x in elements(raw, is_text) for x in xs)
    ),
    "tags__contained_by": (
        st.lists(TEXTS),
        lambda raw, xs: isinstance(raw, list) and all(x in xs for x in elements(raw, is_text)),
    ),
    "tags": (st.lists(TEXTS), lambda raw, xs: raw == xs),
    "tags__in": (st.lists(st.lists(TEXTS)), lambda raw, xs: raw in xs),
    "tags__isnull": (st.booleans(), lambda raw, x: isinstance(raw, list) != x),
    "tags__len": (NUMBERS, lambda raw, n: isinstance(raw, list) and len(raw) == n),
    "tags__0": (TEXTS, lambda raw, x: at(raw, 0, is_text) == x),
    "tags__1__in": (st.lists(TEXTS), lambda raw, xs: at(raw, 1, is_text) in xs),
    "numbers__contains": (
        st.lists(NUMBERS),
        lambda raw, xs: isinstance(raw, list) and all(x in elements(raw, is_whole) for x in xs),
    ),
    "numbers__0__gt": (
        NUMBERS, lambda raw, x: at(raw, 0, is_whole) is not Other and at(raw, 0, is_whole) > x
    ),
    "anything__contains": (
        LEAVES,
        lambda raw, x: isinstance(raw, list) and exactly(x) in [exactly(item) for item in raw],
    ),
    "labels": (
        st.sets(TEXTS),
        lambda raw, xs: isinstance(raw, list) and set(elements(raw, is_text)) == xs,
    ),
    "address__city": (TEXTS, lambda raw, x: city(raw) == x),
    "address__city__isnull": (st.booleans(), lambda raw, x: (city(raw) is None) == x),
    "payments__amount": (NUMBERS, lambda raw, x: x in amounts(raw)),
    "payments__amount__lt": (NUMBERS, lambda raw, x: any(amount < x for amount in amounts(raw))),
}  # fmt: skip


@settings(max_examples=FEW)
@given(
    documents=DOCUMENTS,
    asked=st.fixed_dictionaries({name: value for name, (value, _) in IN_PYTHON.items()}),
)
def test_lookups_beside_python(django_db_setup, django_db_blocker, documents, asked):
    """Whatever phones wrote: what is found is what Python finds in the same JSON."""
    with django_db_blocker.unblock(), transaction.atomic():
        SyncGateway.bulk_docs(
            [
                {"_id": str(uid), "doc_type": "arrays_customer", "channels": ["c"], **document}
                for uid, document in enumerate(documents)
            ]
        )
        rows = Customer.objects.values_list("uid", flat=True)
        for lookup, value in asked.items():
            name, says = lookup.partition("__")[0], IN_PYTHON[lookup][1]
            expected = {
                str(uid)
                for uid, document in enumerate(documents)
                if says(document.get(name), value)
            }
            assert set(rows.filter(**{lookup: value})) == expected, (lookup, value)
            left = set(map(str, range(len(documents)))) - expected
            assert set(rows.exclude(**{lookup: value})) == left, (lookup, value)
        list(Customer.objects.values(*MEMBERS, "payments__amount", "tags__0", "address__place"))
        for customer, document in zip(Customer.objects.order_by("uid"), documents, strict=True):
            assert customer.to_dict() == customer.to_dict() | document
        transaction.set_rollback(True)
