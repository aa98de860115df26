"""Extensions of drf-spectacular for documents. Imported if it is installed as an app."""

from __future__ import annotations

import functools
from typing import Any

from drf_spectacular.extensions import (
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
    OpenApiViewExtension,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema

from .representing import UNREAD

_NAMES = {
    "type": "array",
    "items": {"type": "string"},
    "readOnly": True,
    "description": "The fields that are shown as a phone wrote them, whatever their types; left "
    "out where there are none.",
}


class DocumentExtension(OpenApiSerializerExtension):
    """Adds ``unread`` to schemas, and makes fields optional that are left out if they have nothing
    to show."""

    target_class = "django_cbtools.rest_framework.serializers.DocumentSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: Any, direction: Any) -> Any:
        found = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if direction == "response" and "properties" in found:
            found["properties"][UNREAD] = _NAMES
            optional = self.target.left_out
            required = [name for name in found.get("required", ()) if name not in optional]
            found.pop("required", None)
            if required:
                found["required"] = required
        return found


class BlobExtension(OpenApiSerializerFieldExtension):
    """Describes a blob: a file in requests, an object in responses."""

    target_class = "django_cbtools.rest_framework.fields.BlobField"

    def map_serializer_field(self, auto_schema: Any, direction: Any) -> Any:
        if direction == "request":
            return {"type": "string", "format": "binary"}
        return {
            "type": "object",
            "properties": {
                "content_type": {"type": "string"},
                "length": {"type": "integer", "nullable": True},
                "digest": {"type": "string"},
                "url": {"type": "string", "format": "uri", "nullable": True},
            },
        }


_IF_MATCH = OpenApiParameter(
    "If-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of the revision that is to be changed; 412 where it is another one.",
)
_IF_NONE_MATCH = OpenApiParameter(
    "If-None-Match",
    str,
    OpenApiParameter.HEADER,
    description="The ETag of what the client has; 304 where that is what is stored.",
)
_ETAG = OpenApiParameter(
    "ETag",
    str,
    OpenApiParameter.HEADER,
    response=[200, 201],
    description="The revision of the document.",
)
_NAME = OpenApiParameter("name", str, required=True, description="The attachment's name.")
_BYTES = {(200, "application/octet-stream"): OpenApiTypes.BINARY}

#: The descriptions of viewsets' methods.
_DESCRIPTIONS: dict[str, dict[str, Any]] = {
    "retrieve": {"parameters": [_IF_NONE_MATCH, _ETAG]},
    "create": {"parameters": [_ETAG]},
    "update": {"parameters": [_IF_MATCH, _ETAG]},
    "partial_update": {"parameters": [_IF_MATCH, _ETAG]},
    "destroy": {"parameters": [_IF_MATCH]},
    "attachment": {"parameters": [_NAME], "responses": _BYTES},
}

_TEXT = {"type": "string"}
_OVERTAKEN = {
    "type": "object",
    "properties": {
        "detail": _TEXT,
        "etag": {**_TEXT, "nullable": True},
        "current": {"type": "object", "nullable": True, "additionalProperties": {}},
    },
    "required": ["detail"],
}
#: The error responses to changes of documents.
_REFUSALS = {
    "409": (_OVERTAKEN, "Somebody else has saved the document in the meantime."),
    "412": (_OVERTAKEN, "The document is no longer as If-Match says."),
    "428": (
        {"type": "object", "properties": {"detail": _TEXT}, "required": ["detail"]},
        "If-Match is missing, where the API asks for it.",
    ),
}


class _Refusals:
    """A part of schemas that tells why documents may not be changed."""

    method: str
    _get_response_for_code: Any

    def _get_response_bodies(self, *args: Any, **kwargs: Any) -> Any:
        bodies = super()._get_response_bodies(*args, **kwargs)  # type: ignore[misc]
        if self.method in ("PUT", "PATCH", "DELETE"):
            for code, (body, told) in _REFUSALS.items():
                response = OpenApiResponse(response=body, description=told)
                bodies.setdefault(code, self._get_response_for_code(response, code))
        return bodies


class ViewSetExtension(OpenApiViewExtension):
    """Adds the headers of requests and responses for revisions."""

    target_class = "django_cbtools.rest_framework.viewsets.ReadOnlyDocumentViewSet"
    match_subclasses = True

    def view_replacement(self) -> Any:
        target = self.target
        own: dict[str, Any] = {
            name: extend_schema(**_DESCRIPTIONS[name])(_copied(getattr(target, name)))
            for name in _DESCRIPTIONS
            if hasattr(target, name)
        }
        for name in ("update", "partial_update", "destroy"):
            if name in own:
                base = own[name].kwargs["schema"]
                own[name].kwargs["schema"] = type(base.__name__, (_Refusals, base), {})
        return type(target.__name__, (target,), {**own, "__module__": target.__module__})


def _copied(method: Any) -> Any:
    """Return a copy of a method, whose description can be changed."""

    @functools.wraps(method)
    def copied(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    copied.kwargs = dict(getattr(method, "kwargs", {}))  # type: ignore[attr-defined]
    return copied
