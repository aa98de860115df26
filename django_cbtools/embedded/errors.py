"""The gateway's errors, and their form in answers."""

from __future__ import annotations

from http import HTTPStatus
from http.client import responses

#: Go's reason phrases, where Python's differ (or differ between versions of Python).
_PHRASES = {
    413: "Request Entity Too Large",
    414: "Request URI Too Long",
    416: "Requested Range Not Satisfiable",
    418: "I'm a teapot",
    422: "Unprocessable Entity",
}
#: The values of ``error`` in an answer's body, where they are not the reason phrase.
_ERRORS = {404: "not_found", 409: "conflict"}
#: Further values of ``error`` in a row of a batch, which uses CouchDB's words.
_ROW_ERRORS = {
    400: "bad_request", 401: "unauthorized", 403: "forbidden", 406: "not_acceptable",
    412: "file_exists", 415: "bad_content_type",
}  # fmt: skip


def phrase(status: int) -> str:
    """Return the reason phrase of an HTTP status, or '' if it is unknown."""
    return _PHRASES.get(status) or responses.get(status, "")


class GatewayError(Exception):
    """An error that is sent as an answer, with a status, a reason and headers."""

    def __init__(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {reason}")
        self.status = int(status)
        self.reason = reason
        self.headers = headers or {}

    @property
    def error(self) -> str:
        return _ERRORS.get(self.status) or phrase(self.status) or str(self.status)

    @property
    def row_error(self) -> str:
        return _ERRORS.get(self.status) or _ROW_ERRORS.get(self.status, str(self.status))


def bad_request(reason: str) -> GatewayError:
    return GatewayError(HTTPStatus.BAD_REQUEST, reason)


def missing(reason: str = "missing") -> GatewayError:
    return GatewayError(HTTPStatus.NOT_FOUND, reason)


def forbidden() -> GatewayError:
    return GatewayError(HTTPStatus.FORBIDDEN, "forbidden")


def conflict(reason: str = "Document revision conflict") -> GatewayError:
    return GatewayError(HTTPStatus.CONFLICT, reason)


def not_implemented(what: str) -> GatewayError:
    """Return the error for a feature that only a real gateway has."""
    return GatewayError(HTTPStatus.NOT_IMPLEMENTED, f"The embedded gateway does not do {what}")
