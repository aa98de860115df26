"""Documents with arrays and objects in them."""

from __future__ import annotations

from django.core.validators import MinValueValidator
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

COLORS = [("r", "Red"), ("g", "Green"), ("b", "Blue")]


class Agent(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "arrays_agent"
    uid_prefix = "agt"
    name = models.CharField(max_length=20)


class Place(CouchbaseNestedModel):
    class Meta:
        abstract = True

    latitude = models.FloatField()
    longitude = models.FloatField(db_column="lng", null=True, blank=True)


class Address(CouchbaseNestedModel):
    class Meta:
        abstract = True

    city = models.CharField(max_length=20)
    since = models.DateField(null=True, blank=True)
    phones = ListField(models.CharField(max_length=5), blank=True)
    place = EmbeddedField("Place", null=True, blank=True)
    notes = DictField(blank=True)


class Payment(CouchbaseNestedModel):
    class Meta:
        abstract = True

    uid_prefix = "pmt"
    amount = models.DecimalField(max_digits=9, decimal_places=2, validators=[MinValueValidator(0)])
    at = models.DateTimeField(null=True, blank=True)
    is_paid = models.BooleanField(default=False)
    tags = ListField(models.CharField(max_length=10), blank=True)
    lines = EmbeddedListField("PaymentLine", blank=True)
    agent = ForeignKey(Agent, models.DO_NOTHING, null=True, blank=True, related_name="+")


class PaymentLine(CouchbaseNestedModel):
    class Meta:
        abstract = True

    count = models.IntegerField()


class Customer(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "arrays_customer"
    uid_prefix = "cus"

    name = models.CharField(max_length=20, blank=True)
    tags = ListField(models.CharField(max_length=10), blank=True)
    numbers = ListField(models.IntegerField(), blank=True, null=True)
    prices = ListField(models.DecimalField(max_digits=9, decimal_places=2), blank=True)
    days = ListField(models.DateField(), blank=True)
    moments = ListField(models.DateTimeField(), blank=True)
    anything = ListField(blank=True)
    grid = ListField(ListField(models.IntegerField()), blank=True)
    labels = SetField(models.CharField(max_length=10), blank=True)
    colors = ListField(models.CharField(max_length=1, choices=COLORS), blank=True)
    address = EmbeddedField(Address, null=True, blank=True)
    payments = EmbeddedListField(Payment, blank=True)
    agent = ForeignKey(Agent, models.DO_NOTHING, null=True, blank=True)
