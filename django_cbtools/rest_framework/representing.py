"""Represents documents in responses, even with odd values that a phone wrote."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.relations import PKOnlyObject

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.models import CouchbaseModel

from .odd import is_shown, shown
from .showing import AS_TEXT

_UNASKED = (DatabaseError, SyncGatewayException)
#: The types of values that any response and any field can show.
_SAFE = frozenset((bool, int, type(None)))
#: The key with the names of fields that are shown as a phone wrote them.
UNREAD = "unread"


class MomentField(serializers.DateTimeField):
    """A field for dates and times whose zone is looked up once for a whole list."""

    zone: Any = None
    style: dict[str, Any]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.style = {**AS_TEXT, **self.style}

    def default_timezone(self) -> Any:
        return super().default_timezone() if self.zone is None else self.zone


class Representing(serializers.ModelSerializer):
    """The part of serializers that represents documents."""

    #: The result of :meth:`planned`, while several documents are shown.
    plan: Any = None

    @contextmanager
    def showing_several(self) -> Iterator[None]:
        """Compute once, for this context, what is the same for several documents."""
        zoned = [field for field in self._readable_fields if isinstance(field, MomentField)]
        self.plan = self.planned()
        for field in zoned:
            field.zone = field.default_timezone()
        try:
            yield
        finally:
            self.plan = None
            for field in zoned:
                field.zone = None

    def planned(self) -> list[tuple[str, Any, Any, str | None]]:
        """Return the fields to show: the name, the field, the function that represents a value, and
        the attribute with the value, if it needs no further look-up."""
        # A relation is not among these: its name stands for the related object, not for the key.
        attributes = {stored.attname for stored in self.Meta.model._stored_fields()}
        found = []
        for field in self._readable_fields:
            is_plain = type(field).get_attribute is serializers.Field.get_attribute
            attribute = field.source if is_plain and field.source in attributes else None
            found.append((field.field_name, field, field.to_representation, attribute))
        return found

    def to_representation(self, instance: Any) -> dict[str, Any]:
        if not isinstance(instance, CouchbaseModel):
            # The data with which a form is shown again.
            found: dict[str, Any] = super().to_representation(instance)
            return found
        unread = instance.unread() if instance._read else {}
        answer: dict[str, Any] = {}
        odd = []
        for name, field, show, attribute in self.plan or self.planned():
            if unread and field.source in unread:
                answer[name] = shown(unread[field.source])
                odd.append(name)
                continue
            try:
                if attribute is not None:
                    value = getattr(instance, attribute)
                    is_null = value is None
                else:
                    value = field.get_attribute(instance)
                    is_null = (value.pk if value.__class__ is PKOnlyObject else value) is None
                value = None if is_null else show(value)
            except SkipField:
                continue
            except Exception as error:
                # If the gateway or the database cannot be asked, no phone has caused that.
                if isinstance(error, _UNASKED) and not isinstance(error, ObjectDoesNotExist):
                    raise
                value = self._of_failure(instance, field, error, bool(unread))
                odd.append(name)
            else:
                if value.__class__ in _SAFE:
                    pass
                elif not is_shown(value):
                    value = shown(value)
                    odd.append(name)
                elif getattr(field, "is_odd", False):
                    odd.append(name)
            answer[name] = value
        if odd:
            answer[UNREAD] = odd
        return answer

    def _of_failure(self, instance: Any, field: Any, error: Exception, is_odd: bool) -> Any:
        """Return the representation of a field that cannot show its value. Raise the error if no
        phone has caused it."""
        for stored in type(instance)._stored_fields():
            if field.source in (stored.field.name, stored.attname):
                return shown(instance._to_json(stored))
        # A property or method may have met a value of another type, or a missing related object.
        if is_odd or isinstance(error, ObjectDoesNotExist):
            return None
        raise error
