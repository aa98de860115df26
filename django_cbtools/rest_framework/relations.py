"""Serializer fields for relations to documents, with or without an ORM."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from rest_framework import serializers

from django_cbtools.models import CouchbaseModel
from django_cbtools.models.unique import can_be_asked

from .odd import shown


class RelatedField(serializers.PrimaryKeyRelatedField):
    """A field for a related object. Documents without an ORM are loaded by key."""

    def to_internal_value(self, data: Any) -> Any:
        model = self._document_class()
        if model is None or can_be_asked():
            return super().to_internal_value(data)
        if not isinstance(data, str):
            self.fail("incorrect_type", data_type=type(data).__name__)
        try:
            document = model(data)
        except ObjectDoesNotExist:
            self.fail("does_not_exist", pk_value=data)
        if document.st_deleted is True:
            self.fail("does_not_exist", pk_value=data)
        return document

    def to_representation(self, value: Any) -> Any:
        return shown(super().to_representation(value))

    def get_choices(self, cutoff: int | None = None) -> Any:
        if self._document_class() is not None and not can_be_asked():
            return {}
        return super().get_choices(cutoff)

    def display_value(self, instance: Any) -> str:
        try:
            return str(instance)
        except Exception:  # __str__() fails because of a phone's odd value
            return str(instance.pk)

    def _document_class(self) -> Any:
        model = getattr(self.get_queryset(), "model", None)
        is_document = isinstance(model, type) and issubclass(model, CouchbaseModel)
        return model if is_document else None
