"""A document with every type of field, and its twin: the table's rows are written to both."""

from __future__ import annotations

import datetime
import json

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from django_cbtools.models import CouchbaseModel, DictField, ListField

from .models import Plain


class Size(models.TextChoices):
    SMALL = "s", "Small"
    LARGE = "l", "Large"


class Level(models.IntegerChoices):
    LOW = 1
    HIGH = 2


class DaysDecoder(json.JSONDecoder):
    """Reads what DjangoJSONEncoder makes of a date."""

    def __init__(self, **kwargs):
        super().__init__(object_hook=self.read, **kwargs)

    @staticmethod
    def read(found):
        day = found.get("day")
        return {**found, "day": datetime.date.fromisoformat(day)} if day else found


def made():
    return "made"


class ValueFields(models.Model):
    text = models.TextField(null=True)
    char = models.CharField(max_length=20, null=True)
    slug = models.SlugField(null=True)
    email = models.EmailField(null=True)
    url = models.URLField(null=True)
    path = models.FilePathField(path=".", null=True)
    file = models.FileField(null=True)
    image = models.ImageField(null=True)
    integer = models.IntegerField(null=True)
    big = models.BigIntegerField(null=True)
    small = models.SmallIntegerField(null=True)
    positive = models.PositiveIntegerField(null=True)
    positive_big = models.PositiveBigIntegerField(null=True)
    positive_small = models.PositiveSmallIntegerField(null=True)
    real = models.FloatField(null=True)
    amount = models.DecimalField(max_digits=30, decimal_places=10, null=True)
    boolean = models.BooleanField(null=True)
    moment = models.DateTimeField(null=True)
    day = models.DateField(null=True)
    hour = models.TimeField(null=True)
    duration = models.DurationField(null=True)
    key = models.UUIDField(null=True)
    binary = models.BinaryField(null=True)
    address = models.GenericIPAddressField(null=True)
    json = models.JSONField(null=True)
    coded = models.JSONField(null=True, encoder=DjangoJSONEncoder, decoder=DaysDecoder)
    size = models.CharField(max_length=1, choices=Size.choices, null=True)
    level = models.IntegerField(choices=Level.choices, null=True)

    class Meta:
        abstract = True


class Valued(ValueFields, CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "orm_valued"
    uid_prefix = "val"

    made = models.CharField(max_length=20, default=made)
    renamed = models.CharField(max_length=20, null=True, db_column="its name, 100%")
    list = ListField(null=True)
    object = DictField(null=True)


class PlainValued(ValueFields, Plain):
    pass
