"""The function that queue workers call for a change."""

from __future__ import annotations

from django_cbtools.sync_gateway.feed.change import Change

from .delivery import Delivery, as_it_is_now, made_by_us


def handle_change(
    uid: str,
    rev: str = "",
    seq: str = "",
    model: str = "",
    deleted: bool = False,
    lost: bool = False,
    by_us: bool = False,
    keyspace: str | None = None,
) -> None:
    """Send the signal of a change that came from a queue. Call it in a task.

    The document is loaded again, and receivers get it as it is now, so tasks may run in any order.
    All receivers are called. Then the first exception of a receiver is raised, so that the queue
    can retry the task.
    """
    told = Change(seq, uid, (rev,) if rev else (), deleted, (), lost)
    change = as_it_is_now(told, keyspace)
    if change is None:
        return
    is_ours = by_us if change.rev == rev else bool(made_by_us([change], keyspace))
    failures = Delivery(keyspace=keyspace, enqueue=False).hand_on(change, is_ours)
    if failures:
        raise failures[0].error
