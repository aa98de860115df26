"""A row of the feed of changes."""

from __future__ import annotations

from typing import Any, NamedTuple


class Change(NamedTuple):
    """A change of the feed: a document as it was last written.

    * ``seq``: the position after the change, to continue from. It is opaque.
    * ``revs``: revision ids: the current one and, with ``style="all_docs"``, those in conflict.
    * ``deleted``: whether the revision is a tombstone.
    * ``removed``: the channels that the document has left.
    * ``revoked``: whether the reader has lost a channel of the document.
    * ``doc``: the document, with ``include_docs``. It has ``_removed`` if the reader may no longer
      read it.
    """

    seq: str
    uid: str
    revs: tuple[str, ...]
    deleted: bool = False
    removed: tuple[str, ...] = ()
    revoked: bool = False
    doc: dict[str, Any] | None = None

    @property
    def rev(self) -> str:
        """The current revision, or ``""`` if the gateway does not report it."""
        return self.revs[0] if self.revs else ""

    @property
    def is_lost(self) -> bool:
        """True if the document exists, but the reader may no longer read it."""
        return not self.deleted and (self.revoked or bool((self.doc or {}).get("_removed")))
