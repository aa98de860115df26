"""The cache back end."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping
from typing import Any

from asgiref.sync import sync_to_async
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.utils.crypto import salted_hmac

from .. import entries
from ..entries import GONE, Entry
from .contents import packed, unpacked

#: The prefix of the uids of entries, and their doc_type.
PREFIX, DOC_TYPE = "dcache_", "django_cache"
_SALT = "django_cbtools.contrib.cache"


class DocumentCache(BaseCache):
    """A cache whose entries are documents at the gateway.

    The entries are in no channel, so that no phone gets them. Values are JSON values, or responses
    of pages. ``add()`` and ``incr()`` are atomic. Entries with another ``LOCATION`` or
    ``KEY_PREFIX`` belong to another cache; ``clear()`` keeps them. The number of entries is not
    limited. Keys are any strings, of any length.

    Raises TypeError for other values, SyncGatewayException if the gateway fails, and
    SyncGatewayConflict if others write the same key all the time.
    """

    #: For system checks: it needs a place for documents.
    keeps_documents = True

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)
        place = hashlib.sha256(f"{location}\0{self.key_prefix}".encode()).hexdigest()
        self._prefix = f"{PREFIX}{place[:16]}_"

    def validate_key(self, key: str) -> None:
        """Accept every key. The limits of memcached do not apply to documents."""

    def _uid(self, key: Any, version: int | None) -> str:
        """Return the uid of a key's document. Nobody can guess it: a phone that may write documents
        must not be able to fill the cache."""
        made = self.make_and_validate_key(key, version=version)
        digest = salted_hmac(_SALT, made.encode("utf-8", "surrogatepass"), algorithm="sha256")
        return self._prefix + digest.hexdigest()

    def _expires(self, timeout: Any) -> float | None:
        expires: float | None = self.get_backend_timeout(timeout)
        return expires

    # ----------------------------------------------------------------- reading

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return self.get_many([key], version).get(key, default)

    def get_many(self, keys: Iterable[Any], version: int | None = None) -> dict[Any, Any]:
        """Return many values, in one request for each thousand keys."""
        uids = {key: self._uid(key, version) for key in keys}
        found = entries.read(uids.values())
        return {
            key: unpacked(found[uid].body)
            for key, uid in uids.items()
            if uid in found and found[uid].is_live
        }

    # ----------------------------------------------------------------- writing

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        expires, members = self._expires(timeout), packed(key, value)
        is_added = False

        def decide(uid: str, entry: Entry | None) -> Mapping[str, Any] | None:
            nonlocal is_added
            is_added = not _is_live(entry)
            return _entry(expires, members, entry) if is_added else None

        uid = self._uid(key, version)
        entries.write([uid], decide, None if _is_over(expires) else {})
        return is_added

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        self.set_many({key: value}, timeout, version)

    def set_many(
        self,
        data: Mapping[Any, Any],
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> list[Any]:
        """Set many values. Each thousand takes one request if all keys are new, three if some
        exist. Nothing is written if one of the values cannot be stored."""
        expires = self._expires(timeout)
        members = {self._uid(key, version): packed(key, value) for key, value in data.items()}
        entries.write(
            members,
            lambda uid, entry: _entry(expires, members[uid], entry),
            None if _is_over(expires) else {},
        )
        return []

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        expires = self._expires(timeout)

        def touched(entry: Entry) -> Mapping[str, Any] | None:
            return _entry(expires, _members(entry), entry)

        return self._change(key, version, touched)

    def delete(self, key: Any, version: int | None = None) -> bool:
        return self._change(key, version, lambda entry: GONE)

    def delete_many(self, keys: Iterable[Any], version: int | None = None) -> None:
        uids = [self._uid(key, version) for key in keys]
        entries.write(uids, lambda uid, entry: None if entry is None else GONE)

    def incr(self, key: Any, delta: Any = 1, version: int | None = None) -> Any:
        """Increment a value atomically. Its time of expiry does not change."""
        value: Any = None

        def increased(entry: Entry) -> Mapping[str, Any]:
            nonlocal value
            value = unpacked(entry.body) + delta
            return entries.body(DOC_TYPE, entry.body.get("expires"), **packed(key, value))

        if not self._change(key, version, increased):
            raise ValueError(f"Key '{key}' not found")
        return value

    def clear(self) -> None:
        """Delete all entries of this cache, in batches. Entries of other caches stay."""
        for found in entries.listed(self._prefix):
            entries.remove(found)

    def _change(self, key: Any, version: int | None, changed: Any) -> bool:
        """Write the document that ``changed`` returns for a live entry. Return whether there is a
        live entry."""
        was_there = False

        def decide(uid: str, entry: Entry | None) -> Mapping[str, Any] | None:
            nonlocal was_there
            was_there = _is_live(entry)
            return changed(entry) if was_there else None

        entries.write([self._uid(key, version)], decide)
        return was_there

    # ------------------------------------------- twins that Django makes of many requests

    aget_many: Any = sync_to_async(get_many)
    aset_many: Any = sync_to_async(set_many)
    adelete_many: Any = sync_to_async(delete_many)
    aincr: Any = sync_to_async(incr)

    async def adecr(self, key: Any, delta: Any = 1, version: int | None = None) -> Any:
        return await self.aincr(key, -delta, version=version)


def _is_live(entry: Entry | None) -> bool:
    return entry is not None and entry.is_live


def _is_over(expires: float | None) -> bool:
    """Return whether a value with this time of expiry expires at once."""
    return expires is not None and expires <= time.time()


def _members(entry: Entry) -> dict[str, Any]:
    return {name: entry.body[name] for name in ("value", "page") if name in entry.body}


def _entry(
    expires: float | None, members: Mapping[str, Any], former: Entry | None
) -> Mapping[str, Any] | None:
    """Return the entry to write for a value. A value that expires at once is not kept."""
    if _is_over(expires):
        return None if former is None else GONE
    return entries.body(DOC_TYPE, expires, **members)
