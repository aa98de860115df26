"""Documents in fixtures. Loading a fixture restores the same JSON.

A value that a field cannot represent, such as an invalid date, is dumped in ``extra`` as JSON,
under the field's key. The module models.writing.restoring loads it.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder

from django_cbtools.exceptions import CouchbaseValueError, SyncGatewayBadRequest, shown
from django_cbtools.models import CouchbaseModel
from django_cbtools.models.channels import channels_problem
from django_cbtools.models.document import DOC_TYPE
from django_cbtools.models.fields.members import written
from django_cbtools.models.writing.versions import reveal
from django_cbtools.sync_gateway.calls.client import PUBLIC, dumps, loads, quote_uid, request
from django_cbtools.sync_gateway.documents.documents import batches
from django_cbtools.sync_gateway.keyspaces import of_class

if TYPE_CHECKING:
    from django.core.serializers.base import Serializer as _Base
else:
    _Base = object

_ATTACHMENTS = "_attachments"
_WRONG = (ValidationError, TypeError, ValueError, ArithmeticError, AttributeError, LookupError)
#: Characters that XML cannot represent, or changes.
_NOT_IN_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\r\ud800-\udfff\ufffe\uffff]")
_with_attachments: ContextVar[bool] = ContextVar("with_attachments", default=False)


@contextmanager
def attachments() -> Iterator[None]:
    """Serialize documents in this context with the contents of their attachments."""
    token = _with_attachments.set(True)
    try:
        yield
    finally:
        _with_attachments.reset(token)


class ExactDocuments(_Base):
    """A part of serializers that keeps documents' JSON exactly."""

    _has_extra = True

    def serialize(self, queryset: Any, **options: Any) -> Any:
        """Serialize as Django does. If ``fields`` leaves out ``extra``, the fixture is no backup,
        and values that fields cannot read are written as their JSON."""
        fields = options.get("fields")
        self._has_extra = fields is None or "extra" in fields
        if fields is not None:
            # Django derives a relation's name from its attname without the last three characters
            # ("_id"). With "_uid", an underscore remains.
            options["fields"] = {*fields, *(f"{name}_" for name in fields)}
        return super().serialize(map(self._exact, self._whole(queryset)), **options)

    def _whole(self, queryset: Iterable[Any]) -> Iterator[Any]:
        """Yield the objects. Documents that are shown as a whole get the gateway's metadata."""
        for batch in batches(queryset):
            if self._has_extra:
                reveal(each for each in batch if isinstance(each, CouchbaseModel))
            yield from batch

    def handle_field(self, obj: Any, field: Any) -> None:
        if field.name not in getattr(obj, "_in_extra", ()):
            super().handle_field(obj, field)

    def handle_fk_field(self, obj: Any, field: Any) -> None:
        if field.name not in getattr(obj, "_in_extra", ()):
            super().handle_fk_field(obj, field)

    def _value_from_field(self, obj: Any, field: Any) -> Any:
        as_stored = getattr(obj, "_as_stored", {})
        if field.name in as_stored:
            return as_stored[field.name]
        return super()._value_from_field(obj, field)  # type: ignore[misc]

    def _exact(self, obj: Any) -> Any:
        """Return the object to serialize: ``obj``, or another one in its place."""
        if not isinstance(obj, CouchbaseModel):
            return obj
        body = obj.to_dict()
        try:
            dumps(body)
        except SyncGatewayBadRequest as error:
            # Otherwise, the error would only be found when the fixture is loaded, and nothing would
            # be loaded.
            raise CouchbaseValueError(
                f"Document {shown(str(obj.uid))} cannot be in a fixture, which nobody could "
                f"load. {error} Correct the document, or leave it out."
            ) from error
        fixed: Any = copy.copy(obj)
        fixed._as_stored, fixed._in_extra = {}, set()
        for stored in obj._stored_fields():
            if stored.key not in body:
                continue
            raw, field = body[stored.key], stored.field
            is_fit = field.name != "channels" or channels_problem(raw, type(obj)) is None
            if is_fit and self._can_have(obj, field, raw):
                fixed._as_stored[field.name] = raw
                del body[stored.key]
            elif is_fit and self._is_exact(obj, field, raw):
                del body[stored.key]
            else:
                fixed._in_extra.add(field.name)
        body.pop(DOC_TYPE, None)
        if _with_attachments.get() and obj.extra.get(_ATTACHMENTS):
            query = {"attachments": "true"}
            answer = request(
                PUBLIC, "GET", quote_uid(obj.uid),
                query=query, uid=obj.uid, keyspace=of_class(type(obj)),
            )  # fmt: skip
            body[_ATTACHMENTS] = loads(answer).get(_ATTACHMENTS, {})
        fixed.extra = body
        return fixed

    def _can_have(self, obj: Any, field: Any, raw: Any) -> bool:
        """Return whether the JSON itself can represent the value in the fixture."""
        return not self._has_extra or _is_read_as(field, raw, raw)

    def _is_exact(self, obj: Any, field: Any, raw: Any) -> bool:
        """Return whether Django's value in the fixture is read back as the same JSON."""
        try:
            value = super()._value_from_field(obj, field)  # type: ignore[misc]
            value = json.loads(json.dumps(value, cls=DjangoJSONEncoder))
        except _WRONG:
            return False
        return _is_read_as(field, value, raw)


class ExactInXML(ExactDocuments):
    """A part of the XML serializer. All values in XML are texts, and lose the spaces around
    them."""

    def _can_have(self, obj: Any, field: Any, raw: Any) -> bool:
        return False

    def _is_exact(self, obj: Any, field: Any, raw: Any) -> bool:
        is_json = field.get_internal_type() == "JSONField"
        try:
            if getattr(obj, field.attname) is None:
                return _is_read_as(field, None, raw)
            if field.remote_field:
                text = str(getattr(obj, field.attname))
            else:
                text = field.value_to_string(obj)
                text = json.dumps(text, cls=field.encoder) if is_json else text
            if not isinstance(text, str) or _NOT_IN_XML.search(text):
                return False
            value = json.loads(text, cls=field.decoder) if is_json else text.strip()
        except _WRONG:
            return False
        return _is_read_as(field, value, raw)


def _is_read_as(field: Any, value: Any, raw: Any) -> bool:
    """Return whether a value in a fixture is read so that the field writes this JSON."""
    try:
        found = written(field, field.to_python(value))
    except _WRONG:
        return False
    # 1, 1.0 and true are equal, and so are 0.0 and -0.0.
    return type(found) is type(raw) and repr(found) == repr(raw)
