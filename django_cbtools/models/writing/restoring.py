"""Writes documents of fixtures as they were dumped."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..document import ATTACHMENTS, DOC_TYPE
from .written import Written

if TYPE_CHECKING:
    from .saving import DocumentSaving

logger = logging.getLogger(__name__)


class Restored(Written):
    """A document of a fixture. If its ``extra`` has the key of a field, this JSON replaces the
    field's value: the fixture has it there if the field's type cannot represent it."""

    def __init__(self, document: DocumentSaving, there: Mapping[str, Any]) -> None:
        """Prepare the document. ``there`` is the ``extra`` of the existing document, whose keys
        stay if the fixture has no undeclared keys."""
        declared = document.declared_keys()
        given = dict(document.extra)
        attachments = self._attachments(
            document.uid, given.pop(ATTACHMENTS, None), there.get(ATTACHMENTS)
        )
        given.pop(DOC_TYPE, None)
        self.document, self.literal = document, given
        self.rev: str | None = document.rev
        extra = {key: given[key] for key in given if key not in declared} or dict(there)
        extra.pop(ATTACHMENTS, None)
        if attachments:
            extra[ATTACHMENTS] = attachments
        document.extra = extra
        # The class's to_dict() may add keys that are no fields. The fixture has them in extra.
        self.body = document._seal(document.get_uid(), {**document.to_dict(), **given})

    @staticmethod
    def _attachments(uid: Any, given: Any, there: Any) -> dict[str, Any]:
        """Return the attachments that the gateway has or gets. A stub of any other attachment would
        lead to a 404."""
        kept = there if isinstance(there, dict) else {}
        if not isinstance(given, dict):
            return kept
        found = {}
        for name, meta in given.items():
            stub = kept.get(name)
            if isinstance(meta, dict) and "data" in meta:
                found[name] = meta
            elif stub and isinstance(meta, dict) and meta.get("digest") == stub.get("digest"):
                found[name] = stub
            else:
                logger.warning(
                    "Document %r is loaded without its attachment %r: the fixture does not have "
                    "its content, which dumpdata --attachments writes.", uid, name,
                )  # fmt: skip
        return found

    def get_uid(self) -> str:
        return self.document.get_uid()

    def to_dict(self) -> dict[str, Any]:
        return self.body

    def saved_as(self, rev: str, document: Mapping[str, Any]) -> None:
        self.rev = rev
        self.document.saved_as(rev, document)
