"""Request bodies that are sent from a file while it is read."""

from __future__ import annotations

import base64
import hashlib
import io
import tempfile
import weakref
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from django_cbtools.exceptions import SyncGatewayBadRequest

CHUNK = 64 * 1024
DEFAULT_TYPE = "application/octet-stream"
#: The size, in bytes, of the largest attachment that a gateway accepts.
MOST = 20 * 1024 * 1024


def too_large(name: str, most: int, uid: str | None) -> SyncGatewayBadRequest:
    """Return the error for a file that has more bytes than ``most``. It is not sent."""
    return SyncGatewayBadRequest(
        f"The file {name!r} has more than {most} bytes: the gateway does not take it as an "
        "attachment.",
        status=413,
        error="Request Entity Too Large",
        reason="Attachment too large",
        uid=uid,
    )


class Upload:
    """A file of known length that can be sent several times, each time from its beginning.

    ``digest`` is the digest of an attachment with these contents. It is None until all of it has
    been sent.
    """

    def __init__(self, file: Any, content_type: str) -> None:
        self._finish: Any = lambda: None
        if not isinstance(content_type, str) or not content_type.isprintable():
            raise SyncGatewayBadRequest(f"{content_type!r} cannot be the type of an attachment.")
        self.content_type = content_type or DEFAULT_TYPE
        self.digest: str | None = None
        self._file = file
        self._length: int = file.seek(0, io.SEEK_END)
        self.rewound()

    def __len__(self) -> int:
        return self._length

    def rewound(self) -> Upload:
        """Rewind the upload to its beginning, and return it."""
        self.seek(0)
        return self

    def seek(self, place: int) -> int:
        """Go to the beginning, which is the only position allowed."""
        self._file.seek(place)
        self._left, self._sha1 = self._length, hashlib.sha1(usedforsecurity=False)
        return place

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes. Raise SyncGatewayBadRequest if the file has become shorter."""
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

    def view(self, start: int = 0, end: int | None = None) -> io.RawIOBase:
        """Return a file with a range of the contents and a position of its own. Closing it does not
        close the upload."""
        end = self._length if end is None else min(end, self._length)
        return _View(self._file, start, max(0, end - start))

    def close(self) -> None:
        """Delete the temporary copy, if there is one."""
        self._finish()


def upload_of(file: Any, content_type: str) -> Upload:
    """Return an upload of bytes, or of a binary file from its beginning. A file that is not
    seekable is copied to a temporary file.

    Raises SyncGatewayBadRequest for any other value.
    """
    if isinstance(file, (bytes, bytearray, memoryview)):
        file = io.BytesIO(file)
    if not hasattr(file, "read") or isinstance(file, io.TextIOBase):
        raise SyncGatewayBadRequest(f"{file!r} is neither bytes nor a file opened in binary mode.")
    if _is_seekable(file):
        return Upload(_Whole(file), content_type)
    copy = tempfile.TemporaryFile()  # noqa: SIM115
    while data := file.read(CHUNK):
        copy.write(data)
    upload = Upload(copy, content_type)
    upload._finish = weakref.finalize(upload, copy.close)
    return upload


@contextmanager
def uploading(file: Any, content_type: str) -> Generator[Upload, None, None]:
    """Yield an upload of the file, and close it at the end, unless ``file`` is an upload already.
    See :func:`upload_of`."""
    if isinstance(file, Upload):
        yield file
        return
    upload = upload_of(file, content_type)
    try:
        yield upload
    finally:
        upload.close()


class _View(io.RawIOBase):
    """A range of a file's bytes."""

    def __init__(self, file: Any, start: int, length: int) -> None:
        super().__init__()
        self._file, self._start, self._length, self._place = file, start, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._length}[whence]
        self._place = max(0, start + place)
        return self._place

    def readinto(self, buffer: Any) -> int:
        self._file.seek(self._start + self._place)
        data: bytes = self._file.read(min(len(buffer), max(0, self._length - self._place)))
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)


def _is_seekable(file: Any) -> bool:
    try:
        return bool(file.seekable())
    except AttributeError:
        return hasattr(file, "seek")


class _Whole:
    """A file whose ``seek()`` returns the position. Not all of Django's files do that."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.read = file.read

    def seek(self, place: int, whence: int = io.SEEK_SET) -> int:
        self._file.seek(place, whence)
        found: int = self._file.tell()
        return found


def digest_of(sha1: bytes) -> str:
    """Return a SHA-1 digest in the gateway's notation."""
    return f"sha1-{base64.b64encode(sha1).decode()}"
