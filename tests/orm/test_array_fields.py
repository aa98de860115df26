"""Fields of arrays and objects: declared, checked, in forms, and in ordinary models."""

from __future__ import annotations

import datetime
import uuid
from decimal import Decimal

import pytest
from django import forms
from django.core.checks import Error
from django.db import connection, models
from django.db.migrations.writer import MigrationWriter
from django.forms import modelform_factory
from django.test.utils import isolate_apps
from django.utils import translation

from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    DictField,
    EmbeddedField,
    EmbeddedListField,
    ForeignKey,
    ListField,
    SetField,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import sent
from tests.orm.array_models import Address, Agent, Customer, Payment

D = Decimal


# ------------------------------------------------------------------------ forms


class CustomerForm(forms.ModelForm):
    class Meta:
        model = Customer
        fields = [
            "tags", "numbers", "prices", "days", "anything", "grid", "labels", "colors", "address",
            "payments",
        ]  # fmt: skip


def cleaned(**data):
    form = CustomerForm(data)
    form.is_valid()
    return {name: form.errors.get(name) or form.cleaned_data[name] for name in data}


def test_one_value_per_line():
    assert cleaned(
        tags=" a \r\n\r\nb,c\n", numbers="1\n 2", prices="9.50", days="2020-01-02\n2021-03-04",
        labels="b\na\nb", colors=["g", "r"],
    ) == {
        "tags": ["a", "b,c"], "numbers": [1, 2], "prices": [D("9.50")],
        "days": [datetime.date(2020, 1, 2), datetime.date(2021, 3, 4)], "labels": {"a", "b"},
        "colors": ["g", "r"],
    }  # fmt: skip


def test_json_where_lines_cannot_tell():
    found = cleaned(
        tags='[" a ", "x"]', grid="[[1, 2], []]", anything='[1, {"a": null}]',
        address='{"city": "Oslo", "color": "red"}', payments='[{"amount": "1.50"}]',
    )  # fmt: skip
    assert (found["tags"], found["grid"]) == ([" a ", "x"], [[1, 2], []])
    assert found["anything"] == [1, {"a": None}]
    assert (found["address"].city, found["address"].extra) == ("Oslo", {"color": "red"})
    assert found["payments"][0].amount == D("1.5")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("numbers", "1\nx\n\ny", [
            "Line 2: Enter a whole number.", "Line 4: Enter a whole number."]),
        ("tags", "a\n" + "x" * 11, [
            "Line 2: Ensure this value has at most 10 characters (it has 11)."]),
        ("tags", '["a", ""]', ["tags.1: This field cannot be blank."]),
        ("days", "2020-01-32", ["Line 1: Enter a valid date."]),
        ("grid", "[[1], [2, null, \"x\"]]", ["grid.1.2: “x” value must be an integer."]),
        ("grid", "1", ["Enter a list."]),
        ("grid", "[", ["Enter a valid JSON."]),
        ("colors", ["r", "x"], ["Select a valid choice. x is not one of the available choices."]),
        ("address", "Oslo", ["Enter a valid JSON."]),
        ("address", '"Oslo"', ["Enter an object."]),
        ("address", '{"city": "", "place": {"latitude": "north"}}', [
            "address.city: This field cannot be blank.",
            "address.place.latitude: “north” value must be a float."]),
        ("payments", '[{"amount": "1"}, {"amount": "-1"}, {}]', [
            "payments.1.amount: Ensure this value is greater than or equal to 0.",
            "payments.2.amount: This field cannot be null."]),
        ("payments", '[3]', ["payments.0: Enter an object."]),
    ],
)  # fmt: skip
def test_errors_name_the_element(name, text, expected):
    form = CustomerForm({name: text})
    assert form.errors == {name: expected}
    shown = forms.ModelForm.__getitem__(form, name).value()
    assert shown == text  # what was entered


def test_errors_in_the_language_of_the_site():
    with translation.override("de"):
        errors = CustomerForm({"grid": "["}).errors
        assert errors == {"grid": ["Bitte ein gültiges JSON-Objekt eingeben."]}


def test_empty_values():
    form = CustomerForm({})
    assert form.is_valid()
    assert form.cleaned_data == {
        "tags": [], "numbers": [], "prices": [], "days": [], "anything": None, "grid": [],
        "labels": set(), "colors": [], "address": None, "payments": [],
    } | {"anything": form.cleaned_data["anything"]}  # fmt: skip


STORED = {
    "tags": ["a", " b ", "", "[1]"], "numbers": [1, "x", None], "prices": ["9.50", 3],
    "days": ["2020-01-02"], "anything": [1], "grid": [[1], ["x"]], "labels": ["b", "a", ["c"]],
    "colors": ["r", "purple"], "address": {"city": "Oslo", "color": "red"},
    "payments": [{"amount": 1.5, "tags": ["p"], "x": {"y": 1}}],
}  # fmt: skip


