"""Fields as programs subclass them, each by other methods of Django's, in documents."""

from __future__ import annotations

import base64
import enum

from django.core.exceptions import ValidationError
from django.db import models

from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    EmbeddedField,
    EmbeddedListField,
    ListField,
)


class SecretField(models.TextField):
    """Encoded in the database."""

    def get_prep_value(self, value):
        value = super().get_prep_value(value)
        return None if value is None else base64.b64encode(value.encode()).decode()

    def from_db_value(self, value, expression, connection):
        return None if value is None else base64.b64decode(value, validate=True).decode()


class Level(enum.Enum):
    LOW = "l"
    HIGH = "h"


class LevelField(models.CharField):
    """An enumeration, as libraries have it; a null is LOW."""

    def __init__(self, *args, **kwargs):
        kwargs["max_length"] = 1
        super().__init__(*args, **kwargs)

    def from_db_value(self, value, expression, connection):
        return Level.LOW if value is None else Level(value)

    def to_python(self, value):
        try:
            return value if isinstance(value, Level) or value is None else Level(value)
        except ValueError as error:
            raise ValidationError(str(error)) from error

    def get_prep_value(self, value):
        value = self.to_python(value)
        return None if value is None else value.value

    def value_to_string(self, obj):
        return self.get_prep_value(self.value_from_object(obj))


class TupleField(models.JSONField):
    """JSON's arrays as tuples."""

    def from_db_value(self, value, expression, connection):
        found = super().from_db_value(value, expression, connection)
        return None if found is None else tuple(found)

    def to_python(self, value):
        return tuple(value) if isinstance(value, list) else value


class UpperField(models.CharField):
    """Prepared for the database alone."""

    def get_db_prep_value(self, value, connection, prepared=False):
        value = super().get_db_prep_value(value, connection, prepared)
        return None if value is None else value.upper()


class SavedField(models.CharField):
    """Prepared where it is saved, and nowhere else."""

    def get_db_prep_save(self, value, connection):
        return f"{super().get_db_prep_save(value, connection)}!"


class StampField(models.CharField):
    """What is saved is not what the attribute has."""

    def pre_save(self, model_instance, add):
        return f"{getattr(model_instance, self.attname)} {'added' if add else 'changed'}"


class Hand:
    """A value that is changed in place; nothing that JSON has."""

    def __init__(self, cards):
        self.cards = cards

    def __eq__(self, other):
        return isinstance(other, Hand) and self.cards == other.cards


class HandField(models.Field):
    """Of no type of Django's own."""

    def db_type(self, connection):
        return "text"

    def from_db_value(self, value, expression, connection):
        return None if value is None else Hand(value.split())

    def to_python(self, value):
        return Hand(value.split()) if isinstance(value, str) else value

    def get_prep_value(self, value):
        return value if value is None else " ".join(value.cards)

    def value_to_string(self, obj):
        return self.get_prep_value(self.value_from_object(obj))


class WholeField(models.DateTimeField):
    """Prepared as Django's, to the second."""

    def get_db_prep_value(self, value, connection, prepared=False):
        value = None if value is None else value.replace(microsecond=0)
        return super().get_db_prep_value(value, connection, prepared)


class NamesField(ListField):
    """A list with a method of its own."""

    def from_db_value(self, value, expression, connection):
        found = super().from_db_value(value, expression, connection)
        return None if found is None else [name.title() for name in found]

    def get_db_prep_value(self, value, connection, prepared=False):
        names = None if value is None else [name.lower() for name in value]
        return super().get_db_prep_value(names, connection, prepared)


class BareField(models.Field):
    """With no method at all: what it is given is what the database gets."""

    def db_type(self, connection):
        return "text"


FIELDS = {
    "secret": SecretField,
    "level": LevelField,
    "pair": TupleField,
    "upper": UpperField,
    "hand": HandField,
    "names": NamesField,
    "whole": WholeField,
}


def declared():
    fields = {name: kind(null=True, blank=True) for name, kind in FIELDS.items() if name != "upper"}
    return {**fields, "upper": UpperField(max_length=20, null=True, blank=True)}


CustomPart = type(
    "CustomPart",
    (CouchbaseNestedModel,),
    {
        "__module__": __name__,
        "Meta": type("Meta", (), {"abstract": True}),
        "stamp": StampField(max_length=20, default=""),
        **declared(),
    },
)
Custom = type(
    "Custom",
    (CouchbaseModel,),
    {
        "__module__": __name__,
        "Meta": type("Meta", (), {"abstract": True}),
        "secrets": ListField(SecretField(), blank=True),
        "part": EmbeddedField(CustomPart, null=True, blank=True),
        "parts": EmbeddedListField(CustomPart, blank=True),
        **declared(),
    },
)


class CustomSaved(CouchbaseModel):
    class Meta:
        abstract = True

    saved = SavedField(max_length=20)
    stamp = StampField(max_length=20, default="")
    bare = BareField(null=True)
