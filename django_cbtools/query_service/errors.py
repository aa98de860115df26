"""The exceptions of Python's database API 2.0 for the query service.

Django raises its own ones from these, with the same messages. No message contains a parameter's
value or a login.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: The number of characters of a statement that a message shows.
_SHOWN = 500


class Error(Exception):
    """The query service refused a statement, or could not be asked.

    ``code`` is the service's own (None if it gave none), ``statement`` is the statement, and
    ``errors`` is the service's list of errors.
    """

    def __init__(
        self,
        message: str = "",
        *,
        code: int | None = None,
        statement: str = "",
        errors: Sequence[Any] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.statement = statement
        self.errors = list(errors)


class InterfaceError(Error):
    """The request, or the response, is not valid."""


class DatabaseError(Error):
    """The query service failed, or refused the statement."""


class DataError(DatabaseError):
    """A value cannot be used at its place."""


class OperationalError(DatabaseError):
    """The query service could not run the statement now: no response, no index, no time, no
    right."""


class IntegrityError(DatabaseError):
    """The key of a document is in use."""


class InternalError(DatabaseError):
    """The query service has an internal error."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or names something that does not exist."""


class NotSupportedError(DatabaseError):
    """The query service does not support the statement."""


def shortened(statement: str) -> str:
    """Return a statement, shortened for a message."""
    if len(statement) <= _SHOWN:
        return statement
    return f"{statement[:_SHOWN]}... ({len(statement)} characters)"


def about(message: str, statement: str) -> str:
    """Return a message with its statement added."""
    return f"{message}\nThe statement: {shortened(statement)}"
