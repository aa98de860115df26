"""Attachments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .database import Database
from .documents import Document
from .errors import not_implemented


class Upload:
    """An attachment that came beside a body."""


def resolve(
    database: Database,
    uid: str,
    given: Any,
    uploads: Mapping[str, Upload],
    rev: str,
    base: Document | None,
) -> str:
    """Store what a body's `_attachments` brings; JSON of what is known of each, by name."""
    if given:
        raise not_implemented("attachments")
    return "{}"
