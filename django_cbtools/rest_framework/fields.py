"""Serializer fields of documents: arrays, objects, channels, blobs."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as InvalidValue
from rest_framework import serializers

from django_cbtools.form_fields.lines import in_order
from django_cbtools.models import Blob
from django_cbtools.models.channels import channels_problem
from django_cbtools.models.fields import values

from .addresses import part_of
from .attachments import attachment_of, link_to
from .odd import is_shown, shown

#: The types of JSON values.
_OF_JSON = (str, int, float, list, dict)


class ArrayField(serializers.ListField):
    """An array, of values of ``base_field`` or of any JSON.

    A value of another type is shown unchanged. ``is_odd`` is true if the value that was shown last
    is one.
    """

    is_odd = False

    def __init__(self, *, base_field: Any = None, collection: type[Any] = list, **kwargs: Any):
        self.base_field, self.collection = base_field, collection
        super().__init__(**kwargs)

    def to_representation(self, value: Any) -> Any:
        self.is_odd = not isinstance(value, (list, tuple, set, frozenset))
        if self.is_odd:
            return shown(value)
        return [self._shown(item) for item in in_order(value)]

    def _shown(self, item: Any) -> Any:
        if item is None:
            return None
        if self.base_field is not None and _is_readable(self.base_field, item):
            try:
                found = self.child.to_representation(item)
            except (ArithmeticError, AttributeError, TypeError, ValueError):
                found = item
            else:
                self.is_odd = self.is_odd or getattr(self.child, "is_odd", False)
                if is_shown(found):
                    return found
        found = shown(item)
        self.is_odd = self.is_odd or self.base_field is not None or found is not item
        return found

    def to_internal_value(self, data: Any) -> Any:
        found = super().to_internal_value(data)
        try:
            return self.collection(found)
        except TypeError:
            raise serializers.ValidationError("Enter values that a set can have.") from None


class ObjectField(serializers.DictField):
    """An object of any JSON. A value of another type is shown unchanged."""

    is_odd = False

    def to_representation(self, value: Any) -> Any:
        found = shown(value)
        self.is_odd = not isinstance(value, dict) or found is not value
        return found


class ExtraField(ObjectField):
    """The keys that no field declares: without the gateway's own, which are shown elsewhere, and
    stay whatever is sent."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_optional(kwargs))

    def to_representation(self, value: Any) -> Any:
        if isinstance(value, dict) and any(key.startswith("_") for key in value):
            value = {key: each for key, each in value.items() if not key.startswith("_")}
        return super().to_representation(value)

    def to_internal_value(self, data: Any) -> Any:
        stored = self.parent.stored
        own = {} if stored is None else stored.extra
        sent = super().to_internal_value(data)
        given = {key: each for key, each in sent.items() if not key.startswith("_")}
        return {**{key: own[key] for key in own if key.startswith("_")}, **given}


class AnyField(serializers.JSONField):
    """Any JSON."""

    is_odd = False

    def to_representation(self, value: Any) -> Any:
        found = super().to_representation(value)
        safe = shown(found)
        self.is_odd = safe is not found
        return safe


class ChannelsField(ArrayField):
    """The channels of a document, for serializers that let clients set them::

        channels = ChannelsField()

    If the client does not send them, a new document gets the ``default_channels`` of its class.
    """

    child = serializers.CharField()

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**_optional(kwargs))

    def to_internal_value(self, data: Any) -> Any:
        names = super().to_internal_value(data)
        problem = channels_problem(names, self.parent.Meta.model)
        if problem is not None:
            raise serializers.ValidationError(problem.messages)
        return names

    def _shown(self, item: Any) -> Any:
        found = shown(item)
        self.is_odd = self.is_odd or not isinstance(item, str) or found is not item
        return found


class BlobField(serializers.FileField):
    """A blob: a file to send, and an object that describes it to read."""

    def to_representation(self, value: Any) -> Any:
        if not isinstance(value, Blob):
            return shown(value)
        attachment = attachment_of(value)
        return {
            "content_type": value.content_type,
            "length": value.length,
            "digest": value.digest,
            "url": None if attachment is None else link_to(attachment, self.context),
        }


class IdentityField(serializers.HyperlinkedIdentityField):
    """The URL of a document, whatever characters its uid has."""

    def get_url(self, obj: Any, view_name: str, request: Any, format: Any) -> Any:
        uid = getattr(obj, self.lookup_field)
        if not uid:
            return None
        kwargs = {self.lookup_url_kwarg: part_of(str(uid))}
        return self.reverse(view_name, kwargs=kwargs, request=request, format=format)


def _optional(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a field with ``required=False``, unless it is read-only."""
    return kwargs if kwargs.get("read_only") else {"required": False, **kwargs}


def _is_readable(field: Any, item: Any) -> bool:
    """Return whether an element of an array is a value of its field. A phone may have written
    another type."""
    if not isinstance(item, _OF_JSON):
        return True
    try:
        values.kind(field).read(item)
    except (ValueError, InvalidValue):
        return False
    return True
