"""Names and keys of odd characters, in the schema and in what is asked for."""

from __future__ import annotations

import itertools

import pytest
from django.core.exceptions import FieldError
from django.db import models
from django.db.models import Count, F, Max, Q
from django.db.models.fields.json import KT

from django_cbtools.models import CouchbaseModel, ForeignKey
from django_cbtools.sync_gateway import SyncGateway

KEYS = [
    "two words", "it's", "100%", "%s", "%%", "%(x)s", "a.b", "$.a", "$", "[0]", "0", "-1", "größe",
    "雪", "🐟", "a<b", "a&b", "select", "a;--", "/*", "?", ":x", "@x", "#", "a,b", "(x)", "`", "~",
    "\u2028",
]  # fmt: skip


class OddNames(CouchbaseModel):
    class Meta:
        abstract = True
        db_table = 'odd 100% "table" of: groups'

    doc_type = "orm 'odd' 100% %s \"type\""

    data = models.JSONField(null=True)
    länge = models.IntegerField(null=True)
    up = ForeignKey("self", models.CASCADE, null=True, db_column="100% up", related_name="downs")


for number, key in enumerate(KEYS):
    OddNames.add_to_class(f"f{number}", models.CharField(max_length=9, null=True, db_column=key))
for name in ("_init_names_cache", "_stored_cache", "_plan_cache"):
    OddNames.__dict__.get(name) and delattr(OddNames, name)


@pytest.fixture
def odd(db):
    OddNames.objects.bulk_create(
        OddNames(
            uid=uid,
            channels=["c"],
            länge=size,
            data={key: uid, "inner": {key: [uid]}},
            up_uid="a",
            **{f"f{number}": f"{uid}{number}" for number in range(len(KEYS))},
        )
        for uid, (size, key) in zip("ab", itertools.product((1, 2), KEYS[:1]), strict=False)
    )


@pytest.mark.parametrize("number", range(len(KEYS)), ids=KEYS.__getitem__)
def test_keys_of_fields(odd, number):
    name = f"f{number}"
    assert SyncGateway.all_docs(["a"])["rows"][0]["doc"][KEYS[number]] == f"a{number}"
    found = OddNames.objects.filter(**{name: f"b{number}"}, länge__gt=1)
    assert found.get() == OddNames("b")
    assert list(OddNames.objects.order_by(f"-{name}").values_list(name, flat=True)) == [
        f"b{number}", f"a{number}"
    ]  # fmt: skip
    up = OddNames.objects.filter(**{f"up__{name}__startswith": "a", f"downs__{name}": f"b{number}"})
    assert up.get().uid == "a"
    assert OddNames.objects.aggregate(x=Max(name)) == {"x": f"b{number}"}
    grouped = OddNames.objects.values(f"up__{name}").annotate(n=Count("pk"))
    assert list(grouped) == [{f"up__{name}": f"a{number}", "n": 2}]


@pytest.mark.parametrize("key", KEYS)
def test_keys_of_json(db, key):
    for uid in "ab":
        data = {key: uid, "inner": {key: [uid, {key: 1}]}, "other": None}
        OddNames(uid=uid, channels=["c"], data=data, extra={f"{key}!": data}).save()
    OddNames(uid="c", channels=["c"], data={"x": 1}).save()
    found = OddNames.objects.order_by("uid")
    if key not in ("0", "-1"):  # these are places in arrays
        assert found.get(**{f"data__{key}": "b"}).uid == "b"
        assert found.get(**{f"data__inner__{key}__0": "b"}).uid == "b"
        assert found.filter(**{f"data__{key}__isnull": True}).get().uid == "c"
        texts = found.annotate(x=KT(f"data__{key}")).values_list("x", flat=True)
        assert list(texts) == ["a", "b", None]
    assert found.filter(**{f"extra__{key}!__other": None, "data__inner__has_key": key}).count() == 2
    assert found.filter(data__has_key=key).count() == 2
    assert found.filter(data__has_keys=[key, "inner"]).count() == 2
    assert found.filter(data__has_any_keys=[key, "nothing"]).count() == 2
    assert found.get(data={"other": None, "inner": {key: ["a", {key: 1}]}, key: "a"}).uid == "a"
    assert found.get(data__inner={key: ["a", {key: 1}]}).uid == "a"


@pytest.mark.parametrize("text", [*KEYS, "'", '"', "\\", "\n", "\\'", "a'); --", "NULL"])
def test_values(db, text):
    OddNames(uid="a", channels=["c"], f0=text, data={"x": text, "y": [text]}).save()
    OddNames(uid="b", channels=["c"], f0="none", data={"x": "none"}).save()
    for condition in (
        Q(f0=text), Q(f0__in=[text, "x"]), Q(f0__contains=text), Q(f0__startswith=text),
        Q(f0__iexact=text), Q(data__x=text), Q(data__y=[text]), Q(data={"y": [text], "x": text}),
        Q(data__x__endswith=text), Q(f0=F("data__x"), data__y__0=text),
    ):  # fmt: skip
        assert [document.uid for document in OddNames.objects.filter(condition)] == ["a"]


@pytest.mark.parametrize(
    "name", ["'; DELETE FROM cbtools_documents; --", '"', "a b", "f0__'", 'f0__x"', "f0 --"]
)
def test_names_of_nothing(odd, name):
    for query in (
        lambda: OddNames.objects.filter(**{name: 1}),
        lambda: OddNames.objects.order_by(name),
        lambda: OddNames.objects.values(name),
        lambda: OddNames.objects.values_list(F(name)),
        lambda: OddNames.objects.aggregate(x=Max(name)),
    ):
        with pytest.raises((FieldError, ValueError)):
            list(query())
    assert OddNames.objects.count() == 2


def test_raw_queries(odd):
    table = OddNames._meta.db_table.replace('"', '""')
    query = f'SELECT * FROM "{table}" WHERE "100%" = '
    number = KEYS.index("100%")
    for found in (
        OddNames.objects.raw(query.replace("%", "%%") + "%s", [f"b{number}"]),
        OddNames.objects.raw(query + f"'b{number}'", None),
    ):
        assert [document.uid for document in found] == ["b"]
