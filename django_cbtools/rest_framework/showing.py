"""Shows values that a field cannot read in any ModelSerializer."""

from __future__ import annotations

from typing import Any, NamedTuple

from rest_framework import serializers

from django_cbtools.models import CouchbaseModel

#: The style of dates and times in forms. Browsers' own inputs, for which REST framework parses the
#: values, can show neither a phone's odd value nor a zone and microseconds.
AS_TEXT = {"input_type": "text"}


class _Unread(NamedTuple):
    """A JSON value that the document's field could not read."""

    raw: Any


class _AsItIs:
    """A part of serializer fields that shows values of another type unchanged, so that an odd
    document breaks no list."""

    source_attrs: list[str]
    parent: Any
    style: dict[str, Any]

    def bind(self, field_name: str, parent: Any) -> None:
        super().bind(field_name, parent)  # type: ignore[misc]
        if isinstance(self, serializers.DateTimeField) and self._is_of_document():
            self.style = {**AS_TEXT, **self.style}

    def _is_of_document(self) -> bool:
        model = getattr(getattr(self.parent, "Meta", None), "model", None)
        return model is not None and issubclass(model, CouchbaseModel)

    def get_attribute(self, instance: Any) -> Any:
        if isinstance(instance, CouchbaseModel):
            unread = instance.unread_as(self.source_attrs[-1])
            if unread is not None and len(self.source_attrs) == 1:
                return _Unread(unread)
        return super().get_attribute(instance)  # type: ignore[misc]

    def to_representation(self, value: Any) -> Any:
        if isinstance(value, _Unread):
            return value.raw
        try:
            return super().to_representation(value)  # type: ignore[misc]
        except (ArithmeticError, ValueError):  # more digits than the field allows, and the like
            if not self._is_of_document():
                raise
            return str(value)


def register() -> None:
    """Let ModelSerializers show values that a document's field cannot read unchanged."""
    mapping = serializers.ModelSerializer.serializer_field_mapping
    for model_field, field in mapping.items():
        if not issubclass(field, _AsItIs):
            mapping[model_field] = _as_it_is(field)
    other: Any = serializers.ModelSerializer
    if not issubclass(other.serializer_choice_field, _AsItIs):
        other.serializer_choice_field = _as_it_is(other.serializer_choice_field)


def plain(field: Any) -> Any:
    """Return the class of a serializer field from before :func:`register`."""
    return field.__bases__[1] if issubclass(field, _AsItIs) else field


def _as_it_is(field: Any) -> Any:
    names = {"__module__": field.__module__, "__doc__": field.__doc__}
    return type(field.__name__, (_AsItIs, field), names)
