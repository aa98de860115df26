"""Loads revisions, attachments and expiry of documents that SQL++ has read without them.

The gateway keeps these in its own metadata. When one of them is needed, the documents are loaded
from the gateway, all in one request. If a body differs from the one that SQL++ has read, somebody
has written the document since.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.db.models import F
from django.db.models.expressions import Col
from django.db.models.query_utils import DeferredAttribute

from ..document import ATTACHMENTS, EXPIRES, GATEWAY_KEYS, remembered
from ..keyspaces import rows_of

#: The prefix of versions that are no revisions: those of documents that were read without one.
VERSION = "cas:"
#: The revision of a document that somebody has written since it was read. No document has it, so
#: that a write on top of it is a conflict.
NOBODYS = f"1-{'0' * 32}"
#: Members of a document that the gateway does not store in the body.
_KEPT = (ATTACHMENTS, EXPIRES)


class VersionCol(Col):
    """The column of documents' versions. A version is the revision, if a query can read it, or else
    a text that changes with the document."""

    @classmethod
    def of(cls, column: Col) -> VersionCol:
        """Return the version column for a column of revisions."""
        return cls(column.alias or "", column.target, column.output_field)


class Version(F):
    """The version of a document, for the library's own queries."""

    def __init__(self) -> None:
        super().__init__("rev")

    def resolve_expression(self, *args: Any, **kwargs: Any) -> Any:
        column: Any = super().resolve_expression(*args, **kwargs)
        return VersionCol.of(column)


class Revision(DeferredAttribute):
    """The revision of a document. If it was not read with the document, it is loaded when it is
    needed."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        if instance is None:
            return self
        if "rev" not in instance.__dict__:
            reveal([instance])
        return instance.__dict__["rev"]


def version_of(document: Any) -> str | None:
    """Return the revision of the document that was read, or its version if it has no revision. None
    if neither is known."""
    version: str | None = document.__dict__.get("rev") or document._version
    return version


def hide(document: Any, version: str) -> None:
    """Mark a document as read without its revision."""
    try:
        # __dict__ is not used here, since Python only creates it on demand.
        del document.rev
    except AttributeError:  # a descriptor of somebody else's is there
        document.__dict__.pop("rev", None)
    document._version, document._version_uid = version, document.uid


def reveal(documents: Iterable[Any]) -> None:
    """Load, in one request, the revisions of documents that were read without them."""
    hidden = [each for each in documents if "rev" not in each.__dict__]
    for document in hidden:
        if document.uid != document._version_uid:
            document.rev = None  # a copy, under another uid
    hidden = [each for each in hidden if "rev" not in each.__dict__]
    if not hidden:
        return
    for document, row in rows_of(hidden):
        found = row.get("doc")
        document.rev = NOBODYS
        if found is not None and _is_same(document._base, _body(found)):
            document.rev = row["value"]["rev"]
            _take_over(document, found)


def _body(document: dict[str, Any]) -> dict[str, Any]:
    hidden = GATEWAY_KEYS.union(_KEPT)
    return {key: value for key, value in document.items() if key not in hidden}


def _take_over(document: Any, found: dict[str, Any]) -> None:
    """Take over the gateway's metadata of a document, and numbers with more digits than the query
    service keeps."""
    inexact = [key for key, value in document._base.items() if not _is_exactly(value, found[key])]
    if inexact:
        untouched = document._untouched()
        for stored in document._stored_fields():
            if stored.key not in inexact:
                continue
            # A plain number was read as it is, and was not remembered with its JSON.
            value, was = getattr(document, stored.attname, None), document._base[stored.key]
            is_number = value.__class__ in (int, float) and was.__class__ in (int, float)
            if stored.attname in untouched or (is_number and value == was):
                document._from_json(stored, found[stored.key])
        for key in inexact:
            if key in document.extra and document.extra[key] == document._base[key]:
                document.extra[key] = found[key]
    document._base = remembered(found)
    document._hides_expiry = False
    for key in _KEPT:
        if found.get(key) is not None:
            document.extra.setdefault(key, found[key])


def _is_exactly(one: Any, other: Any) -> bool:
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _is_same(one: Any, other: Any) -> bool:
    """Return whether two JSON values are the same, apart from digits that a double cannot hold."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_is_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_is_same, one, other))
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        try:
            return one == other or float(one) == float(other)
        except OverflowError:
            return False
    return type(one) is type(other) and bool(one == other)
