"""What can go wrong between the program and its documents.

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
    """A text from elsewhere in a message: as it is, unless it would break a line of a log."""
    return text if text.isprintable() else repr(text)


class CouchbaseModelError(Exception):
    """A document is used in a way that its model does not allow."""


class StaleFormWarning(UserWarning):
    """A form writes over a document, and does not know which revision it was made from.

    What somebody else has saved since the form was opened is lost then. CBUpdateView and
    django_cbtools.forms.DocumentForm know, as long as the template shows the form's hidden fields.
    """


class CouchbaseValueError(CouchbaseModelError, ValueError):
    """A value that its field cannot store."""


class UnknownFieldWarning(UserWarning):
    """A document was made with a keyword that is no field, relation or property of its class.

    ``warnings.simplefilter("error", UnknownFieldWarning)`` makes it an error.
    """


class SyncGatewayException(Exception):
    """The gateway refused a request, or could not be asked.

    ``status`` is the HTTP status (None where there was no answer), ``error`` and ``reason`` are
    the gateway's own words, ``uid`` is the document that it is about (None where it is not about
    one).
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
        """The class that stands for an HTTP status."""
        if status >= 500:
            return SyncGatewayUnavailable
        return _BY_STATUS.get(status, SyncGatewayException)


class SyncGatewayBadRequest(SyncGatewayException):
    """The request cannot be understood: a bad body, id or parameter, or a document too large."""


class SyncGatewayForbidden(SyncGatewayException):
    """The user is unknown, has the wrong password, or may not reach the document."""


class SyncGatewayNotFound(SyncGatewayException):
    """There is no such thing, or it has been deleted."""


class SyncGatewayConflict(SyncGatewayException):
    """The revision is stale: load the document again, apply the change, and save."""


class MergeConflict(SyncGatewayConflict):
    """Both sides have changed the same keys of a document, to different values.

    ``keys`` are those, with dots where one is inside of another: ``('title', 'address.city')``.
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
    """A new document's uid is taken: Django's IntegrityError too, by which ``get_or_create`` knows
    that somebody else was first."""


class UniqueKeyTaken(SyncGatewayException, IntegrityError):
    """Another document has values that a UniqueKey keeps unique; Django's IntegrityError too.

    ``fields`` are the fields' names, ``owner`` is the uid of the other document (None: several
    programs are after the values just now), ``uid`` that of the one that was not saved.
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
    """The answer to a write was lost, and the gateway could not be asked what became of it: it may
    have been done or not. Load the document and look."""


class SyncGatewayBulkError(SyncGatewayException):
    """Some documents of a bulk write were refused; the others are saved.

    ``errors`` maps the uid of each refused document to its own exception. Where its model does not
    allow the write, that is a SyncGatewayBadRequest, whose cause is the CouchbaseModelError.
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