def test_a_form_shows_everything(db):
    SyncGateway.save_json("a", {"doc_type": "arrays_customer", "channels": ["c"], **STORED})
    html = CustomerForm(instance=Customer("a")).as_p()
    for text in ("&quot; b &quot;", "Oslo", "purple", "One per line."):
        assert text in html


@pytest.mark.filterwarnings("ignore::django_cbtools.exceptions.StaleFormWarning")
def test_saving_what_nobody_touched_changes_nothing(db):
    keys = {
        key: STORED[key] for key in ("tags", "prices", "days", "address", "payments", "anything")
    }
    keys["tags"] = ["a", " b ", "[1]"]
    SyncGateway.save_json(
        "a", {"doc_type": "arrays_customer", "channels": ["c"], **keys, "labels": ["b", "a", "b"]}
    )
    form = CustomerForm(sent(CustomerForm(instance=Customer("a"))), instance=Customer("a"))
    # Of a JSONField of Django's, what it was is asked of the browser.
    assert set(form.changed_data) <= {"anything"}
    assert form.is_valid(), form.errors
    form.save()
    document = SyncGateway.all_docs(["a"])["rows"][0]["doc"]
    assert {key: document[key] for key in keys} == keys
    assert document["labels"] == ["b", "a", "b"]


@pytest.mark.filterwarnings("ignore::django_cbtools.exceptions.StaleFormWarning")
def test_what_is_wrong_is_kept_where_nobody_touches_it(db):
    SyncGateway.save_json("a", {"doc_type": "arrays_customer", "channels": ["c"], **STORED})
    data = sent(CustomerForm(instance=Customer("a")))
    form = CustomerForm(data, instance=Customer("a"))
    assert form.is_valid(), form.errors
    form.save()
    document = SyncGateway.all_docs(["a"])["rows"][0]["doc"]
    assert {key: document[key] for key in STORED} == STORED
    # Whoever touches it is told.
    data["numbers"] = data["grid"] = data["tags"] = '[1, "x", null]'
    data.setlist("colors", ["g", "purple"])
    form = CustomerForm(data, instance=Customer("a"))
    assert set(form.errors) == {"numbers", "grid", "colors", "tags"}
    assert "purple" in str(form.errors["colors"])


def test_has_changed():
    field = Customer._meta.get_field("tags").formfield()
    assert not field.has_changed(["a", "b"], "a\r\nb\r\n")
    assert field.has_changed(["a", "b"], "a b")
    assert field.has_changed([], "a")
    assert not field.has_changed(None, "")


# ------------------------------------------------------------------- declarations


def errors_of(**fields):
    with isolate_apps("tests.orm"):
        attrs = {"__module__": "tests.orm.models", "doc_type": "checked", **fields}
        model = type("Checked", (CouchbaseModel,), attrs)
    return [
        (each.id, each.obj.name)
        for field in model._meta.local_fields
        for each in field.check()
        if field.name in fields and isinstance(each, Error)
    ]


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (lambda: ListField(models.CharField(max_length=3)), []),
        (lambda: ListField(ListField(models.IntegerField())), []),
        (lambda: ListField(), []),
        (lambda: SetField(), []),
        (lambda: EmbeddedField(Address), []),
        (lambda: EmbeddedListField("orm.Payment"), []),
        (lambda: ListField(EmbeddedField(Address)), []),
        (lambda: ListField(models.CharField), ["cbtools.E007"]),
        (lambda: ListField(ForeignKey(Agent, models.DO_NOTHING)), ["cbtools.E007"]),
        (lambda: SetField(models.ManyToManyField(Agent)), ["cbtools.E007"]),
        (lambda: ListField(models.CharField(max_length=-1)), ["fields.E121"]),
        (lambda: ListField(models.DecimalField(max_digits=1, decimal_places=2)), ["fields.E134"]),
        (lambda: EmbeddedField(Agent), ["cbtools.E008"]),
        (lambda: EmbeddedField("orm.Agent"), ["cbtools.E008"]),
        (lambda: EmbeddedField("orm.Nobody"), ["cbtools.E008"]),
        (lambda: EmbeddedField(3), ["cbtools.E008"]),
        (lambda: EmbeddedListField("orm.Nobody"), ["cbtools.E008"]),
    ],
)
def test_wrong_declarations(field, expected):
    assert errors_of(field=field()) == [(id, "field") for id in expected]


