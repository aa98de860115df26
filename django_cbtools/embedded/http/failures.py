"""Errors of JavaScript and of the database, as errors that clients may see."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError
from django.db.transaction import TransactionManagementError

from ..errors import GatewayError
from ..javascript import JavaScriptError
from .messages import PUBLIC_PORT, Call

logger = logging.getLogger(__name__)


@contextmanager
def reported(call: Call) -> Iterator[None]:
    """Return a context manager that raises a GatewayError for such errors.

    TransactionManagementError passes: the transaction of the program that calls in process is
    broken, and only the program can end it.
    """
    try:
        yield
    except JavaScriptError as error:
        raise GatewayError(500, f"Internal error: JavaScript {error}") from error
    except TransactionManagementError:
        raise
    except DatabaseError as error:
        logger.exception("The embedded gateway's database failed: %s %r", call.method, call.path)
        # The reason can contain the name of the file, which clients of the public API must not see.
        is_stranger = call.port == PUBLIC_PORT and call.trusted is None
        reason = "look at the server's log" if is_stranger else str(error)
        raise GatewayError(503, f"The embedded gateway's database failed: {reason}") from error
