"""The DB-API module that Django expects of a database: exceptions, and the type of binary data."""

from __future__ import annotations

import base64
from typing import Any

from django_cbtools.query_service.errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
)

__all__ = [
    "Binary",
    "DataError",
    "DatabaseError",
    "Error",
    "IntegrityError",
    "InterfaceError",
    "InternalError",
    "NotSupportedError",
    "OperationalError",
    "ProgrammingError",
]


def Binary(value: Any) -> str:
    """Return bytes in Base64, as documents store them. Raise TypeError for other values."""
    return base64.b64encode(memoryview(value)).decode()
