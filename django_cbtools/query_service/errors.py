"""The query service's errors, as the classes that Python's database API 2.0 has for them.

Django makes its own of these, with the same words. No message has a parameter's value or a login.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: How much of a statement a message shows.
_SHOWN = 500


class Error(Exception):
    """The query service refused a statement, or could not be asked.

    ``code`` is the service's own (None where it gave none), ``statement`` what was asked,
    ``errors`` all that the service said, as it said it.
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
    """The request is none that the query service takes, or the answer none that it gives."""


class DatabaseError(Error):
    """The query service failed, or refused the statement."""


class DataError(DatabaseError):
    """A value is of no use where it stands."""


class OperationalError(DatabaseError):
    """The query service could not do it now: no answer, no index, no time, no right."""


class IntegrityError(DatabaseError):
    """The key of a document is taken."""


class InternalError(DatabaseError):
    """The query service is at fault."""


class ProgrammingError(DatabaseError):
    """The statement is wrong, or names what is not there."""


class NotSupportedError(DatabaseError):
    """The query service does not do that."""


def shortened(statement: str) -> str:
    """A statement for a message."""
    if len(statement) <= _SHOWN:
        return statement
    return f"{statement[:_SHOWN]}... ({len(statement)} characters)"


def about(message: str, statement: str) -> str:
    """A message with its statement."""
    return f"{message}\nThe statement: {shortened(statement)}"
