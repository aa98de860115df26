"""Methods about attachments. Reads and writes are streamed; each write is done once."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django_cbtools import canonical
from django_cbtools.exceptions import SyncGatewayAnswerLost, SyncGatewayConflict, shown

from ..calls.client import PUBLIC, loads, request
from ..calls.matching import other
from ..calls.quoting import quote_place
from ..settling.lost_attachments import Change, revision_made
from ..transport.uploads import DEFAULT_TYPE, uploading
from . import authorship

if TYPE_CHECKING:
    from .downloads import Attachment


class Attachments:
    """The part of :class:`SyncGateway` that is about attachments."""

    @staticmethod
    def get_attachment(
        uid: str,
        name: str,
        *,
        rev: str | None = None,
        start: int = 0,
        end: int | None = None,
        unless: str | None = None,
    ) -> Attachment | None:
        """Return an attachment of a document as a binary file.

        The file reads from the gateway while it is read, and must be closed. ``async for`` reads it
        in chunks. If the connection breaks, reading continues on another one. If the whole file is
        read, its digest is checked.

        ``start`` and ``end`` are offsets in bytes and limit the file to a range; ``end`` is
        excluded. ``rev`` is an older revision of the document. If ``unless`` is the attachment's
        digest, None is returned.

        Raises SyncGatewayNotFound if the document or the attachment does not exist. Reading raises
        SyncGatewayUnavailable if the contents arrive incomplete or damaged, and SyncGatewayConflict
        if the attachment is replaced meanwhile.
        """
        from .downloads import Attachment, Download

        download = Download(uid, name, rev, start, end)
        if unless is not None and download.digest == unless:
            download.close()
            return None
        return Attachment(download)

    @staticmethod
    def put_attachment(
        uid: str,
        name: str,
        file: Any,
        content_type: str = DEFAULT_TYPE,
        rev: str | None = None,
    ) -> str:
        """Write an attachment, and return the document's new revision.

        ``file`` is bytes or a binary file, which is sent from its beginning while it is read.
        ``rev`` is the document's current revision. Without it, a new document is created.

        Raises SyncGatewayConflict if ``rev`` is not the current revision, and SyncGatewayBadRequest
        if the attachment is larger than the gateway allows (20 MB) or the file ends early.
        """
        path = quote_place(uid, name)
        with uploading(file, content_type) as upload:
            query = {"rev": rev} if rev else None
            return _changed_once(
                Change(uid, rev or "", name, lambda: upload.digest),
                lambda: request(PUBLIC, "PUT", *path, query=query, body=upload, uid=uid),
            )

    @staticmethod
    def delete_attachment(uid: str, name: str, rev: str) -> str:
        """Delete an attachment, and return the document's new revision.

        Raises SyncGatewayConflict if ``rev`` is not the current revision, and SyncGatewayNotFound
        if the attachment does not exist.
        """
        path = quote_place(uid, name)
        return _changed_once(
            Change(uid, rev, name, lambda: None),
            lambda: request(PUBLIC, "DELETE", *path, query={"rev": rev}, uid=uid),
        )


def _changed_once(change: Change, send: Callable[[], Any]) -> str:
    """Change an attachment once, and return the new revision."""
    rev = _made_once(change, send)
    authorship.remember(change.uid, rev)
    return rev


def _made_once(change: Change, send: Callable[[], Any]) -> str:
    from ..settling.done_once import persist
    from ..transport.transport import transport

    if transport().is_embedded:
        return _revision(change, send())  # in process no answer gets lost
    made: list[str] = []
    is_refused = False

    def attempt(lost: Any) -> Any:
        nonlocal is_refused
        if lost is not None:
            made.extend(revision_made(change))
        if not made:
            try:
                made.append(_revision(change, send()))
            except SyncGatewayConflict:
                # An earlier attempt may have arrived late.
                if lost is None or is_refused:
                    raise
                is_refused = True
                return lost
        return None

    lost = persist(attempt)
    if lost is not None:
        raise lost
    return made[0]


def _revision(change: Change, response: Any) -> str:
    """Return the revision in the response to a change. Raise SyncGatewayAnswerLost if the response
    belongs to another request."""
    try:
        answer = loads(response)
    except Exception as error:
        raise SyncGatewayAnswerLost(str(error), uid=change.uid) from error
    rev = answer.get("rev") if isinstance(answer, dict) else None
    is_next = not change.parent or str(rev).startswith(
        f"{canonical.generation(change.parent) + 1}-"
    )
    if not isinstance(rev, str) or answer.get("id") != change.uid or not is_next:
        what = f"it is not about document {shown(change.uid)}"
        raise other(response, what, SyncGatewayAnswerLost, change.uid)
    return rev
