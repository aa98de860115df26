"""Nested objects, and lists of them, as forms in forms: from what a browser sends to JSON."""

from __future__ import annotations

import json

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.http import QueryDict

from django_cbtools.form_fields import NestedForm
from django_cbtools.models import CouchbaseModel, CouchbaseNestedModel, EmbeddedListField
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import sent
from tests.orm.array_models import Agent, Customer, Payment
from tests.testapp.models import CBParcel

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.filterwarnings("ignore::django_cbtools.exceptions.StaleFormWarning"),
]

HTML = "<b>&\"'</b>"


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = ["name", "address", "payments"]


class ParcelForm(forms.ModelForm):
    class Meta:
        model = CBParcel
        fields = ["stops"]


def stored(uid="a"):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def saved(**keys):
    SyncGateway.save_json("a", {"doc_type": "arrays_customer", "channels": ["c"], **keys})
    return Customer("a")


def page(document=None):
    """What a browser sends of a page that nobody has touched."""
    return sent(CustomerForm(instance=document))


def bound(data, document=None):
    return CustomerForm(data, instance=document)


def save(data):
    form = bound(data, Customer("a"))
    assert form.is_valid(), form.errors
    form.save()
    return stored()


PAYMENTS = [
    {"amount": "1.50", "phone": {"x": 1}},
    {"amount": 2, "uid": "pmt_2", "is_paid": True, "lines": [{"count": 1, "y": 2}, {"count": 2}]},
    {"amount": "three", "at": "nonsense", "tags": 5, "agent_uid": "gone", "uid": "pmt_3"},
    7,
    None,
]


def test_a_form_that_nobody_touches_has_no_changes():
    document = saved(payments=PAYMENTS, address={"place": [1], "since": "2020-13-45", "z": HTML})
    was = stored()
    form = bound(page(document), document)
    assert form.changed_data == []
    assert form.is_valid(), form.errors
    form.save()
    now = stored()
    assert {key: now[key] for key in ("payments", "address")} == {
        key: was[key] for key in ("payments", "address")
    }


def test_what_is_changed_is_all_that_changes():
    data = page(saved(payments=PAYMENTS))
    data["payments-0-amount"] = "4.00"
    data["payments-1-lines-1-count"] = "9"
    data["payments-2-is_paid"] = "on"
    changed = [dict(each) if isinstance(each, dict) else each for each in PAYMENTS]
    changed[0]["amount"] = "4.00"
    changed[1]["lines"] = [{"count": 1, "y": 2}, {"count": 9}]
    changed[2]["is_paid"] = True
    assert save(data)["payments"] == changed


def test_order():
    data = page(saved(payments=PAYMENTS))
    data["payments-1-ORDER"] = "1"
    data["payments-0-ORDER"] = "3"
    data["payments-1-lines-0-ORDER"] = "7"
    found = save(data)["payments"]
    lines = {"lines": [{"count": 2}, {"count": 1, "y": 2}]}
    first, second, third, *rest = PAYMENTS
    assert found == [{**second, **lines}, third, first, *rest]


def test_removed_and_added():
    data = page(saved(payments=PAYMENTS[:2]))
    data["payments-0-DELETE"] = "on"
    data["payments-2-amount"] = "5"
    data["payments-2-lines-0-count"] = "6"
    old, new = save(data)["payments"]
    assert old == PAYMENTS[1]
    # As Python makes it.
    assert new.keys() == Payment(amount=5).to_dict().keys()
    assert new["amount"] == "5"
    assert new["uid"].startswith("pmt_")
    assert [line["count"] for line in new["lines"]] == [6]


def test_a_new_document_by_form_and_by_program():
    data = page()
    data.update({"name": "n", "address-city": "Oslo", "payments-0-amount": "5"})
    form = bound(data)
    assert form.is_valid(), form.errors
    made = form.save(commit=False).to_dict()
    assert made["address"]["city"] == "Oslo"
    assert made["payments"][0].keys() == Payment(amount=5).to_dict().keys()


def test_an_object_comes_and_goes():
    data = page(saved(name="n"))
    assert bound(data, Customer("a")).changed_data == []
    data["address-city"] = "Oslo"
    data["address-place-latitude"] = "59.9"
    made = save(data)["address"]
    assert (made["city"], made["place"]["latitude"]) == ("Oslo", 59.9)
    data = page(Customer("a"))
    data["address-place-DELETE"] = "on"
    assert save(data)["address"]["place"] is None
    data = page(Customer("a"))
    data["address-DELETE"] = "on"
    assert save(data)["address"] is None


