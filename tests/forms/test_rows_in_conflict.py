"""Forms in a form, while somebody else changes the list that they are about."""

from __future__ import annotations

from typing import Any

import pytest

from django_cbtools.forms import documentform_factory
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import Page
from tests.forms.sending import phone_saves, stored
from tests.orm.array_models import Customer

pytestmark = pytest.mark.django_db

CustomerForm = documentform_factory(Customer, fields=["name", "address", "payments"])
PAYMENTS = [{"amount": "1", "x": 1}, {"amount": "2", "x": 2}]
ADDRESS = {"city": "Oslo", "x": 1}


@pytest.fixture(autouse=True)
def customer():
    SyncGateway.save_json("a", {"doc_type": "arrays_customer", "channels": ["c"], "name": "Ann",
                                "address": ADDRESS, "payments": PAYMENTS})  # fmt: skip


def sent(form: Any) -> dict[str, Any]:
    return Page(f'<form id="f">{form}</form>', "f").fields


def posted(data: dict[str, Any]) -> Any:
    return CustomerForm(data, instance=Customer("a"))


@pytest.mark.parametrize("take", [(), ("payments",)])
def test_each_form_stays_with_what_it_is_about(take):
    data = sent(CustomerForm(instance=Customer("a"))) | {"payments-1-amount": "5"}
    theirs = [{"amount": "9", "x": 9}, *PAYMENTS]
    phone_saves(payments=theirs)
    for _ in range(2):  # he may be first once more
        form = posted(data)
        assert not form.is_valid()
        (row,) = form.conflict.rows
        assert row.name == "payments"
        assert '"x": 9' in row.theirs
        assert '"amount": "5"' in row.yours
        data = sent(form)
        assert data["payments-1-amount"] == "5"
        theirs = [{"amount": "8", "x": 8}, *theirs]
        phone_saves(payments=theirs, name="Bob")
    data = sent(posted(data))
    form = posted({**data, "take": take})
    assert form.is_valid(), form.errors
    form.save()
    now = stored()
    if take:
        assert now["payments"] == theirs
    else:
        assert [(each["amount"], each["x"]) for each in now["payments"]] == [("1", 1), ("5", 2)]
    assert now["name"] == "Bob"


def test_objects_are_merged_by_their_fields():
    data = sent(CustomerForm(instance=Customer("a"))) | {"address-city": "Rome", "name": "Mine"}
    phone_saves(address={**ADDRESS, "x": 2}, name="Theirs")
    form = posted(data)
    assert not form.is_valid()
    assert [row.name for row in form.conflict.rows] == ["name"]
    form = posted(sent(form))
    assert form.is_valid(), form.errors
    form.save()
    now = stored()
    assert (now["address"]["city"], now["address"]["x"], now["name"]) == ("Rome", 2, "Mine")
