"""Fields of documents: JSON arrays and objects."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models

#: What may be assigned to an attribute, and what it gives.
_Set = TypeVar("_Set", contravariant=True)
_Get = TypeVar("_Get", covariant=True)


if TYPE_CHECKING:
    _JSONField = models.JSONField
else:

    class _JSONField(models.JSONField):
        def __class_getitem__(cls, types):  # as Django's ForeignKey has it
            return cls


class ListField(_JSONField[_Set, _Get]):
    """A JSON array; ``[]`` where nothing is given."""

    # What mypy's plugin for Django makes of _Set and _Get.
    _pyi_private_set_type: list[Any]
    _pyi_private_get_type: list[Any]

    empty: Callable[[], Any] = list

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("null"):
            kwargs.setdefault("default", self.empty)
        super().__init__(*args, **kwargs)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        super().validate(value, model_instance)
        if value is not None and not isinstance(value, self.empty):  # type: ignore[arg-type]
            kind = "a list" if self.empty is list else "an object"
            raise ValidationError(f"Enter {kind} in JSON.", code="invalid")


class DictField(ListField[_Set, _Get]):
    """A JSON object; ``{}`` where nothing is given."""

    _pyi_private_set_type: dict[str, Any]  # type: ignore[assignment]
    _pyi_private_get_type: dict[str, Any]  # type: ignore[assignment]

    empty = dict
