"""Copies attachments from one branch of a document to another."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from django_cbtools.conflicts import BACKOFF, waits
from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.sync_gateway.facade import gateway_of

from ..document import ATTACHMENTS
from .attachments import SMALL, upload_rest
from .saving import MERGE_DELAY, MERGES
from .written import whole


class Carrier(ExitStack):
    """The attachments of a document, with contents that are kept until the carrier is closed."""

    def __init__(self, document: Any) -> None:
        super().__init__()
        self._document = document
        self._held: dict[str, tuple[Any, str]] = {}

    def take_over(self, bases: Mapping[str, Mapping[str, Any]]) -> None:
        """Add the attachments of the other branches to the document, which will follow the first
        branch.

        ``bases`` are the branches' JSON, by their revisions. The gateway takes a stub for the
        attachment of that name in its own branch, whatever its digest.
        """
        document = self._document
        first, *others = ((rev, base.get(ATTACHMENTS) or {}) for rev, base in bases.items())
        for name, attachment in document.attachments.items():
            if not attachment.is_saved:
                continue
            if _digest(first[1], name) == attachment.digest:
                document.extra[ATTACHMENTS][name] = first[1][name]
                continue
            for rev, stubs in others:
                if _digest(stubs, name) == attachment.digest:
                    document.attachments.add(name, *self._read(name, rev))
                    break

    def hold(self) -> None:
        """Keep the contents of the document's attachments, if the gateway may lose them.

        A real gateway takes the attachments of the last write for the document's, even if that
        write is on a losing branch. After a tombstone, there are none.
        """
        # Imported late: programs import models long before they use a gateway, and importing
        # requests takes time.
        from django_cbtools.sync_gateway.transport.transport import transport

        if not transport().is_embedded:
            rev = self._document.rev
            self._held = {name: self._read(name, rev) for name in self._document.attachments}

    def write_again(self) -> None:
        """Write the document with the held attachments, on top of its current revision."""
        document = self._document
        if not self._held:
            return
        for wait in waits(MERGES, MERGE_DELAY, BACKOFF):
            for name, held in self._held.items():
                document.attachments.add(name, *held)
            try:
                gateway_of(type(document)).save_document(whole(document))
                upload_rest(document)
            except SyncGatewayConflict:
                if wait is None:
                    raise
                time.sleep(wait)
                document.load(document.uid)
            else:
                return

    def _read(self, name: str, rev: str) -> tuple[Any, str]:
        """Return the contents of an attachment (in a temporary file if they are large) and its
        type."""
        document = self._document
        file = self.enter_context(tempfile.SpooledTemporaryFile(max_size=SMALL))  # noqa: SIM115
        found: Any = gateway_of(type(document)).get_attachment(document.uid, name, rev=rev)
        with found:
            shutil.copyfileobj(found, file)
        return file, document.attachments[name].content_type


def _digest(stubs: Mapping[str, Any], name: str) -> Any:
    return (stubs.get(name) or {}).get("digest")
