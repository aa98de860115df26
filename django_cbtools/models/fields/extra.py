"""The field of a document as a whole, for SQL."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models.expressions import Col

from .arrays import DictField


class DocumentColumn(models.TextField):  # type: ignore[type-arg]
    """The column with the whole document as JSON text, from which instances are made. It is not
    among a model's fields."""

    @classmethod
    def of(cls, model: type) -> DocumentColumn:
        field = cls()
        field.set_attributes_from_name("_document")
        field.model = model
        return field


class ExtraField(DictField[dict[str, Any], dict[str, Any]]):
    """The keys of a document that no field declares, as a dictionary.

    It is stored as these keys. ``filter(extra__color="red")`` asks for one of them.
    """

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        found = super().from_db_value(value, expression, connection)
        model: Any = self.model
        # The expression is a key in the field, or a copy of the field in an ordinary model.
        if not isinstance(expression, Col) or not hasattr(model, "document_column"):
            return found
        undeclared: dict[str, Any] = model._plan().undeclared(found)
        return undeclared
