"""Warnings about documents that do not fit their class, each logged once."""

from __future__ import annotations

import logging
from threading import Lock
from typing import Any

from . import values

logger = logging.getLogger(__name__)

#: The number of mismatches that a process remembers.
MOST = 10_000

_told: dict[tuple[str, Any, str], None] = {}
_lock = Lock()


def mismatch(uid: Any, field: values.Field, error: ValueError) -> None:
    """Log, once in a process, that a field keeps a value of a document that it cannot read.

    ``error`` says what is wrong, without the value.
    """
    key = (field.model._meta.label, uid, field.name)
    with _lock:
        if key in _told:
            return
        if len(_told) >= MOST:
            del _told[next(iter(_told))]
        _told[key] = None
    logger.warning(
        "Document %r: field %s of %s keeps a value that it cannot read: %s.",
        uid, field.name, key[0], error,
    )  # fmt: skip
