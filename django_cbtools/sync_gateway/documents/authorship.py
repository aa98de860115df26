"""Remembers which revisions this site has written.

The id of a revision is a digest, which does not tell its author. So revisions are remembered in
this process, and, if SYNC_GATEWAY_CHANGES["cache"] is set, in that cache, which processes share.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django_cbtools import conf

from .. import keyspaces

if TYPE_CHECKING:
    from ..settling.lost_writes import Write

logger = logging.getLogger(__name__)

#: The number of revisions that a process remembers, and the seconds that a cache keeps them.
MOST, SECONDS = 10_000, 24 * 60 * 60

#: The keys of revisions, oldest first.
_own: dict[str, None] = {}


def noted(
    writes: Sequence[Write], send: Callable[[Sequence[Write]], list[dict[str, Any]]]
) -> list[dict[str, Any]]:
    """Send writes, remember the revisions that they make, and return the gateway's rows."""
    cache = _cache()
    # A reader in another process may be faster than the response. New documents over tombstones
    # have another revision, which only the response tells.
    early = [_key(write.uid, rev) for write in writes for rev in write.revs()] if cache else []
    _put(cache, early)
    rows = send(writes)
    _remember(
        [
            _key(write.uid, row["rev"])
            for write, row in zip(writes, rows, strict=True)
            if isinstance(row.get("rev"), str)
        ],
        cache,
        early,
    )
    return rows


def remember(uid: str, rev: str) -> None:
    """Remember a revision that only the gateway's answer has told."""
    _remember([_key(uid, rev)], _cache(), ())


def _remember(keys: Iterable[str], cache: Any, known: Iterable[str]) -> None:
    """Remember revisions in this process. Those that are not in ``known`` are put into the cache,
    too."""
    for key in keys:
        _own[key] = None
    # Another thread may be doing the same.
    with suppress(RuntimeError, StopIteration):
        while len(_own) > MOST:
            _own.pop(next(iter(_own)), None)
    _put(cache, set(keys).difference(known))


def ours(revs: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the revisions that this site has written. Revisions are pairs of uid and rev."""
    keys = {_key(uid, rev): (uid, rev) for uid, rev in revs}
    known = {key for key in keys if key in _own}
    cache = _cache()
    if cache is not None and len(known) < len(keys):
        try:
            known.update(cache.get_many(keys.keys() - known))
        except Exception:
            logger.warning("The cache of SYNC_GATEWAY_CHANGES cannot be read.", exc_info=True)
    return {keys[key] for key in known}


def _key(uid: str, rev: str) -> str:
    """Return a key for the revision that is valid in any cache."""
    bucket, keyspace = conf.get("SYNC_GATEWAY_BUCKET"), keyspaces.current()
    text = "\0".join((bucket if keyspace is None else f"{bucket}.{keyspace}", uid, rev))
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"cbtools:rev:{digest}"


def _cache() -> Any:
    options = conf.get("SYNC_GATEWAY_CHANGES")
    alias = options.get("cache") if isinstance(options, Mapping) else None
    if alias is None:
        return None
    from django.core.cache import caches

    return caches[alias]


def _put(cache: Any, keys: Iterable[str]) -> None:
    found = dict.fromkeys(keys, 1)
    if cache is not None and found:
        try:
            cache.set_many(found, SECONDS)
        except Exception:  # it is no reason not to write
            logger.warning("The cache of SYNC_GATEWAY_CHANGES cannot be written.", exc_info=True)
