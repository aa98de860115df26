"""Classes of the documents that the constructs are asked of."""

from __future__ import annotations

from typing import Any

from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey, ListField


class RefAuthor(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "orm"

    doc_type = "ref_author"
    name = models.CharField(max_length=100, null=True)
    email = models.CharField(max_length=100, null=True)
    age = models.IntegerField(null=True)
    rating = models.FloatField(null=True)
    active = models.BooleanField(null=True)
    joined = models.DateField(null=True)
    address = models.JSONField(null=True)
    skills = models.JSONField(null=True)


class RefArticle(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "orm"

    doc_type = "ref_article"
    title = models.CharField(max_length=100, null=True)
    price = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    stock = models.IntegerField(null=True)
    score = models.FloatField(null=True)
    published = models.DateTimeField(null=True)
    pub_date = models.DateField(null=True)
    pub_time = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    draft = models.BooleanField(null=True)
    tags = ListField(null=True)
    meta = models.JSONField(null=True)
    author = ForeignKey(RefAuthor, models.CASCADE, null=True, related_name="articles")
    parent = ForeignKey("self", models.CASCADE, null=True, related_name="children")


class RefComment(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "orm"

    doc_type = "ref_comment"
    article = ForeignKey(RefArticle, models.CASCADE, null=True, related_name="comments")
    author = ForeignKey(RefAuthor, models.CASCADE, null=True, related_name="comments")
    text = models.CharField(max_length=100, null=True)
    votes = models.IntegerField(null=True)


class RefOrder(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "orm"

    doc_type = "ref_order"
    author = ForeignKey(RefAuthor, models.CASCADE, null=True, related_name="orders")
    total = models.DecimalField(max_digits=12, decimal_places=2, null=True)
    lines = models.JSONField(null=True)
    odd = models.IntegerField(null=True, db_column="odd name")
    dotted = models.IntegerField(null=True, db_column="a.b")
    select = models.IntegerField(null=True)
    ticked = models.IntegerField(null=True, db_column="tick`y")
    accented = models.IntegerField(null=True, db_column="Café")


class RefJs(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "reference"

    doc_type = "ref_js"
    json = models.JSONField(null=True)


class RefFk(CouchbaseModel):
    """Comments with odd keys of their author."""

    class Meta:
        abstract = True
        app_label = "reference"

    doc_type = "ref_fk"
    author = ForeignKey("orm.Author", models.CASCADE, null=True, related_name="+")
    text = models.TextField(null=True)
    votes = models.IntegerField(null=True)


def odd(name: str, field: Any) -> Any:
    """A class of documents whose key "v" has any JSON, with a field of that key."""
    field.db_column = "v"
    meta = type("Meta", (), {"abstract": True, "app_label": "reference"})
    members = {"Meta": meta, "doc_type": "ref_odd", "__module__": __name__, name: field}
    return type(f"RefOdd{name.title()}", (CouchbaseModel,), members)


#: By the names of their fields.
ODD: dict[str, Any] = {
    name: odd(name, field)
    for name, field in {
        "text": models.TextField(null=True),
        "integer": models.BigIntegerField(null=True),
        "real": models.FloatField(null=True),
        "amount": models.DecimalField(max_digits=30, decimal_places=10, null=True),
        "boolean": models.BooleanField(null=True),
        "moment": models.DateTimeField(null=True),
        "day": models.DateField(null=True),
        "hour": models.TimeField(null=True),
        "duration": models.DurationField(null=True),
        "key": models.UUIDField(null=True),
        "binary": models.BinaryField(null=True),
        "json": models.JSONField(null=True),
    }.items()
}
