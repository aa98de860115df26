"""Looking at documents changes nothing in them."""

from __future__ import annotations

import contextlib
import copy
import json
import uuid
from decimal import Decimal
from typing import Any

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.forms import modelform_factory
from django.template import Context, Template

from django_cbtools.sync_gateway import SyncGateway
from tests.forms.sending import sent
from tests.testapp.models import CBEverything

from .array_models import Customer

FIELDS = ["payments", "address", "tags", "grid", "labels"]
#: As a phone writes it: without uids, with some values of other types.
WRITTEN = {
    "doc_type": "arrays_customer",
    "channels": ["c"],
    "name": 5,
    "tags": [1, "a", None],
    "prices": ["9.50", 3, "many"],
    "address": {"city": 7, "place": {"latitude": 1}, "phones": [1]},
    "payments": [
        {"amount": "1.00", "lines": [{"count": "1"}], "tags": [2]},
        {"amount": 2, "x": 1, "agent_uid": None},
    ],
    "grid": [["1"]],
}
PAGE = Template(
    "{{ c }} {% for p in c.payments %}{{ p }} {{ p.amount }} {{ p.lines }}{% endfor %}"
    "{{ c.address }} {{ c.payments|length }} {{ c.labels }} {{ c.address.uid }}"
)


def validate(customer):
    for each in (customer, customer.address, *customer.payments):
        with contextlib.suppress(ValidationError):
            each.full_clean()


def validate_alone(customer):
    customer.clean_fields(exclude=["uid", "prices", "payments", "tags", "grid", "address"])
    customer.payments[1].clean_fields(exclude=["uid"])


def post_a_form(customer):
    form_class = modelform_factory(Customer, fields=FIELDS)
    assert not form_class(sent(form_class(instance=customer)), instance=customer).has_changed()


LOOKS = {
    "repr": lambda c: (repr(c), repr(c.payments), repr(c.address)),
    "str": lambda c: (str(c), str(c.address)),
    "comparing": lambda c: (c.payments[0] == c.payments[1], c.address in c.payments, c == c),
    "to_dict": lambda c: (c.payments[0].to_dict(), c.to_dict(), c.address.to_json()),
    "iterating": lambda c: [[*payment.lines] for payment in c.payments],
    "rendering": lambda c: PAGE.render(Context({"c": c})),
    "validating": validate,
    "validating alone": validate_alone,
    "querying": lambda c: list(Customer.objects.filter(address=c.address)),
    "copying": copy.deepcopy,
    "serializing": lambda c: serializers.serialize("json", [c]),
    "a form": post_a_form,
}


def as_text(value: Any) -> str:
    """JSON that tells 1 from true and from 1.0."""
    return json.dumps(value, sort_keys=True)


def stored(uid: str) -> dict[str, Any]:
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
@pytest.mark.parametrize("load", [Customer, lambda uid: Customer.objects.get(uid=uid)])
def test_nothing_is_written_that_was_not_there(db, look, load):
    SyncGateway.save_json("a", WRITTEN)
    customer = load("a")
    look(customer)
    customer.save()
    now = stored("a")
    assert as_text({key: now[key] for key in WRITTEN}) == as_text(WRITTEN)


@pytest.mark.parametrize(
    ("name", "raw"),
    [("text", 5), ("integer", "7"), ("real", "1.5"), ("boolean", "1"), ("day", "2020-01-02T00:00"),
     ("moment", "2020-01-02"), ("amount", "01.50"), ("amount", 2), ("address", " ::ffff:10.0.0.1"),
     ("key", "ABCDEF0123456789abcdef0123456789")],
)  # fmt: skip
def test_validating_converts_nothing_that_was_read(db, name, raw):
    others = {"doc_type": "cbeverything", "channels": ["c"]}
    SyncGateway.save_json("a", {**others, name: raw})
    names = {field.name for field in CBEverything._meta.fields}
    document = CBEverything("a")
    document.clean_fields(exclude=names - {name})
    document.save()
    assert json.dumps(stored("a")[name]) == json.dumps(raw)


def test_validating_converts_what_the_program_has_set():
    new = CBEverything(text=5, amount="01.50", key="ABCDEF0123456789abcdef0123456789")
    names = {field.name for field in CBEverything._meta.fields}
    new.clean_fields(exclude=names - {"text", "amount", "key"})
    assert (new.text, new.amount, type(new.key)) == ("5", Decimal("1.5"), uuid.UUID)


def test_validating_converts_a_list_that_was_changed(db):
    SyncGateway.save_json("a", WRITTEN)
    customer = Customer("a")
    customer.tags = [*customer.tags[:2], 3]
    customer.grid.append(["2"])
    customer.clean_fields(exclude=["payments", "address", "prices"])
    assert (customer.tags, customer.grid) == (["1", "a", "3"], [[1], [2]])
