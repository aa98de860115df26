"""Documents as an answer has them: no value that a phone wrote breaks it."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import DatabaseError
from rest_framework import serializers
from rest_framework.fields import SkipField
from rest_framework.relations import PKOnlyObject

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.models import CouchbaseModel

from .odd import is_shown, shown

_UNASKED = (DatabaseError, SyncGatewayException)
#: The key of the names of what is shown as a phone wrote it.
UNREAD = "unread"


class Representing(serializers.ModelSerializer):
    """The part of serializers that shows documents."""

    def to_representation(self, instance: Any) -> dict[str, Any]:
        if not isinstance(instance, CouchbaseModel):
            # The data that a form is shown again with.
            found: dict[str, Any] = super().to_representation(instance)
            return found
        unread = instance.unread() if instance._read else {}
        answer: dict[str, Any] = {}
        odd = []
        for field in self._readable_fields:
            name = field.field_name
            if unread and field.source in unread:
                answer[name] = shown(unread[field.source])
                odd.append(name)
                continue
            try:
                value = field.get_attribute(instance)
                if (value.pk if value.__class__ is PKOnlyObject else value) is not None:
                    value = field.to_representation(value)
                else:
                    value = None
            except SkipField:
                continue
            except Exception as error:
                # That the gateway or the database cannot be asked is no phone's doing.
                if isinstance(error, _UNASKED) and not isinstance(error, ObjectDoesNotExist):
                    raise
                value = self._of_failure(instance, field, error, bool(unread))
                odd.append(name)
            else:
                if not is_shown(value):
                    value = shown(value)
                    odd.append(name)
                elif getattr(field, "is_odd", False):
                    odd.append(name)
            answer[name] = value
        if odd:
            answer[UNREAD] = odd
        return answer

    def _of_failure(self, instance: Any, field: Any, error: Exception, is_odd: bool) -> Any:
        """What is shown of a field that cannot show its value; raises the error where that is no
        phone's doing."""
        for stored in type(instance)._stored_fields():
            if field.source in (stored.field.name, stored.attname):
                return shown(instance._to_json(stored))
        # A property or a method may have met a value of another type, or a relation that is gone.
        if is_odd or isinstance(error, ObjectDoesNotExist):
            return None
        raise error
