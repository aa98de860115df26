"""Does a write once: if its answer is lost, the gateway is asked about it before it is sent
again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayException,
    SyncGatewayUnavailable,
    shown,
)

from .. import deadline
from ..calls.errors import BUSY, add_out_of_time
from ..calls.retries import Attempts
from ..transport import transport
from .lost_writes import Write, settle

logger = logging.getLogger(__name__)

#: The outcome of a document's write, in the form of `_bulk_docs`.
Row = dict[str, Any]


def done_once(writes: Sequence[Write], send: Callable[[Sequence[Write]], list[Row]]) -> list[Row]:
    """Write documents, and return a row for each, with its ``rev`` or its error.

    ``send`` sends them once and returns the gateway's rows. It raises SyncGatewayAnswerLost if
    there are none. The row of a lost write has its error under ``exception``.

    Raises SyncGatewayAnswerLost if the deadline passes before the outcome of any write is known. If
    the outcome of some is known, the rows of the others have the error.
    """
    if transport.transport().is_embedded:
        # In process, no response is ever lost.
        return send(writes)
    rows: list[Row] = [{}] * len(writes)
    waiting = list(range(len(writes)))
    refused: set[int] = set()

    def attempt(lost: SyncGatewayUnavailable | None) -> SyncGatewayUnavailable | None:
        nonlocal waiting
        if lost is not None:
            waiting = _settled(writes, waiting, rows)
        sent = send([writes[index] for index in waiting]) if waiting else []
        answered, waiting = waiting, []
        unsettled = lost
        for index, row in zip(answered, sent, strict=True):
            if row.get("status") in BUSY:
                unsettled = unsettled or _busy(writes[index].uid, row)
                waiting.append(index)
            elif row.get("status") == 409 and lost is not None and index not in refused:
                # An earlier attempt may have arrived late.
                refused.add(index)
                waiting.append(index)
            else:
                rows[index] = row
        return unsettled if waiting else None

    lost = persist(attempt)
    if lost is not None:
        if len(waiting) == len(writes):
            raise lost
        for index in waiting:
            rows[index] = _row_of_ours(writes[index].uid, lost)
    return rows


def persist(
    attempt: Callable[[SyncGatewayUnavailable | None], SyncGatewayUnavailable | None],
) -> SyncGatewayUnavailable | None:
    """Attempt a write until its outcome is known. Return None then, or the error if the deadline
    passes before.

    An attempt gets the first error that left the outcome open, or None if there was none yet. It
    returns or raises such an error itself, and returns None if the outcome is known.
    """
    options = transport.transport().options
    attempts = Attempts(options, None)
    lost: SyncGatewayUnavailable | None = None
    with deadline.within(options.deadline):
        while True:
            try:
                unsettled = attempt(lost)
                if unsettled is None:
                    return None
                lost = lost or unsettled
            except SyncGatewayUnavailable as error:
                if lost is None and not isinstance(error, SyncGatewayAnswerLost):
                    raise
                lost = lost or error
                logger.warning("%s Asking what became of it.", error)
            if not attempts.again():
                add_out_of_time(lost)
                return lost


def _settled(writes: Sequence[Write], waiting: list[int], rows: list[Row]) -> list[int]:
    """Return the indexes of the waiting writes that have to be sent again.

    The rows of the other writes are put into ``rows``. Raise SyncGatewayUnavailable if the gateway
    does not tell the outcomes.
    """
    again = []
    try:
        outcomes = settle([writes[index] for index in waiting])
    except SyncGatewayUnavailable:
        raise
    except SyncGatewayException as error:
        # A gateway that is starting may answer so. It tells nothing about the write.
        raise SyncGatewayUnavailable(str(error), status=error.status) from error
    for index, outcome in zip(waiting, outcomes, strict=True):
        uid = writes[index].uid
        if outcome is None:
            again.append(index)
        elif isinstance(outcome, SyncGatewayException):
            rows[index] = _row_of_ours(uid, outcome)
        else:
            rows[index] = {"id": uid, "ok": True, "rev": outcome}
    return again


def _row_of_ours(uid: str, error: SyncGatewayException) -> Row:
    return {
        "id": uid,
        "status": error.status,
        "error": error.error or type(error).__name__,
        "reason": error.reason or str(error),
        "exception": error,
    }


def _busy(uid: str, row: Row) -> SyncGatewayAnswerLost:
    return SyncGatewayAnswerLost(
        f"document {shown(uid)}: {row.get('status')} {row.get('reason') or row.get('error')}. Load "
        "it and look whether it was written.",
        status=row.get("status"),
        uid=uid,
    )
