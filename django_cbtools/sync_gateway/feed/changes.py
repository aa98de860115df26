"""Methods about the gateway's feed of changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from itertools import islice
from typing import Any

from asgiref.sync import sync_to_async

from django_cbtools.exceptions import SyncGatewayBadRequest

from ..documents.documents import texts
from .answers import CONTINUOUS, LONGPOLL, NORMAL, Feed
from .change import Change

#: The number of rows that an async reader takes from its thread at once.
_BATCH = 16
#: The number of seconds between two polls of an async reader in process, and the longest time that
#: it keeps a thread waiting.
_PAUSE, _ASYNC_WAIT = 0.1, 5.0


class Changes(Iterator[Change]):
    """The iterator of changes that :meth:`SyncGateway.changes` returns.

    ``since`` is the position after the last change that was returned, or the end of the feed. Close
    the iterator if you do not read all changes.
    """

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._rows = self._all()

    def _all(self) -> Generator[Change, None, None]:
        while not self._feed.is_over:
            yield from self._feed.answer()

    def __next__(self) -> Change:
        return next(self._rows)

    @property
    def since(self) -> str:
        return self._feed.since

    def close(self) -> None:
        """End the feed."""
        self._rows.close()


class AsyncChanges(AsyncIterator[Change]):
    """The async version of :class:`Changes`, with ``aclose()``."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._since = feed.since
        self._rows = self._all()

    async def _all(self) -> Any:
        from ..transport.transport import transport

        feed = self._feed
        # In process, documents belong to the thread that works for async code, which must not wait.
        in_process = (await sync_to_async(transport)()).is_embedded
        pauses, feed.waits = in_process and feed.waits, feed.waits and not in_process
        feed.longest_wait = _ASYNC_WAIT
        call = sync_to_async(_some, thread_sensitive=in_process or not feed.waits)
        while not feed.is_over:
            rows, is_empty = feed.answer(), True
            try:
                while batch := await call(rows):
                    is_empty = False
                    for change in batch:
                        self._since = change.seq
                        yield change
            finally:
                await sync_to_async(_close, thread_sensitive=in_process)(rows)
            self._since = feed.since
            if pauses and is_empty and not feed.is_over:
                await asyncio.sleep(_PAUSE)

    async def __anext__(self) -> Change:
        change: Change = await self._rows.__anext__()
        return change

    @property
    def since(self) -> str:
        return self._since

    async def aclose(self) -> None:
        """End the feed."""
        await self._rows.aclose()


def _some(rows: Iterator[Change]) -> list[Change]:
    return list(islice(rows, _BATCH))


def _close(rows: Any) -> None:
    rows.close()


class ChangeFeeds:
    """The part of :class:`SyncGateway` that is about changes."""

    @staticmethod
    def changes(
        since: str | int | None = None,
        *,
        channels: Iterable[str] | None = None,
        doc_ids: Iterable[str] | None = None,
        include_docs: bool = False,
        feed: str = NORMAL,
        active_only: bool = False,
        style: str = "main_only",
        limit: int = 0,
        timeout: float | None = None,
        revocations: bool = False,
        request_plus: bool = False,
    ) -> Changes:
        """Return the changes after ``since``, in order, as an iterator.

        Each document occurs once, with its last change.

        The changes are read while they arrive. If the connection breaks, it is opened again, and
        the remaining changes are requested. The attribute ``since`` of the returned iterator is the
        position that has been reached. Only changes that SYNC_GATEWAY_USER may read are returned.

        * ``feed``: ``"normal"`` ends after the existing changes, ``"longpoll"`` waits for the next
          change and then ends, ``"continuous"`` does not end.
        * ``timeout``: seconds without a change after which the latter two end.
        * ``channels``: only documents that are in these channels or have left them.
        * ``doc_ids``: only these documents; needs ``feed="normal"``.
        * ``include_docs``: whether to include the documents.
        * ``active_only``: whether to omit tombstones and removed documents.
        * ``style``: ``"all_docs"`` includes revisions in conflict.
        * ``limit``: the maximum number of changes; 0 means no limit.
        * ``revocations``: whether to include documents of channels that the user has lost. It
          cannot be combined with a filter.
        * ``request_plus``: whether a real gateway, which may lag behind, first processes all
          writes.

        Raises SyncGatewayBadRequest if the options are invalid or cannot be combined. Reading
        raises SyncGatewayUnavailable if the gateway does not answer.
        """
        return Changes(
            _feed(
                since, channels, doc_ids, feed, limit, timeout,
                include_docs=include_docs, active_only=active_only, style=style,
                revocations=revocations, request_plus=request_plus,
            )
        )  # fmt: skip

    @staticmethod
    def achanges(since: str | int | None = None, **kwargs: Any) -> AsyncChanges:
        """Async version of :meth:`changes`, for ``async for``."""
        changes = ChangeFeeds.changes(since, **kwargs)
        return AsyncChanges(changes._feed)


def _feed(
    since: str | int | None,
    channels: Iterable[str] | None,
    doc_ids: Iterable[str] | None,
    feed: str,
    limit: int,
    timeout: float | None,
    **options: Any,
) -> Feed:
    if feed not in (NORMAL, LONGPOLL, CONTINUOUS):
        raise SyncGatewayBadRequest(
            f"feed cannot be {feed!r}: it is {NORMAL!r}, {LONGPOLL!r} or {CONTINUOUS!r}."
        )
    asked: dict[str, Any] = {name: value for name, value in options.items() if value is not False}
    if channels is not None and doc_ids is not None:
        raise SyncGatewayBadRequest("A feed is of channels or of documents, not of both.")
    if channels is not None:
        names = texts(channels, "channels")
        if not names or any("," in name for name in names):
            raise SyncGatewayBadRequest(
                f"A feed cannot be of the channels {names!r}: it takes one or more, whose names "
                "have no commas."
            )
        asked |= {"filter": "sync_gateway/bychannel", "channels": ",".join(names)}
    if doc_ids is not None:
        asked |= {"filter": "_doc_ids", "doc_ids": texts(doc_ids, "doc_ids")}
    if "filter" in asked and "revocations" in asked:
        raise SyncGatewayBadRequest("A feed with revocations takes no channels and no documents.")
    if limit < 0:
        raise SyncGatewayBadRequest(f"limit cannot be {limit!r}: 0 is for all.")
    return Feed(since, feed, limit, timeout, **asked)
