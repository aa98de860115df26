"""The exceptions of documents and of the gateway.

* :exc:`SyncGatewayException`

  * :exc:`SyncGatewayBadRequest`: the gateway refuses the request itself (400, 413, 415, 416)
  * :exc:`SyncGatewayForbidden`: the login or the channels do not allow it (401, 403)
  * :exc:`SyncGatewayNotFound`: no such document, user, view or database (404)
  * :exc:`SyncGatewayConflict`: somebody has written in between (409)

    * :exc:`MergeConflict`: and has changed the same keys to other values
    * :exc:`DocumentExists`: a new document's uid is taken

  * :exc:`UniqueKeyTaken`: another document has values that a UniqueKey keeps unique

  * :exc:`SyncGatewayUnavailable`: no answer, or the gateway itself failed (429, 5xx)

    * :exc:`SyncGatewayAnswerLost`: it is not known whether a write was done

What the cluster at COUCHBASE_HOSTS says to views is raised as the same ones; ``error`` is then the
name of the SDK's exception, which is the cause.
"""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError


def shown(text: str) -> str:
    """Return a text for a message. It is quoted if it would break a line of a log."""
    return text if text.isprintable() else repr(text)


class CouchbaseModelError(Exception):
    """A document is used in a way that its class does not allow."""


class StaleFormWarning(UserWarning):
    """A form overwrites a document without knowing the revision that it was made from.

    Changes that somebody else has saved since the form was opened are lost then. CBUpdateView and
    django_cbtools.forms.DocumentForm know the revision, as long as the template shows the form's
    hidden fields.
    """


class CouchbaseValueError(CouchbaseModelError, ValueError):
    """A value that the field cannot store."""


class UnknownFieldWarning(UserWarning):
    """A document is created with a keyword argument that is not a field, relation or property.

    ``warnings.simplefilter("error", UnknownFieldWarning)`` makes it an error.
    """


class SyncGatewayException(Exception):
    """The gateway refused a request, or could not be reached.

    ``status`` is the HTTP status (None without an answer), ``error`` and ``reason`` are the
    gateway's own words, and ``uid`` is the uid of the document, or None if the error is not about
    one.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        error: str = "",
        reason: str = "",
        uid: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = error
        self.reason = reason
        self.uid = uid

    @staticmethod
    def for_status(status: int) -> type[SyncGatewayException]:
        """Return the exception class for an HTTP status."""
        if status >= 500:
            return SyncGatewayUnavailable
        return _BY_STATUS.get(status, SyncGatewayException)


class SyncGatewayBadRequest(SyncGatewayException):
    """The request is invalid: a bad body, id or parameter, or a document that is too large."""


class SyncGatewayForbidden(SyncGatewayException):
    """The user does not exist, the password is wrong, or the user may not access the document."""


class SyncGatewayNotFound(SyncGatewayException):
    """The document, user, view or database does not exist, or has been deleted."""


class SyncGatewayConflict(SyncGatewayException):
    """The document was changed since it was loaded. Load it again, apply the change, and save."""


class MergeConflict(SyncGatewayConflict):
    """Both sides have changed the same keys of a document to different values.

    ``keys`` are the names of these keys. Nested keys have dots: ``('title', 'address.city')``.
    """

    def __init__(self, keys: tuple[str, ...], uid: str | None = None) -> None:
        about = f"document {shown(uid)}: " if uid else ""
        super().__init__(
            f"{about}both sides have changed {shown(', '.join(keys))}. Load the document again, "
            "or say what is to win: merge_fields takes prefer= and rules=.",
            status=409,
            error="conflict",
            reason="the same keys were changed to different values",
            uid=uid,
        )
        self.keys = keys

    def __reduce__(self) -> Any:
        return type(self), (self.keys, self.uid)


class DocumentExists(SyncGatewayConflict, IntegrityError):
    """A new document has the uid of an existing one.

    It is also a subclass of Django's IntegrityError, which ``get_or_create()`` expects if another
    writer was first.
    """


class UniqueKeyTaken(SyncGatewayException, IntegrityError):
    """Another document already has the values that a UniqueKey keeps unique.

    ``fields`` are the names of the fields, ``owner`` is the uid of the other document (None while
    several writers compete for the values), and ``uid`` is the uid of the document that was not
    saved. It is also a subclass of Django's IntegrityError.
    """

    def __init__(self, uid: str, fields: tuple[str, ...], owner: str | None) -> None:
        by = f"document {shown(owner)}" if owner else "another document, which is being written"
        self.fields, self.owner = fields, owner
        reason = f"its {' and '.join(fields)} is taken by {by}"
        super().__init__(
            f"document {shown(uid)} is not saved: {reason}.",
            error="unique_key_taken",
            reason=reason,
            uid=uid,
        )

    def __reduce__(self) -> Any:
        return type(self), (self.uid, self.fields, self.owner)


class SyncGatewayUnavailable(SyncGatewayException):
    """The gateway did not answer, or failed while answering."""


class SyncGatewayAnswerLost(SyncGatewayUnavailable):
    """The answer to a write was lost, and it is unknown whether the write was done.

    The gateway could not be asked about it. Load the document to find out.
    """


class SyncGatewayBulkError(SyncGatewayException):
    """Some documents of a bulk write were refused; the others are saved.

    ``errors`` maps the uid of each refused document to its exception. If the document's class does
    not allow the write, it is a SyncGatewayBadRequest, whose cause is the CouchbaseModelError.
    """

    def __init__(self, errors: dict[str, SyncGatewayException], saved: int) -> None:
        told = "; ".join(
            f"{shown(uid)}: {shown(error.reason)}" for uid, error in list(errors.items())[:10]
        )
        more = f"; and {len(errors) - 10} more" if len(errors) > 10 else ""
        super().__init__(
            f"{len(errors)} of {len(errors) + saved} documents were not saved ({told}{more}). "
            "The others are saved. Look at .errors for each one."
        )
        self.errors = errors


_BY_STATUS: dict[int, type[SyncGatewayException]] = {
    400: SyncGatewayBadRequest,
    401: SyncGatewayForbidden,
    403: SyncGatewayForbidden,
    404: SyncGatewayNotFound,
    409: SyncGatewayConflict,
    413: SyncGatewayBadRequest,
    415: SyncGatewayBadRequest,
    416: SyncGatewayBadRequest,
    429: SyncGatewayUnavailable,
}
