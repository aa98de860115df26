"""Documents of the tests, and ordinary models beside them."""

from collections.abc import Mapping
from typing import Any

from django.db import models

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


class CBAuthor(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "author"
    uid_prefix = "aut"

    name = models.CharField(max_length=45)


class CBArticle(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "article"
    uid_prefix = "atl"

    title = models.CharField(max_length=45, null=True, blank=True)
    year_published = models.IntegerField(default=2014)
    is_draft = models.BooleanField(default=True)
    author = ForeignKey(CBAuthor, models.DO_NOTHING, null=True, blank=True, related_name="articles")
    published = models.DateTimeField(null=True, blank=True)
    price = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)
    tags = ListField(blank=True)
    details = DictField(blank=True)


class CBReview(CBArticle):
    """Inherits fields, and is no article."""

    class Meta:
        abstract = True

    doc_type = "review"
    stars = models.IntegerField(null=True)


class CBEverything(CouchbaseModel):
    """A field of every type."""

    class Meta:
        abstract = True

    text = models.TextField(null=True)
    integer = models.BigIntegerField(null=True)
    real = models.FloatField(null=True)
    boolean = models.BooleanField(null=True)
    moment = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    hour = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    amount = models.DecimalField(max_digits=20, decimal_places=4, null=True)
    key = models.UUIDField(null=True)
    binary = models.BinaryField(null=True)
    json = models.JSONField(null=True)
    address = models.GenericIPAddressField(null=True)
    file = models.FileField(null=True)


class CBPayment(CouchbaseNestedModel):
    class Meta:
        abstract = True

    uid_prefix = "pmt"
    amount = models.DecimalField(max_digits=5, decimal_places=2)


class CBJob(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "job"
    title = models.CharField(max_length=255)

    def to_dict(self) -> dict[str, Any]:
        return self.to_dict_nested("payments", super().to_dict())

    def from_dict(self, dict_payload: Mapping[str, Any]) -> None:
        super().from_dict(dict_payload)
        self.from_dict_nested("payments", CBPayment, dict_payload)


class CBCoupon(CouchbaseModel):
    """With a field of a name that documents have for something else."""

    class Meta:
        abstract = True

    expires_at = models.DateField()


class CBPlace(CouchbaseNestedModel):
    class Meta:
        abstract = True

    city = models.CharField(max_length=10)
    since = models.DateField(null=True, blank=True)


class CBParcel(CouchbaseModel):
    """Arrays and objects of a declared form."""

    class Meta:
        abstract = True

    doc_type = "parcel"
    labels = ListField(models.CharField(max_length=3), blank=True)
    days = ListField(models.DateField(), blank=True)
    codes = SetField(models.IntegerField(), blank=True)
    place = EmbeddedField(CBPlace, null=True, blank=True)
    stops = EmbeddedListField(CBPlace, blank=True)


class CBRegistered(CouchbaseModel):
    """Without ``abstract = True``: migrations know it, and make it no table."""

    class Meta:
        managed = False

    name = models.CharField(max_length=10)


class Bookmark(models.Model):
    """An ordinary model that points to a document."""

    article = ForeignKey(CBArticle, models.DO_NOTHING, null=True)
    note = models.CharField(max_length=10)
