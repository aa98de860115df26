"""Nested objects in forms, where a phone has saved the document meanwhile."""

from __future__ import annotations

import pytest

from django_cbtools.forms import DocumentForm
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import sent
from tests.orm.array_models import Customer

pytestmark = pytest.mark.django_db

PAYMENTS = [{"amount": "1", "x": 1}, {"amount": "2", "uid": "pmt_2"}, 7]


class CustomerForm(DocumentForm):
    class Meta:
        model = Customer
        fields = ["name", "address", "payments"]


@pytest.fixture
def data(db):
    document = {"doc_type": "arrays_customer", "channels": ["c"], "payments": PAYMENTS}
    SyncGateway.save_json("a", {**document, "address": {"city": "Oslo", "z": 1}})
    return sent(CustomerForm(instance=Customer("a")))


def from_a_phone(**keys):
    row = SyncGateway.all_docs(["a"])["rows"][0]
    SyncGateway.save_json("a", {**row["doc"], **keys, "_rev": row["value"]["rev"]})


def stored():
    return SyncGateway.all_docs(["a"])["rows"][0]["doc"]


def save(data):
    form = CustomerForm(data, instance=Customer("a"))
    if form.is_valid():
        form.save()
    return form


def test_a_form_that_changes_nothing_writes_nothing(data):
    rev = stored()["_rev"]
    form = save(data)
    assert (form.errors, form.changed_data) == ({}, [])
    assert stored()["_rev"] == rev


def test_what_does_not_clash_is_merged(data):
    data["payments-0-amount"] = "3"
    data["payments-1-DELETE"] = "on"
    from_a_phone(address={"city": "Bergen"})
    assert not save(data).errors
    now = stored()
    assert now["address"] == {"city": "Bergen"}
    assert now["payments"] == [{"amount": "3", "x": 1}, 7]


def test_what_clashes_comes_back_and_is_saved_then(data):
    data["payments-0-amount"] = "3"
    data["address-city"] = "Voss"
    from_a_phone(payments=[{"amount": "9", "x": 2}, *PAYMENTS[1:]], address={"city": "Bergen"})
    form = save(data)
    assert {row.name for row in form.conflict.rows} == {"address", "payments"}
    html = form.as_div()
    assert "Somebody else has changed this" in html
    assert "&quot;city&quot;: &quot;Bergen&quot;" in html
    assert 'value="Voss"' in html
    again = sent(form)
    assert not save(again).errors
    now = stored()
    assert now["address"] == {"city": "Voss"}
    assert now["payments"] == [{"amount": "3", "x": 1}, *PAYMENTS[1:]]


def test_theirs_are_taken(data):
    data["payments-0-amount"] = "3"
    theirs = [{"amount": "9"}]
    from_a_phone(payments=theirs)
    again = sent(save(data))
    again["take"] = "payments"
    assert not save(again).errors
    assert stored()["payments"] == theirs


def test_a_row_that_is_sent_twice_is_added_once(data):
    from_a_phone(payments=PAYMENTS[:2])
    data = sent(CustomerForm(instance=Customer("a"))).dict() | {"payments-2-amount": "7"}
    assert not save(data).errors
    before = stored()
    assert before["payments"][2]["amount"] == "7"
    assert not save(data).errors
    assert stored() == before
    # Another one in its place is somebody's change on top of what is stored now.
    assert save({**data, "payments-2-amount": "8"}).conflict is not None


def test_a_new_document_with_nested_objects_that_is_sent_twice_is_one():
    class NewForm(DocumentForm):
        class Meta:
            model = Customer
            fields = ["name", "address", "payments", "channels"]

    entered = {"channels": "c", "address-city": "Oslo", "payments-0-amount": "1"}
    data = sent(NewForm()).dict() | entered
    one, same = NewForm(data).save(), NewForm(data).save()
    assert one.uid == same.uid
    assert one.payments[0].uid == same.payments[0].uid != one.address.uid
    other = NewForm(sent(NewForm()).dict() | entered).save()
    assert other.payments[0].uid != one.payments[0].uid
