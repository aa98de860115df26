"""Attachments as binary files. The bytes come from the gateway while the file is read."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tempfile
from collections.abc import AsyncIterator
from typing import Any

import requests
import urllib3
from asgiref.sync import sync_to_async

from django_cbtools.exceptions import (
    SyncGatewayConflict,
    SyncGatewayUnavailable,
    shown,
)

from .. import deadline, keyspaces
from ..calls.client import PUBLIC, request
from ..calls.matching import other
from ..calls.quoting import quote_place
from ..calls.retries import Attempts
from ..transport import transport
from ..transport.uploads import CHUNK, digest_of

#: The HTTP status of a range.
PARTIAL = 206
_CONTENT_RANGE = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


class Download(io.RawIOBase):
    """A range of an attachment's bytes. Positions are counted from the attachment's beginning.

    The request is sent at once, and again after a broken connection or a ``seek()``.
    """

    _response: Any = None  # of the class, as close() is called even if the request fails

    def __init__(
        self, uid: str, name: str, rev: str | None = None, start: int = 0, end: int | None = None
    ) -> None:
        super().__init__()
        self.uid, self.name, self._rev = uid, name, rev
        if start < 0 or (end is not None and end < start):
            raise ValueError(f"There is no range of bytes from {start} to {end}.")
        self._path = quote_place(uid, name)
        # The attachment is read later, perhaps by another thread.
        self._login, self._keyspace = transport.login(), keyspaces.current()
        self._first, self._place = start, 0
        self._wanted = None if end is None else end - start
        self._sha1: Any = hashlib.sha1(usedforsecurity=False)
        self.digest = ""
        self.content_type = ""
        #: The length of the whole attachment.
        self.total = 0
        self._ask()

    # -------------------------------------------------------------------- asking

    def _ask(self) -> None:
        """Request the bytes from the current position on. Raise SyncGatewayConflict if the
        attachment has changed."""
        query = {"content_encoding": "false"}
        if self._rev is not None:
            query["rev"] = self._rev
        headers = {"Accept-Encoding": "identity"}
        # If no bytes are wanted, the request is only for the metadata in the headers.
        place = 0 if self._wanted == 0 else self._first + self._place
        if place or self._wanted:
            last = "" if self._wanted is None else self._first + self._wanted - 1
            headers["Range"] = f"bytes={place}-{last}"
        with transport.acting_as(self._login), keyspaces.inside(self._keyspace):
            response = request(
                PUBLIC, "GET", *self._path, query=query, uid=self.uid,
                accept="*/*", headers=headers, stream=True,
            )  # fmt: skip
        digest = response.headers.get("Etag", "").strip('"')
        if self.digest and digest != self.digest:
            response.close()
            raise SyncGatewayConflict(
                f"document {shown(self.uid)}: attachment {shown(self.name)} has been replaced "
                "while it was read. Open it again.",
                status=409,
                error="conflict",
                reason="the attachment has been replaced",
                uid=self.uid,
            )
        self.digest = digest
        self.content_type = response.headers.get("Content-Type", "")
        self._response = response
        self._check_range(place)

    def _check_range(self, place: int) -> None:
        response = self._response
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        length = response.headers.get("Content-Length", "")
        if found:
            first, self.total = int(found[1]), int(found[3])
        else:
            size = int(length) if length.isdecimal() else self._kept_size(response)
            first = place if response.status_code == PARTIAL else 0
            self.total = max(self.total, first + size)
        if first != place and found:
            self._drop()
            raise other(response, f"it does not begin at byte {place}", uid=self.uid)
        # The response may be the whole attachment in place of a range.
        skipped = place - first
        while skipped > 0 and (data := self._take(min(skipped, CHUNK))):
            skipped -= len(data)
        if self._wanted is None:
            self._wanted = max(0, self.total - self._first)

    def _kept_size(self, response: requests.Response) -> int:
        """Return the size of a response without a length, which is known only after reading it to
        its end."""
        try:
            self._response = _Kept(response)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            raise self._broken_off(error) from error
        size: int = self._response.length
        return size

    def _drop(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response = None

    def _take(self, size: int) -> bytes:
        data: bytes = self._response.raw.read(size)
        return data

    # ------------------------------------------------------------------- reading

    @property
    def length(self) -> int:
        """The number of bytes to read in all."""
        return min(self._wanted or 0, max(0, self.total - self._first))

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.length}[whence]
        if start + place < 0:
            raise ValueError(f"There is no place {start + place} in a file.")
        if start + place != self._place:
            self._place = start + place
            self._drop()
            # The digest is only computed if all is read from the beginning to the end.
            self._sha1 = None if self._place else hashlib.sha1(usedforsecurity=False)
        return self._place

    def readinto(self, buffer: Any) -> int:
        wanted = min(len(buffer), self.length - self._place)
        if wanted <= 0:
            return 0
        data = self._read(wanted)
        buffer[: len(data)] = data
        self._place += len(data)
        if self._sha1 is not None:
            self._sha1.update(data)
            if self._place == self.total:
                self._check_digest()
        if self._place == self.length:
            self._drop()
        return len(data)

    def _read(self, wanted: int) -> bytes:
        options = transport.transport().options
        attempts = Attempts(options, options.retries)
        with deadline.within(options.deadline):
            while True:
                why: Any = "it ends early"
                try:
                    if self._response is None:
                        self._ask()
                    if data := self._take(wanted):
                        return data
                except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                    why = error
                self._drop()
                if not attempts.again():
                    raise self._broken_off(why) from (why if isinstance(why, Exception) else None)

    def _broken_off(self, why: Any) -> SyncGatewayUnavailable:
        return SyncGatewayUnavailable(
            f"document {shown(self.uid)}: attachment {shown(self.name)} breaks off after "
            f"{self._place} of {self.length} bytes ({type(why).__name__}).",
            uid=self.uid,
        )

    def _check_digest(self) -> None:
        is_whole = not self._first and self.digest.startswith("sha1-")
        if is_whole and digest_of(self._sha1.digest()) != self.digest:
            raise SyncGatewayUnavailable(
                f"document {shown(self.uid)}: attachment {shown(self.name)} has arrived damaged: "
                f"its digest is not {self.digest}. Look at proxies on the way.",
                uid=self.uid,
            )

    def close(self) -> None:
        self._drop()
        super().close()


class _Kept:
    """A response that has been read to its end. A large one is in a temporary file."""

    def __init__(self, response: requests.Response) -> None:
        self.raw = tempfile.SpooledTemporaryFile(max_size=16 * CHUNK)  # noqa: SIM115
        with response:
            shutil.copyfileobj(response.raw, self.raw, CHUNK)
        self.length = self.raw.tell()
        self.raw.seek(0)

    def close(self) -> None:
        self.raw.close()


class Attachment(io.BufferedReader):
    """An attachment, or a range of it, as a binary file. ``async for`` reads it in pieces."""

    def __init__(self, download: Download) -> None:
        super().__init__(download, CHUNK)
        #: The names of the document and of the attachment.
        self.uid, self.attachment = download.uid, download.name
        self.content_type, self.digest = download.content_type, download.digest
        #: The number of bytes to read.
        self.length = download.length

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while data := await sync_to_async(self.read)(CHUNK):
            yield data
