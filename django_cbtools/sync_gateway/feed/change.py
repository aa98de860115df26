"""A row of the feed of changes."""

from __future__ import annotations

from typing import Any, NamedTuple


class Change(NamedTuple):
    """A row of the feed: a document as it was written last.

    ``seq`` is the position behind it, to go on from; nothing but a gateway can tell what is in it.
    ``revs`` are revision ids: the current one, and with ``style="all_docs"`` those in conflict with
    it. ``deleted`` says that it is a tombstone. ``removed`` are the channels that it has left,
    ``revoked`` says that the reader has lost a channel that it is in. ``doc`` is the document, with
    ``include_docs``; one that the reader may not see any more has ``_removed``.
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
        """The current revision; '' where the gateway does not say."""
        return self.revs[0] if self.revs else ""

    @property
    def is_lost(self) -> bool:
        """Whether the document is there, but the reader may not see it any more."""
        return not self.deleted and (self.revoked or bool((self.doc or {}).get("_removed")))
