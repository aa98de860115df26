"""Pages of which something was not sent, or was sent as no page sends it."""

from __future__ import annotations

import pytest

from django_cbtools.forms import documentform_factory
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import sent
from tests.forms.sending import phone_saves, stored
from tests.orm.array_models import Customer

pytestmark = pytest.mark.django_db

CustomerForm = documentform_factory(Customer, fields=["name", "payments"])
PAYMENTS = [{"amount": "1", "uid": "p1"}, {"amount": "2", "x": 2}, {"amount": "3"}]


@pytest.fixture
def data():
    document = {"doc_type": "arrays_customer", "channels": ["c"], "name": "n"}
    SyncGateway.save_json("a", {**document, "payments": PAYMENTS})
    return sent(CustomerForm(instance=Customer("a"))).dict()


def save(data):
    form = CustomerForm(data, instance=Customer("a"))
    assert form.is_valid(), form.errors
    form.save()
    return stored()["payments"]


@pytest.mark.parametrize("total", ["0", "1", "2"])
def test_rows_that_were_not_sent_stay(data, total):
    rev = stored()["_rev"]
    assert save({**data, "payments-TOTAL_FORMS": total}) == PAYMENTS
    assert stored()["_rev"] == rev


@pytest.mark.parametrize("is_ordered", [True, False])
def test_rows_that_were_not_sent_stay_where_others_change(data, is_ordered):
    half = {
        key: value
        for key, value in data.items()
        if not key.startswith("payments-1-") and (is_ordered or not key.endswith("-ORDER"))
    }
    phone_saves(name="theirs")
    half |= {"payments-0-DELETE": "on", "payments-2-amount": "9", "payments-3-amount": "4"}
    now = save(half)
    assert [each["amount"] for each in now] == ["2", "9", "4"]
    assert now[0] == PAYMENTS[1]


def test_an_order_that_is_no_number_leaves_the_row_where_it_is(data):
    assert save({**data, "payments-0-ORDER": "abc", "payments-1-amount": "5"}) == [
        PAYMENTS[0], {**PAYMENTS[1], "amount": "5"}, PAYMENTS[2],
    ]  # fmt: skip
