"""Exceptions that become responses of the API."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from rest_framework import exceptions, status
from rest_framework.settings import api_settings

from django_cbtools.exceptions import (
    CouchbaseModelError,
    CouchbaseValueError,
    SyncGatewayAnswerLost,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayForbidden,
    SyncGatewayUnavailable,
    UniqueKeyTaken,
)


class _Overtaken(exceptions.APIException):
    """The base class of errors after somebody else has saved the document. If possible, the
    response has the stored document as ``current`` (None if it is deleted) and its ETag as
    ``etag``."""

    detail: Any
    etag: str | None = None

    def show(self, current: Any, etag: str | None) -> None:
        """Add the stored document to the response."""
        self.etag = etag
        self.detail = {"detail": self.detail, "etag": etag, "current": current}


class Conflict(_Overtaken):
    """Status 409: somebody else has saved the document during this request."""

    status_code = status.HTTP_409_CONFLICT
    default_detail = (
        "Somebody else has saved this document in the meantime. Load it again, apply the change to "
        "what is stored, and send it once more."
    )
    default_code = "conflict"


class PreconditionFailed(_Overtaken):
    """Status 412: the document does not match If-Match or If-None-Match."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_detail = (
        "The document is not as the request expects it: somebody else has saved it since it was "
        "read. Apply the change to what is stored, and send it with the ETag of that."
    )
    default_code = "precondition_failed"


class PreconditionRequired(exceptions.APIException):
    """Status 428: the request must name the revision of the document that it changes."""

    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_detail = (
        "Say which revision of the document is to be changed: send the ETag that it came with as "
        "If-Match."
    )
    default_code = "precondition_required"


class Unavailable(exceptions.APIException):
    """503: the gateway does not answer."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Documents cannot be reached just now. Try again later."
    default_code = "unavailable"


_LOST = (
    "The answer to this change was lost, so that it may have been made or not. Load what it was "
    "about, and look, before it is sent again."
)


def exception_handler(error: Exception, context: dict[str, Any]) -> Any:
    """Handle exceptions of documents, and others as REST framework's own handler.

    Set ``REST_FRAMEWORK["EXCEPTION_HANDLER"]`` to it, so that a plain ``ModelViewSet`` answers 409
    to a conflict, too. :class:`DocumentViewSet` does not need it.
    """
    from rest_framework import views

    return views.exception_handler(translated(error), context)


def translated(error: Exception) -> Any:
    """Return the API's exception for one of the library's. Other exceptions are returned
    unchanged."""
    found = _translated(error)
    if found is not error:
        found.__cause__ = error
    return found


def _translated(error: Any) -> Any:
    if isinstance(error, UniqueKeyTaken):
        return exceptions.ValidationError(
            {name: ["Another document has this value."] for name in error.fields}, code="unique"
        )
    if isinstance(error, SyncGatewayConflict):
        return Conflict()
    if isinstance(error, SyncGatewayForbidden) and error.status == status.HTTP_403_FORBIDDEN:
        return exceptions.PermissionDenied(error.reason or None)
    if isinstance(error, SyncGatewayBadRequest):
        return _of_whole(error.reason or str(error))
    if isinstance(error, SyncGatewayAnswerLost):
        return Unavailable(_LOST)
    if isinstance(error, SyncGatewayUnavailable):
        return Unavailable()
    if isinstance(error, CouchbaseValueError):
        return _of_whole(str(error))
    if isinstance(error, CouchbaseModelError) and isinstance(error.__cause__, ValidationError):
        # Other fields' errors are not reported as errors of the save.
        return exceptions.ValidationError({"channels": error.__cause__.messages})
    return error


def _of_whole(message: str) -> Any:
    return exceptions.ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [message]})
