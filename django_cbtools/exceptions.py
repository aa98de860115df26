"""What can go wrong between the program and its documents.

* :exc:`SyncGatewayException`

  * :exc:`SyncGatewayBadRequest`: the gateway refuses the request itself (400, 413, 415)
  * :exc:`SyncGatewayForbidden`: the login or the channels do not allow it (401, 403)
  * :exc:`SyncGatewayNotFound`: no such document, user, view or database (404)
  * :exc:`SyncGatewayConflict`: somebody has written in between (409)
  * :exc:`SyncGatewayUnavailable`: no answer, or the gateway itself failed (5xx)
"""

from __future__ import annotations


class CouchbaseModelError(Exception):
    """A document is used in a way that its model does not allow."""


class CouchbaseValueError(CouchbaseModelError, ValueError):
    """A value that its field cannot store."""


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


class SyncGatewayUnavailable(SyncGatewayException):
    """The gateway did not answer, or failed while answering."""


class SyncGatewayBulkError(SyncGatewayException):
    """Some documents of a bulk write were refused; the others are saved.

    ``errors`` maps the uid of each refused document to its own exception.
    """

    def __init__(self, errors: dict[str, SyncGatewayException], saved: int) -> None:
        shown = "; ".join(f"{uid}: {error.reason}" for uid, error in list(errors.items())[:10])
        more = f"; and {len(errors) - 10} more" if len(errors) > 10 else ""
        super().__init__(
            f"{len(errors)} of {len(errors) + saved} documents were not saved ({shown}{more}). "
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
}
