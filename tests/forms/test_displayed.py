"""Lists and objects as texts: in templates, and in the admin's lists and pages."""

from __future__ import annotations

import pytest
from django import forms
from django.contrib.auth import get_user_model
from django.template import Context, Template

from django_cbtools.forms import documentform_factory
from django_cbtools.sync_gateway import SyncGateway
from tests.forms.rooms import CHANGE, site
from tests.forms.sending import sent
from tests.orm.array_models import Address, Customer
from tests.testapp.models import CBArticle

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.forms.rooms")]

STORED = {
    "tags": ["a", "<b>"], "numbers": [1, None, "x"], "colors": ["g", "purple"],
    "labels": ["y", "x"], "grid": [[1, 2], [3]], "anything": [True, {"x": "é"}, "s"],
    "days": ["2020-01-02"], "address": {"notes": {"<i>": "left", "door": 3}},
    "payments": [{"amount": 1}],
}  # fmt: skip
TEXTS = {
    "tags": "a, <b>", "numbers": "1, null, x", "colors": "Green, purple", "labels": "x, y",
    "grid": "1, 2, 3", "anything": 'true, {"x": "é"}, s', "days": "Jan. 2, 2020",
}  # fmt: skip


@pytest.fixture
def customer(db):
    document = {"doc_type": "arrays_customer", "channels": ["c"], "name": "n", **STORED}
    SyncGateway.save_json("a", document)
    return Customer("a")


def test_texts(customer):
    assert {name: getattr(customer, f"get_{name}_display")() for name in TEXTS} == TEXTS
    assert customer.address.get_notes_display() == "<i>: left, door: 3"
    assert customer.get_channels_display() == "c"
    customer.tags, customer.numbers = [], None
    assert customer.get_tags_display() == customer.get_numbers_display() == ""


def test_templates(customer):
    text = "{{ it.tags|join:', ' }}|{{ it.get_tags_display }}|{{ it.get_colors_display }}"
    assert Template(text).render(Context({"it": customer})) == (
        "a, &lt;b&gt;|a, &lt;b&gt;|Green, purple"
    )


def test_the_admin(customer, client, monkeypatch):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    registered = site.get_model_admin(Customer)
    seen = []
    names = ["name", *TEXTS, "address", "payments", lambda document: seen.append(document.tags)]
    monkeypatch.setattr(registered, "list_display", names)
    monkeypatch.setattr(Address, "__str__", lambda address: "Here")
    page = client.get("/admin/orm/customer/").rendered_content
    for name, text in TEXTS.items():
        escaped = text.replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
        assert f'<td class="field-{name}">{escaped}</td>' in page
    assert '<td class="field-address">Here</td>' in page
    assert seen[0] == STORED["tags"]  # what programs see is what it is
    monkeypatch.setattr(registered, "fields", ["tags", "labels", "payments"])
    monkeypatch.setattr(registered, "readonly_fields", registered.fields)
    page = client.get(CHANGE).rendered_content
    assert '<div class="readonly">a, &lt;b&gt;</div>' in page
    assert '<div class="readonly">x, y</div>' in page


def test_a_relation_to_what_is_gone_stays_where_its_uid_is_entered():
    form_class = documentform_factory(
        CBArticle, fields=["title", "author"], widgets={"author": forms.TextInput}
    )
    SyncGateway.save_json("a", {"doc_type": "article", "channels": ["c"], "author_uid": "gone"})
    shown = form_class(instance=CBArticle("a"))
    assert "It refers to gone, which is not there" in str(shown)
    data = {**sent(shown), "title": "new"}
    form = form_class(data, instance=CBArticle("a"))
    assert form.is_valid(), form.errors
    form.save()
    assert (CBArticle("a").title, CBArticle("a").author_uid) == ("new", "gone")
    data = {**sent(form_class(instance=CBArticle("a"))), "author": "nobody"}
    assert "author" in form_class(data, instance=CBArticle("a")).errors
    data["author"] = ""
    form_class(data, instance=CBArticle("a")).save()
    assert CBArticle("a").author_uid is None
