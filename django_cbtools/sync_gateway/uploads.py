"""The body of a request that is not JSON: a file, sent as it is read."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from typing import IO, Any

from django_cbtools.exceptions import SyncGatewayBadRequest

CHUNK = 64 * 1024
DEFAULT_TYPE = "application/octet-stream"


class Upload:
    """A file of known length that may be sent several times, from its beginning.

    ``digest`` is that of an attachment with these contents; None until all of it has been sent.
    """

    def __init__(self, file: IO[bytes], content_type: str) -> None:
        if not isinstance(content_type, str) or not content_type.isprintable():
            raise SyncGatewayBadRequest(f"{content_type!r} cannot be the type of an attachment.")
        self.content_type = content_type or DEFAULT_TYPE
        self.digest: str | None = None
        self._file = file
        self._length = file.seek(0, io.SEEK_END)
        self.rewound()

    def __len__(self) -> int:
        return self._length

    def rewound(self) -> Upload:
        """The upload itself, which is read from its beginning next."""
        self.seek(0)
        return self

    def seek(self, place: int) -> int:
        """Go to a place; only the beginning is one."""
        self._file.seek(place)
        self._left, self._sha1 = self._length, hashlib.sha1(usedforsecurity=False)
        return place

    def read(self, size: int = -1) -> bytes:
        """The next bytes; SyncGatewayBadRequest where the file has fewer than it had."""
        wanted = self._left if size is None or size < 0 else min(size, self._left)
        try:
            data = self._file.read(wanted) if wanted else b""
        except OSError as error:
            raise SyncGatewayBadRequest(f"The file to upload cannot be read: {error}") from error
        if wanted and not data:
            raise SyncGatewayBadRequest(
                f"The file to upload ends {self._left} bytes early: it had {self._length} bytes."
            )
        self._sha1.update(data)
        self._left -= len(data)
        if not self._left:
            self.digest = digest_of(self._sha1.digest())
        return data


@contextmanager
def uploading(file: Any, content_type: str) -> Generator[Upload, None, None]:
    """An upload of bytes, or of a binary file from its beginning. What cannot go back to its
    beginning goes to a temporary file first.

    Raises SyncGatewayBadRequest for anything else.
    """
    if isinstance(file, (bytes, bytearray, memoryview)):
        file = io.BytesIO(file)
    if not hasattr(file, "read") or isinstance(file, io.TextIOBase):
        raise SyncGatewayBadRequest(f"{file!r} is neither bytes nor a file opened in binary mode.")
    if _is_seekable(file):
        yield Upload(_Whole(file), content_type)  # type: ignore[arg-type]
        return
    with tempfile.TemporaryFile() as copy:
        while data := file.read(CHUNK):
            copy.write(data)
        yield Upload(copy, content_type)


def _is_seekable(file: Any) -> bool:
    try:
        return bool(file.seekable())
    except AttributeError:
        return hasattr(file, "seek")


class _Whole:
    """A file whose ``seek()`` tells the place, as not all of Django's do."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.read = file.read

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        self._file.seek(place, whence)
        found: int = self._file.tell()
        return found


def digest_of(sha1: bytes) -> str:
    """A SHA-1 as a gateway writes it."""
    return f"sha1-{base64.b64encode(sha1).decode()}"
