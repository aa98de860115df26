"""Conditions and aggregates on arrays and nested objects that nobody has thought of: SQL answers as
Python does over the same values."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.db import transaction
from django.db.models import Avg, Count, Max, Min, Q, Sum
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import FEW
from tests.orm.array_models import Address, Customer, Payment

pytestmark = pytest.mark.django_db

TEXTS = st.text("aAb\"'\\%_ é", max_size=3)
NUMBERS = st.integers(-3, 3)
PRICES = st.decimals(Decimal(-9), Decimal(9), places=2).map(lambda d: d + 0)
ODD = st.sampled_from([None, True, [], {}, ["x"], {"a": 1}])


def _lists(items):
    return st.lists(items | ODD, max_size=4) | st.none() | st.just("odd") | st.just({"x": 1})


def objects(**fields):
    return st.fixed_dictionaries({}, optional=fields)


PAYMENTS = objects(amount=PRICES.map(str) | ODD, uid=TEXTS, tags=_lists(TEXTS), z=NUMBERS)
ROWS = st.lists(
    objects(
        tags=_lists(TEXTS),
        numbers=_lists(NUMBERS),
        prices=_lists(PRICES.map(str)),
        labels=_lists(TEXTS),
        payments=st.lists(PAYMENTS | ODD, max_size=3) | st.none(),
        address=objects(city=TEXTS | ODD, phones=_lists(TEXTS), uid=TEXTS) | st.none(),
    ),
    min_size=1,
    max_size=5,
)


def texts(items):
    return [item for item in items if isinstance(item, str)] if isinstance(items, list) else []


def integers(items):
    found = items if isinstance(items, list) else []
    return [item for item in found if isinstance(item, int) and not isinstance(item, bool)]


def decimals(items):
    return [Decimal(item) for item in texts(items)]


def amounts(row):
    found = row.get("payments")
    found = [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []
    return decimals([item.get("amount") for item in found])


def tags_of_payments(row):
    found = row.get("payments") if isinstance(row.get("payments"), list) else []
    return [tag for item in found if isinstance(item, dict) for tag in texts(item.get("tags"))]


def ascii_lower(text):
    return "".join(letter.lower() if letter.isascii() else letter for letter in text)


#: How a lookup is answered by Python, of one element.
TEXTUAL = {
    "icontains": lambda item, value: ascii_lower(value) in ascii_lower(item),
    "startswith": lambda item, value: item.startswith(value),
    "iendswith": lambda item, value: ascii_lower(item).endswith(ascii_lower(value)),
    "gt": lambda item, value: item > value,
}
COMPARED = {
    "gt": lambda item, value: item > value,
    "lte": lambda item, value: item <= value,
}


def same_sum(total, items):
    """Whether a database's sum is that of Python; SQLite computes decimals with 15 digits."""
    return total == (pytest.approx(sum(items), abs=Decimal("1e-12")) if items else None)


def saved(rows):
    SyncGateway.bulk_docs(
        [
            {"_id": f"r{i}", "doc_type": "arrays_customer", "channels": ["c"], **row}
            for i, row in enumerate(rows)
        ]
    )


def check(rows, condition, expected):
    found = set(Customer.objects.filter(condition).values_list("uid", flat=True))
    wanted = {f"r{i}" for i, row in enumerate(rows) if expected(row)}
    assert found == wanted, condition
    left = set(Customer.objects.exclude(condition).values_list("uid", flat=True))
    assert left == {f"r{i}" for i in range(len(rows))} - wanted, condition


@settings(max_examples=FEW)
@given(rows=ROWS, text=TEXTS, number=NUMBERS, price=PRICES)
def test_any_element(rows, text, number, price):
    with transaction.atomic():
        saved(rows)
        for name, of_element in TEXTUAL.items():
            for field, items in (
                ("tags", lambda row: texts(row.get("tags"))),
                ("labels", lambda row: texts(row.get("labels"))),
                ("payments__tags", tags_of_payments),
            ):
                check(
                    rows,
                    Q(**{f"{field}__{name}": text}),
                    lambda row, f=of_element, items=items: any(
                        f(item, text) for item in items(row)
                    ),
                )
        for name, of_element in COMPARED.items():
            for field, items, value in (
                ("numbers", lambda row: integers(row.get("numbers")), number),
                ("prices", lambda row: decimals(row.get("prices")), price),
                ("payments__amount", amounts, price),
            ):
                check(
                    rows,
                    Q(**{f"{field}__{name}": value}),
                    lambda row, f=of_element, items=items, value=value: any(
                        f(item, value) for item in items(row)
                    ),
                )
        transaction.set_rollback(True)


@settings(max_examples=FEW)
@given(rows=ROWS)
@example(rows=[{"prices": ["-4.84", "4.98"]}])
def test_aggregates(rows):
    with transaction.atomic():
        saved(rows)
        for field, of_row in (
            ("numbers", lambda row: integers(row.get("numbers"))),
            ("prices", lambda row: decimals(row.get("prices"))),
            ("payments__amount", amounts),
        ):
            each = [of_row(row) for row in rows]
            together = [item for items in each for item in items]
            found = Customer.objects.aggregate(
                s=Sum(field), a=Avg(field), lo=Min(field), hi=Max(field), n=Count(field)
            )
            assert found["n"] == len(together)
            assert (found["lo"], found["hi"]) == (
                (min(together), max(together)) if together else (None, None)
            )
            assert same_sum(found["s"], together)
            if together:
                assert float(found["a"]) == pytest.approx(float(sum(together)) / len(together))
            totals = Customer.objects.annotate(s=Sum(field), n=Count(field)).order_by("uid")
            for (total, n), items in zip(totals.values_list("s", "n"), each, strict=True):
                assert same_sum(total, items)
                assert n == len(items)
        assert Customer.objects.aggregate(n=Count("tags"))["n"] == sum(
            len(texts(row.get("tags"))) for row in rows
        )
        transaction.set_rollback(True)


def _of_texts(found):
    """Whether a list has texts alone: of a nested object that has others, comparing sees none."""
    return not isinstance(found, list) or all(isinstance(item, str | None) for item in found)


@settings(max_examples=FEW)
@given(rows=ROWS)
def test_each_nested_object_finds_its_equals(rows):
    for row in rows:
        address, payments = row.get("address") or {}, row.get("payments") or []
        assume(_of_texts(address.get("phones")))
        assume(all(_of_texts(item.get("tags")) for item in payments if isinstance(item, dict)))
    with transaction.atomic():
        saved(rows)
        customers = [Customer(f"r{i}") for i in range(len(rows))]
        for customer in customers:
            if isinstance(customer.address, Address):
                found = Customer.objects.filter(address=customer.address)
                assert customer.uid in set(found.values_list("uid", flat=True))
                same = {other.uid for other in customers if declared(other) == declared(customer)}
                assert set(found.values_list("uid", flat=True)) == same
            if isinstance(customer.payments, list):
                for payment in customer.payments:
                    if isinstance(payment, Payment):
                        found = Customer.objects.filter(payments__contains=payment)
                        assert found.filter(uid=customer.uid).exists()
        transaction.set_rollback(True)


def declared(customer):
    """What the declared fields of an address are, as queries see them."""
    address = customer.address
    if not isinstance(address, Address):
        return None
    return repr((address.city, address.phones))