def test_errors_are_at_the_fields_they_are_about():
    data = page(saved(payments=PAYMENTS[:2]))
    data["payments-0-amount"] = "-1"
    data["payments-1-lines-0-count"] = HTML
    data["payments-2-is_paid"] = "on"
    data["address-since"] = HTML
    form = bound(data, Customer("a"))
    assert form.errors == {
        "payments": [
            "payments.0.amount: Ensure this value is greater than or equal to 0.",
            "payments.1.lines.0.count: Enter a whole number.",
            "payments.2.amount: This field is required.",
        ],
        "address": ["address.city: This field is required.", "address.since: Enter a valid date."],
    }
    html = form.as_div()
    assert HTML not in html
    assert html.count("Enter a whole number.") == html.count("Enter a valid date.") == 1
    assert "payments.0" not in html
    # The next one is right.
    again = sent(form)
    again.update({"payments-0-amount": "1", "payments-1-lines-0-count": "3",
                  "payments-2-amount": "8", "address-since": "2020-01-02",
                  "address-city": "x"})  # fmt: skip
    assert [each["amount"] for each in save(again)["payments"]] == ["1", 2, "8"]


def test_what_cannot_be_read_is_shown_and_can_be_mended():
    document = saved(payments=PAYMENTS, address=HTML)
    html = CustomerForm(instance=document).as_div()
    for text in ('value="three"', 'value="nonsense"', "&lt;b&gt;", ">\n7</textarea>"):
        assert text in html
    assert HTML not in html
    data = page(document)
    data.update({"payments-2-amount": "3", "payments-2-at": "2020-01-02 03:04",
                 "payments-2-tags": "a\nb", "payments-3-JSON": '{"amount": 7}',
                 "payments-4-DELETE": "on", "address": '{"city": "Oslo"}'})  # fmt: skip
    now = save(data)
    assert now["address"] == {"city": "Oslo"}
    third = now["payments"][2]
    assert (third["amount"], third["tags"], third["agent_uid"]) == ("3", ["a", "b"], "gone")
    assert third["at"].startswith("2020-01-02T")
    assert now["payments"][3:] == [{"amount": 7}]
    data = page(Customer("a"))
    data["payments-2-amount"] = "more"
    form = bound(data, Customer("a"))
    assert form.errors["payments"] == ["payments.2.amount: Enter a number."]


def test_a_relation_to_what_is_gone_stays_and_is_asked_for_once(django_assert_max_num_queries):
    Agent(uid="ann", name=HTML, channels=["c"]).save()
    document = saved(payments=[{"amount": 1, "agent_uid": "gone"}, {"amount": 2}] * 5)
    with django_assert_max_num_queries(2):
        data = page(document)
    assert data["payments-0-agent"] == "gone"
    data["payments-0-amount"] = "3"
    data["payments-1-agent"] = "ann"
    now = save(data)["payments"]
    assert (now[0]["agent_uid"], now[1]["agent_uid"]) == ("gone", "ann")


def test_rows_find_their_elements_in_a_list_that_has_changed():
    data = page(saved(payments=PAYMENTS[:2]))
    document = Customer("a")
    document.payments.insert(0, Payment(amount=0))
    document.save()
    data["payments-0-amount"] = "4"
    mine, theirs, other = save(data)["payments"]
    assert (mine, other) == ({**PAYMENTS[0], "amount": "4"}, PAYMENTS[1])
    assert theirs["amount"] == "0"  # the page knew nothing of it
    document = Customer("a")
    document.payments.pop(1)
    document.save()
    data = page(document)
    for number, token in enumerate(("", "9.jx", "1.u", "²." + "x" * 30)):
        data[f"payments-{number}-ELEMENT"] = token
    data["payments-0-amount"] = data["payments-1-amount"] = "9"
    assert [each["amount"] for each in save(data)["payments"]] == ["4", "9", 2, "9"]


def test_what_was_not_sent_is_kept():
    saved(payments=PAYMENTS, address={"city": "Oslo"})
    now = save({"name": "n"})
    assert (now["payments"], now["address"]) == (PAYMENTS, {"city": "Oslo"})


@pytest.mark.parametrize("total", ["100000000", "-1", "x", ""])
def test_a_count_that_nobody_has_made(total):
    data = page(saved(payments=PAYMENTS))
    data["payments-TOTAL_FORMS"] = total
    form = bound(data, Customer("a"))
    assert len(form["payments"].sent.forms) <= len(PAYMENTS) + 1
    form.is_valid()
    form.as_div()


