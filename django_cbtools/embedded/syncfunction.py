"""The sync function: which channels a document is in, and what it opens to whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from .access import Reader, document_channels
from .database import Database
from .documents import Document


class Grants(NamedTuple):
    """What a document opens: channels to users and roles ("role:..."), roles to users."""

    channels: Mapping[str, list[str]]
    roles: Mapping[str, list[str]]


class Verdict(NamedTuple):
    """What the sync function says of a revision; ``grants`` None: nothing, now and before."""

    channels: list[str]
    grants: Grants | None = None
    #: As `_exp`.
    expiry: Any = None


def decide(
    database: Database,
    uid: str,
    rev: str,
    body: Mapping[str, Any],
    base: Document | None,
    author: Reader,
) -> Verdict:
    """Ask the sync function about a revision on top of ``base``; raises its GatewayError."""
    return Verdict(document_channels(body))


def store(database: Database, uid: str, grants: Grants, sequence: int) -> None:
    """Keep what a document opens, in place of what it did."""
