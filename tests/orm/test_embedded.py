"""Documents with arrays and objects in them: loaded, changed, saved."""

from __future__ import annotations

import copy
import datetime
import json
import pickle
from decimal import Decimal

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools.models import CouchbaseModelError
from django_cbtools.sync_gateway import SyncGateway

from .array_models import Address, Customer, Payment, PaymentLine, Place
from .arrays import ROWS

D = Decimal
KEYS = [stored.key for stored in Customer._stored_fields() if stored.key in ROWS["1"]]


def put(uid, **keys):
    document = {"doc_type": "arrays_customer", "channels": ["c"], **keys}
    SyncGateway.save_json(uid, document)
    return document


def stored(uid="a"):
    document = SyncGateway.all_docs([uid])["rows"][0]["doc"]
    return {key: value for key, value in document.items() if key in KEYS}


def same(one, other):
    """Whether two JSON values are the same, whatever order their keys are in."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


@pytest.mark.parametrize("uid", ROWS)
def test_what_nobody_touched_is_written_back_as_it_was(db, uid):
    put("a", **ROWS[uid])
    for load in (lambda: Customer("a"), Customer.objects.get):
        loaded = load()
        for _ in range(2):
            loaded.save()
            assert same(stored() | ROWS[uid], stored())


LEAVES = (
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(-9, 9)
    | st.sampled_from(["", "a", "9.5", "9.50", "2020-01-02", "2020-01-02T03:04:05Z", "Oslo"])
)  # fmt: skip
JSON = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(
            ["uid", "amount", "at", "lines", "tags", "count", "city", "phones", "place", "lng",
             "latitude", "notes", "color", "channels", "doc_type", "_id", "rev", "extra",
             "longitude", "created", "agent_uid", "agent"]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@given(document=st.dictionaries(st.sampled_from(KEYS), JSON))
def test_whatever_a_phone_wrote_is_what_is_written_back(document):
    loaded = Customer()
    loaded._fill("uid", "1-a", copy.deepcopy(document))
    copied = pickle.loads(pickle.dumps(copy.deepcopy(loaded)))
    for instance in (loaded, copied):
        for _ in range(2):
            written = instance.to_dict()
            assert json.dumps({key: written[key] for key in document}) == json.dumps(document)


def test_changes_in_place_are_saved(db):
    put("a", **ROWS["1"])
    customer = Customer.objects.get()
    customer.tags.append("new")
    customer.prices[1] = D("11")
    customer.anything[2]["k"].append(2)
    customer.grid[0][0] = 9
    customer.labels.add("a")
    customer.labels.discard("x")
    customer.address.city = "Bergen"
    customer.address.phones.append("1")
    customer.address.place.longitude = None
    customer.address.notes["floor"] = 4
    customer.payments[0].amount = D(3)
    customer.payments[0].lines[1].count += 1
    customer.payments.append(Payment(uid="pmt_new", amount=D("0.10")))
    customer.save()
    expected = copy.deepcopy(ROWS["1"])
    expected["tags"].append("new")
    expected["prices"][1] = "11"
    expected["anything"][2]["k"].append(2)
    expected["grid"][0][0] = 9
    expected["labels"] = ["y", "a"]
    address, payments = expected["address"], expected["payments"]
    address["city"] = "Bergen"
    address["phones"].append("1")
    address["place"]["lng"] = None
    address["notes"]["floor"] = 4
    payments[0]["amount"] = "3"
    payments[0]["lines"][1]["count"] = 6
    now = stored()
    (*_, new) = now["payments"]
    assert new == {
        "uid": "pmt_new", "created": None, "updated": None, "st_deleted": False, "amount": "0.10",
        "at": None, "is_paid": False, "tags": [], "lines": [], "agent_uid": None,
    }  # fmt: skip
    payments.append(new)
    assert same(now, {key: expected[key] for key in now})
    again = Customer("a")
    assert again.payments[2].amount == D("0.10")
    assert again.labels == {"y", "a"}


def test_elements_of_other_types_stay_when_others_come_and_go(db):
    put("a", prices=["9.50", "many", 3, None, {"x": 1}], labels=[["x"], "b", 2, "b"],
        payments=["x", {"amount": "1", "color": "red"}, None, {"amount": "2"}],
        grid=[[1, "x"], "y"])  # fmt: skip
    customer = Customer("a")
    assert customer.prices == [D("9.50"), "many", D(3), None, {"x": 1}]
    assert customer.labels == {"b", 2}
    customer.prices = [D("0.1"), *customer.prices[1:], D("9.50")]
    customer.labels |= {"z", "c"}
    del customer.payments[0]
    customer.payments.reverse()
    customer.grid.insert(0, [7])
    customer.save()
    assert same(
        {key: stored()[key] for key in ("prices", "labels", "payments", "grid")},
        {"prices": ["0.1", "many", 3, None, {"x": 1}, "9.50"],
         "labels": [["x"], "b", 2, "b", "c", "z"],
         "payments": [{"amount": "2"}, None, {"amount": "1", "color": "red"}],
         "grid": [[7], [1, "x"], "y"]},
    )  # fmt: skip


def test_a_new_document(db):
    customer = Customer(
        uid="a", channels=["c"], labels={"b", "a"}, days=[datetime.date(2020, 1, 2)],
        address=Address(city="Oslo", place=Place(latitude=1.5)), prices=("1.5",),
        payments=[Payment(amount=D("1.20"), lines=[PaymentLine(count=1)])],
    )  # fmt: skip
    assert (Customer().labels, Customer().payments, Customer().address) == (set(), [], None)
    assert Customer().numbers is None
    customer.save()
    found = stored()
    assert (found["labels"], found["days"], found["prices"]) == (
        ["a", "b"],
        ["2020-01-02"],
        ["1.5"],
    )
    assert found["address"]["place"]["latitude"] == 1.5
    assert found["payments"][0]["uid"].startswith("pmt_")
    customer.address.city = "Bergen"
    customer.save()
    loaded = Customer.objects.get()
    assert (loaded.address.city, loaded.payments[0].lines[0].count) == ("Bergen", 1)
    assert loaded.payments[0].uid == customer.payments[0].uid
    with pytest.raises(CouchbaseModelError):
        loaded.address.save()
    loaded.address = None
    loaded.save()
    assert stored()["address"] is None


def test_undeclared_keys_of_nested_models(db):
    put("a", address={"city": "Oslo", "color": "red", "hue": 1})
    customer = Customer("a")
    assert customer.address.extra == {"color": "red", "hue": 1}
    del customer.address.extra["hue"]
    customer.address.extra["size"] = 3
    customer.save()
    assert stored()["address"] == {"city": "Oslo", "color": "red", "size": 3}


def test_bulk_writes(db):
    put("a", **ROWS["1"])
    put("b", **ROWS["2"])
    customers = list(Customer.objects.order_by("uid"))
    for customer in customers:
        customer.tags.append("x")
        customer.address.city += "!"
    Customer.objects.bulk_update(customers, ["tags", "address"])
    assert stored("a")["address"] == ROWS["1"]["address"] | {"city": "Oslo!"}
    assert stored("b")["tags"] == [*ROWS["2"]["tags"], "x"]
    Customer.objects.update(labels={"z"}, prices=[D("1.50")], address=Address(uid="u", city="Rome"))
    assert (stored("b")["labels"], stored("b")["prices"]) == (["z"], ["1.50"])
    assert stored("a")["address"]["city"] == "Rome"
    assert Customer.objects.filter(address__city="Rome", labels={"z"}).count() == 2
    customer = Customer("a")
    customer.tags.append("y")
    customer.address.city = "unsaved"
    customer.save(update_fields=["tags"])
    assert (stored()["tags"][-1], stored()["address"]["city"]) == ("y", "Rome")
    customer.refresh_from_db(fields=["address"])
    assert customer.address.city == "Rome"


def problems(**values):
    try:
        Customer(channels=["c"], **values).full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"tags": ["a", "b"], "address": Address(city="Oslo"), "labels": {"x"}}, {}),
        ({"tags": ["a", "x" * 11, ""]}, {"tags": [
            "tags.1: Ensure this value has at most 10 characters (it has 11).",
            "tags.2: This field cannot be blank."]}),
        ({"tags": "a"}, {"tags": ["Enter a list."]}),
        ({"tags": 3}, {"tags": ["Enter a list."]}),
        ({"tags": [None]}, {"tags": ["tags.0: This field cannot be null."]}),
        ({"numbers": [1, "x"]}, {"numbers": ["numbers.1: “x” value must be an integer."]}),
        ({"grid": [[1], [2, "x"]]}, {"grid": ["grid.1.1: “x” value must be an integer."]}),
        ({"grid": [1]}, {"grid": ["grid.0: Enter a list."]}),
        ({"colors": ["r", "x"]}, {"colors": ["colors.1: Value 'x' is not a valid choice."]}),
        ({"address": Address()}, {"address": ["address.city: This field cannot be blank."]}),
        ({"address": Address(city="Oslo", place=Place(latitude="north"), phones=["1", "123456"])},
         {"address": [
             "address.phones.1: Ensure this value has at most 5 characters (it has 6).",
             "address.place.latitude: “north” value must be a float."]}),
        ({"payments": [Payment(amount=1), Payment(amount=-1)]}, {"payments": [
            "payments.1.amount: Ensure this value is greater than or equal to 0."]}),
        ({"payments": [Payment(amount=1, lines=[PaymentLine(count="x")])]}, {"payments": [
            "payments.0.lines.0.count: “x” value must be an integer."]}),
        ({"payments": [None]}, {"payments": ["payments.0: This field cannot be null."]}),
        ({"payments": ["x"]}, {"payments": ["payments.0: Enter an object."]}),
        ({"address": Payment()}, {"address": ["Enter an object."]}),
    ],
)  # fmt: skip
def test_validation_names_the_path(values, expected):
    assert problems(**values) == expected


def test_validation_converts(db):
    customer = Customer(
        channels=["c"], prices=["1.5"], days=["2020-01-02"], labels=["a", "a"], grid=[["1"]],
        address={"city": "Oslo"}, payments=[{"amount": "2"}],
    )  # fmt: skip
    customer.full_clean()
    assert customer.prices == [D("1.5")]
    assert customer.days == [datetime.date(2020, 1, 2)]
    assert (customer.labels, customer.grid) == ({"a"}, [[1]])
    assert (customer.address.city, customer.payments[0].amount) == ("Oslo", D(2))


def test_what_cannot_be_stored_is_told(db):
    for values in ({"prices": ["x"]}, {"days": [object()]}, {"address": "x"}, {"tags": 3}):
        (name,) = values
        with pytest.raises(ValueError, match=f"field {name} cannot store"):
            Customer(uid="a", channels=["c"], **values).save()


@pytest.mark.parametrize("format", ["json", "xml", "jsonl", "python"])
def test_serializers(db, format):
    for uid, row in list(ROWS.items())[:5]:
        put(uid, **row)
    data = serializers.serialize(format, Customer.objects.order_by("uid"))
    before = {uid: Customer(uid).to_dict() for uid in "12345"}
    found = list(serializers.deserialize(format, data))
    assert [each.object.uid for each in found] == list("12345")
    for each in found:
        each.save()
        assert same(Customer(each.object.uid).to_dict(), before[each.object.uid])


def test_what_is_of_another_type_can_be_dumped(db):
    put("6", **ROWS["6"])
    put("7", **ROWS["7"])
    (six, seven) = json.loads(serializers.serialize("json", Customer.objects.order_by("uid")))
    for entry, row in ((six, ROWS["6"]), (seven, ROWS["7"])):
        # What a field's type cannot have is in extra, under its key.
        found = entry["fields"] | entry["fields"]["extra"]
        assert same(found, found | row)


def test_copies_are_their_own(db):
    put("a", **ROWS["1"])
    customer = Customer("a")
    other = copy.deepcopy(customer)
    other.tags.append("x")
    other.address.city = "Rome"
    assert (customer.tags, customer.address.city) == (["a", "b"], "Oslo")
    thawed = pickle.loads(pickle.dumps(customer))
    thawed.address.city = "Rome"
    thawed.save()
    assert stored() == ROWS["1"] | {"address": ROWS["1"]["address"] | {"city": "Rome"}}
