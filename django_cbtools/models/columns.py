"""What SQL gives of a document that is no field of its model."""

from __future__ import annotations

from django.db import models


class DocumentColumn(models.TextField):  # type: ignore[type-arg]
    """The whole document as JSON text: what instances are made of. It is in no model's fields."""

    @classmethod
    def of(cls, model: type) -> DocumentColumn:
        field = cls()
        field.set_attributes_from_name("_document")
        field.model = model
        return field
