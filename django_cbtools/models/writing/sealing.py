"""A hook for classes that sign their documents, to recognize their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class Sealing:
    """A part of CouchbaseModel for classes that can tell which documents the site has written.

    Here, any document counts. ``django_cbtools.contrib.auth`` signs users and groups.
    """

    uid: Any
    _base: dict[str, Any]

    @classmethod
    def _seal(cls, uid: str, body: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON to write under a uid, for a document or for the key document of a
        UniqueKey."""
        return body

    @classmethod
    def _counts(cls, uid: str, body: Mapping[str, Any]) -> bool:
        """Return whether the site has written the body under the uid. See :meth:`_seal`."""
        return True

    def _is_own(self) -> bool:
        """Return whether the site has written the document as it was last loaded or saved."""
        return self._counts(self.uid, self._base)

    def _check_origin(self) -> None:
        """Raise CouchbaseModelError if the site has not written the document as it was loaded, so
        that nothing that is based on it may be saved."""

    def _sealed(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON to save for this document. It may be based on the JSON that was
        loaded."""
        return body