def test_many_rows():
    many = [{"city": "x", "n": n} for n in range(1000)]
    SyncGateway.save_json("p", {"doc_type": "parcel", "channels": ["c"], "stops": many})
    parcel = CBParcel("p")
    data = sent(ParcelForm(instance=parcel))
    assert 300 < len(data) < 600
    assert ParcelForm(data, instance=parcel).changed_data == []
    rest = json.loads(data["stops-REST"])
    assert rest[-1] == many[-1]
    rest[-1]["city"] = "y"
    del rest[0]
    data["stops-REST"] = json.dumps(rest)
    data["stops-0-city"] = "z"
    form = ParcelForm(data, instance=parcel)
    assert form.is_valid(), form.errors
    form.save()
    now = stored("p")["stops"]
    assert (len(now), now[0], now[-1]) == (999, {"city": "z", "n": 0}, {"city": "y", "n": 999})
    data["stops-REST"] = HTML
    assert ParcelForm(data, instance=parcel).errors["stops"] == ["stops: Enter a valid JSON."]


def test_many_rows_where_the_site_takes_more_fields(settings):
    document = saved(payments=[{"amount": "1.00", "n": n} for n in range(40)])
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 200
    assert "payments-REST" in page(document)
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = None
    data = page(document)
    assert "payments-REST" not in data
    data["payments-39-ORDER"] = "1"
    assert [each["n"] for each in save(data)["payments"]][:3] == [39, 0, 1]


class Scan(CouchbaseNestedModel):
    class Meta:
        abstract = True
        app_label = "orm"

    image = models.FileField(upload_to="scans", blank=True)
    kind = models.CharField(max_length=20, choices=[("a", "A"), (HTML, HTML)], default="a")
    parts = EmbeddedListField("self", blank=True)


class Scanned(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "orm"

    doc_type = "forms_scanned"
    default_channels = ["c"]
    scans = EmbeddedListField(Scan, blank=True)


class KindForm(NestedForm):
    class Meta:
        model = Scan
        fields = ["kind"]


def scanned(files=None, data=None, **options):
    field = Scanned._meta.get_field("scans").formfield(**options)

    class Form(forms.ModelForm):
        scans = field

        class Meta:
            model = Scanned
            fields = ["scans"]

    instance = Scanned("s") if data is not None and "s" in data else None
    return Form(data, files, instance=instance)


def test_files_choices_and_a_class_in_itself(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    SyncGateway.save_json("s", {"doc_type": "forms_scanned", "channels": ["c"], "scans": [
        {"kind": "old", "parts": [{"kind": HTML}]}]})  # fmt: skip
    field = Scanned._meta.get_field("scans")

    class Form(forms.ModelForm):
        class Meta:
            model = Scanned
            fields = ["scans"]

    form = Form(instance=Scanned("s"))
    assert form.is_multipart()
    assert "django_cbtools/nested.js" in str(form.media)
    data = sent(form)
    assert HTML not in form.as_div()
    assert (data["scans-0-kind"], data["scans-0-parts-0-kind"]) == ("old", HTML)
    data["scans-0-parts-0-kind"] = "a"
    data["scans-1-kind"] = "b"
    files = {"scans-0-image": SimpleUploadedFile("x.txt", b"text")}
    form = Form(data, files, instance=Scanned("s"))
    assert "scans.1.kind: Select a valid choice." in form.errors["scans"][0]
    data["scans-1-kind"] = "a"
    form = Form(data, files, instance=Scanned("s"))
    assert form.is_valid(), form.errors
    form.save()
    (scan,) = stored("s")["scans"]
    assert scan == {"kind": "old", "image": "scans/x.txt", "parts": [{"kind": "a"}]}
    assert (tmp_path / "scans" / "x.txt").read_bytes() == b"text"
    assert field.formfield(widget=forms.Textarea).widget.__class__ is forms.Textarea


def test_a_form_of_ones_own():
    class Form(forms.ModelForm):
        scans = Scanned._meta.get_field("scans").formfield(subform=KindForm)

        class Meta:
            model = Scanned
            fields = ["scans"]

    data = sent(Form())
    assert set(data) >= {"scans-0-kind"}
    assert "scans-0-image" not in data
    data["scans-0-kind"] = HTML
    form = Form(data)
    assert form.is_valid(), form.errors
    assert [scan.kind for scan in form.save(commit=False).scans] == [HTML]


def test_what_a_program_does_afterwards_is_checked():
    data = page(saved(payments=PAYMENTS[:1]))
    data["payments-0-amount"] = "4"
    form = bound(data, Customer("a"))
    assert form.is_valid(), form.errors
    document = form.save(commit=False)
    document.payments.append(Payment(amount=-1))
    with pytest.raises(ValidationError, match="greater than or equal to 0"):
        document.full_clean()


def test_query_dicts_that_are_empty():
    form = bound(QueryDict(""))
    assert form.is_valid(), form.errors
    assert form.cleaned_data == {"name": "", "address": None, "payments": []}