@pytest.mark.parametrize(
    "field",
    [
        ListField(models.CharField(max_length=3), blank=True),
        ListField("a name", blank=True),
        ListField(base_field=ListField(models.IntegerField())),
        SetField(models.DateField(), null=True),
        SetField(),
        DictField(),
        EmbeddedField(Address, null=True),
        EmbeddedField("orm.Address"),
        EmbeddedListField("orm.Payment"),
    ],
)
def test_migrations_can_write_them(field):
    field.set_attributes_from_name("field")
    path = field.deconstruct()[1]
    again = field.clone()
    assert type(again) is type(field)
    again.set_attributes_from_name("field")
    assert str(again.deconstruct()[1:]) == str(field.deconstruct()[1:])
    text, imports = MigrationWriter.serialize(field)
    scope = {}
    exec("\n".join(imports) + "\nimport django.db.models\nfrom django.db import models", scope)
    made = eval(text, scope)
    assert type(made) is type(field)
    assert path.rpartition(".")[2] in text
    assert made.null == field.null


def test_the_name_of_an_untyped_list():
    assert ListField("Some names").verbose_name == "Some names"
    assert ListField(models.IntegerField(), "Some numbers").verbose_name == "Some numbers"


class Branch(CouchbaseNestedModel):
    class Meta:
        abstract = True

    name = models.CharField(max_length=5)
    branches = EmbeddedListField("self", blank=True)
    key = models.UUIDField(default=uuid.uuid4)
    share = models.IntegerField(null=True, blank=True, db_column="50%s'")
    stamp = models.DateTimeField(auto_now=True)
    made = models.DateTimeField(auto_now_add=True)


class Tree(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "arrays_tree"
    root = EmbeddedField(Branch, null=True)


def test_nested_in_itself(db):
    tree = Tree(channels=["c"], root=Branch(name="a", branches=[Branch(name="b")]))
    tree.save()
    (loaded,) = Tree.objects.filter(root__branches__name="b")
    (inner,) = loaded.root.branches
    assert inner.made == tree.root.branches[0].made is not None
    loaded.root.name, stamp = "c", loaded.root.stamp
    loaded.save()
    again = Tree(tree.uid).root
    assert (again.name, again.made, again.stamp) == ("c", tree.root.made, stamp)


def test_keys_that_sql_could_misread(db):
    Tree(uid="a", channels=["c"], root=Branch(name="a", share=3)).save()
    Tree(uid="b", channels=["c"], root=Branch(name="b", share=4)).save()
    assert Tree.objects.get(root__share=3).uid == "a"
    assert list(Tree.objects.order_by("-root__share").values_list("root__share", flat=True)) == [
        4,
        3,
    ]


def test_defaults_that_differ_each_time_are_not_written(db):
    raw = {"name": "a", "branches": [{"name": "b"}]}
    SyncGateway.save_json("a", {"doc_type": "arrays_tree", "channels": ["c"], "root": raw})
    tree = Tree("a")
    tree.save()
    assert SyncGateway.all_docs(["a"])["rows"][0]["doc"]["root"] == raw
    tree.root.key = key = uuid.UUID(int=1)
    tree.save()
    assert SyncGateway.all_docs(["a"])["rows"][0]["doc"]["root"] == {**raw, "key": str(key)}


# -------------------------------------------------------------- in ordinary models


class Plain(models.Model):
    class Meta:
        app_label = "plain_arrays"

    tags = ListField(models.CharField(max_length=5), blank=True)
    prices = ListField(models.DecimalField(max_digits=5, decimal_places=2), blank=True)
    labels = SetField(models.IntegerField(), blank=True)
    address = EmbeddedField(Address, null=True)
    payments = EmbeddedListField(Payment, blank=True)


def test_ordinary_models_have_them_too(transactional_db):
    with connection.schema_editor() as editor:
        editor.create_model(Plain)
    try:
        plain = Plain.objects.create(
            tags=["a"], prices=[D("9.5")], labels={2, 1}, address=Address(uid="u", city="Oslo"),
            payments=[Payment(uid="p", amount=D(3))],
        )  # fmt: skip
        Plain.objects.create()
        found = Plain.objects.get(address__city="Oslo")
        assert (found.tags, found.prices, found.labels) == (["a"], [D("9.5")], {1, 2})
        assert (found.address.city, found.payments[0].amount) == ("Oslo", D(3))
        assert found == Plain.objects.get(payments__amount__gt=2, tags__contains="a", labels={1, 2})
        found.address.city = "Rome"
        found.prices.append(D("0.10"))
        found.save()
        assert Plain.objects.values_list("address__city", "prices__1").get(pk=plain.pk) == (
            "Rome",
            D("0.10"),
        )
        Plain.objects.update(address=Address(uid="v", city="Bern"), tags=["x", "y"])
        assert Plain.objects.filter(address__city="Bern", tags__len=2).count() == 2
        assert Plain.objects.filter(address=None).count() == 0
        assert modelform_factory(Plain, fields=["tags"])({"tags": "a\nb"}).is_valid()
    finally:
        with connection.schema_editor() as editor:
            editor.delete_model(Plain)
