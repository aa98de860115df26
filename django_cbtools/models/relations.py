"""Relations to documents, which are loaded by key."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import ObjectDoesNotExist, ValidationError
from django.db import connections, models
from django.db.models.fields.related_descriptors import ForwardManyToOneDescriptor

from django_cbtools import conf

from .queryset import AllDocuments
from .sql import WhereDocumentsAre
from .unique import can_be_asked

UID_LENGTH = 250

#: The types of values that can be assigned to an attribute, and that it returns.
_Set = TypeVar("_Set", contravariant=True)
_Get = TypeVar("_Get", covariant=True)


class DocumentChoiceField(forms.ModelChoiceField):  # type: ignore[type-arg]
    """A choice of a document. If documents have no ORM to query the choices, its uid is entered."""

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        field = super().__deepcopy__(memo)
        if not can_be_asked():
            chosen: Any = getattr(field.widget, "widget", field.widget)  # inside the admin's
            field.widget = forms.TextInput(chosen.attrs)
        return field

    def to_python(self, value: Any) -> Any:
        queryset: Any = self.queryset
        if value in self.empty_values or hasattr(connections[queryset.db].ops, "reads_documents"):
            return super().to_python(value)
        if isinstance(value, queryset.model):
            return value
        try:
            return queryset.model(str(value))
        except ObjectDoesNotExist:
            raise ValidationError(
                self.error_messages["invalid_choice"],
                code="invalid_choice",
                params={"value": value},
            ) from None


def is_loaded_by_key(model: Any) -> bool:
    """Return whether relations load the model's instances by key. This is so for documents whose
    base manager has all of them, or that no ORM can query."""
    if not hasattr(model, "document_column"):
        return False
    return type(model._base_manager) is AllDocuments or not can_be_asked()


class _ForwardDescriptor(ForwardManyToOneDescriptor):  # type: ignore[type-arg]
    def get_object(self, instance: Any) -> Any:
        """Return the related document. It is loaded by key through the gateway, unless its base
        manager may leave it out."""
        model: Any = self.field.remote_field.model
        if is_loaded_by_key(model):
            return model(getattr(instance, self.field.attname))
        return super().get_object(instance)


class ForeignKey(models.ForeignKey[_Set, _Get]):
    """A relation to a document, whose uid is stored as ``<name>_uid``.

    The related document is loaded and validated by its uid, through the gateway. No database
    enforces the relation: phones may delete the related document.
    """

    forward_related_accessor_class = _ForwardDescriptor
    is_by_key = True

    def __init__(
        self,
        to: Any,
        on_delete: Callable[..., None] = models.DO_NOTHING,
        **kwargs: Any,
    ) -> None:
        kwargs["db_constraint"] = False
        super().__init__(to, on_delete, **kwargs)

    def get_attname(self) -> str:
        return f"{self.name}_uid"

    def get_path_info(self, filtered_relation: Any = None) -> Any:
        """Return Django's path, with outer joins. Phones may delete the document that a relation
        points to, and a join must not lose rows by that."""
        outer = copy.copy(self)
        outer.null = True
        return [
            info._replace(join_field=outer) for info in super().get_path_info(filtered_relation)
        ]

    def get_extra_restriction(self, alias: str | None, related_alias: str | None) -> Any:
        """Return the restriction of a join in either direction."""
        return WhereDocumentsAre()

    def get_local_related_value(self, instance: Any) -> Any:
        """Return Django's tuple of values. A value of another type than str, which a phone wrote,
        counts as None."""
        found = super().get_local_related_value(instance)
        return tuple(uid if isinstance(uid, str) else None for uid in found)

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        models.Field.validate(self, value, model_instance)
        if value is None:
            return
        model, limits = self.remote_field.model, self.get_limit_choices_to()
        try:
            if limits and can_be_asked():
                found = model._base_manager.using(conf.document_alias()).complex_filter(limits)
                found.filter(pk=str(value))[:1].get()
            else:
                model(str(value))
        except ObjectDoesNotExist:
            raise ValidationError(
                self.error_messages["invalid"],
                code="invalid",
                params={
                    "model": self.remote_field.model._meta.verbose_name,
                    "pk": value,
                    "field": self.remote_field.field_name,
                    "value": value,
                },
            ) from None

    def formfield(self, **kwargs: Any) -> Any:
        return super().formfield(**{"form_class": DocumentChoiceField, **kwargs})

    def deconstruct(self) -> Any:
        """Return the field for migrations: a text column, since they do not know documents."""
        name, _, _, kwargs = super().deconstruct()
        kept: dict[str, Any] = {
            key: value
            for key, value in kwargs.items()
            if key in ("null", "blank", "default", "unique", "db_index", "verbose_name")
        }
        kept |= {"max_length": UID_LENGTH, "db_column": self.column}
        return name, "django.db.models.CharField", [], kept

    def clone(self) -> Any:
        """Return the field that represents the relation in the state of migrations."""
        return models.CharField(**self.deconstruct()[3])
