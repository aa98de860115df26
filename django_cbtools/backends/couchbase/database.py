"""The module of a database that Django expects: its exceptions, and its type of binary data."""

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
    """Bytes as documents have them, in base64; TypeError for anything else."""
    return base64.b64encode(memoryview(value)).decode()
