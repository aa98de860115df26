"""Safe responses with files, which are streamed and support ranges and conditional requests."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.http import content_disposition_header, http_date, parse_http_date_safe

from django_cbtools.exceptions import SyncGatewayNotFound
from django_cbtools.inert import headers_of, is_inert

from .names import DEFAULT_TYPE, base_name, header_type

CHUNK = 64 * 1024
_RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
_MOST_DIGITS = 18


class Source(NamedTuple):
    """The contents of a response. ``open(start, end)`` returns a file with a range of the bytes."""

    length: int
    open: Callable[[int, int], Any]
    etag: str | None = None
    #: The time of the last write, in seconds since 1970.
    modified: int | None = None


def protecting(save_as: Any, name: str, content_type: str, trusted: bool) -> dict[str, str]:
    """Return the headers with a file's type and name, and those that keep browsers from executing
    it."""
    content_type = header_type(content_type)
    is_saved = bool(save_as) or not (trusted or is_inert(content_type))
    name = base_name(save_as if isinstance(save_as, str) and save_as else name)
    headers = {"X-Content-Type-Options": "nosniff"} if trusted else headers_of(content_type)
    disposition = content_disposition_header(is_saved, name)
    return {**headers, "Content-Type": content_type, "Content-Disposition": disposition or ""}


def respond(
    request: Any, file: Any, save_as: Any, content_type: str | None, trusted: bool = False
) -> HttpResponse | StreamingHttpResponse:
    """Return a response with a file, or with the requested range of it. Raise Http404 if it no
    longer exists."""
    source = source_of(file)
    headers = {
        **protecting(save_as, file.name, content_type or DEFAULT_TYPE, trusted),
        "Accept-Ranges": "bytes",
    }
    if source.etag is not None:
        headers["ETag"] = source.etag
    if source.modified is not None:
        headers["Last-Modified"] = http_date(source.modified)
    whole = HttpResponse(headers=headers)
    conditional = get_conditional_response(request, source.etag, source.modified, whole)
    if conditional is not whole and conditional is not None:
        return conditional
    start, end = 0, source.length
    if request.method == "GET" and _is_range_valid(request, source):
        try:
            start, end = asked_range(request.headers.get("Range", ""), source.length)
        except ValueError:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{source.length}"})
    status = 200
    if end - start < source.length:
        status, headers["Content-Range"] = 206, f"bytes {start}-{end - 1}/{source.length}"
    headers["Content-Length"] = str(end - start)
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    try:
        pieces = _Pieces(source.open(start, end), end - start)
    except (FileNotFoundError, SyncGatewayNotFound) as error:
        raise Http404(str(error)) from error
    return StreamingHttpResponse(pieces, status=status, headers=headers)


def asked_range(header: str, length: int) -> tuple[int, int]:
    """Return the start and the end (excluded) of the bytes that a Range header asks for.

    A header with anything else than a single range asks for the whole file. Raises ValueError if
    the file does not have these bytes.
    """
    found = _RANGE.fullmatch(header)
    if not found or not (found[1] or found[2]):
        return 0, length
    # Python refuses to read numbers with thousands of digits.
    first, last = (int(digits.lstrip("0")[:_MOST_DIGITS] or 0) for digits in found.groups())
    if not found[1]:
        if not last or not length:
            raise ValueError("no bytes")
        return max(0, length - last), length
    end = last + 1 if found[2] else length
    if found[2] and end <= first:
        return 0, length
    if first >= length:
        raise ValueError("no such bytes")
    return first, min(end, length)


def _is_range_valid(request: Any, source: Source) -> bool:
    """Return whether the requested range belongs to the version of the file that the client has."""
    condition = request.headers.get("If-Range")
    if condition is None:
        return True
    if condition.startswith('"'):
        return bool(condition == source.etag)
    return source.modified is not None and parse_http_date_safe(condition) == source.modified


def source_of(file: Any) -> Source:
    """Return the contents of a Django File, or of a document's attachment. Raise Http404 if there
    are none."""
    try:
        attachment = getattr(file, "attachment", file)
    except FileNotFoundError as error:
        raise Http404(str(error)) from error
    if hasattr(attachment, "digest"):
        return _attached(attachment)
    modified = None
    if hasattr(file, "storage"):
        with suppress(NotImplementedError, OSError, ValueError):
            modified = int(file.storage.get_modified_time(file.name).timestamp())

    def opened(start: int, end: int) -> Any:
        file.open("rb")
        file.seek(start)
        return file

    try:
        length = file.size
    except FileNotFoundError as error:
        raise Http404(str(error)) from error
    return Source(length, opened, None, modified)


def _attached(attachment: Any) -> Source:
    try:
        length, digest = attachment.length, attachment.digest
    except SyncGatewayNotFound as error:
        raise Http404(str(error)) from error
    etag = f'"{digest}"' if re.fullmatch(r"[!#-~]+", digest) else None
    return Source(length or 0, lambda start, end: attachment.open(start=start, end=end), etag)


class _Pieces(Iterator[bytes]):
    """A limited number of bytes of a file. Closing it closes the file."""

    def __init__(self, file: Any, length: int) -> None:
        self._file, self._left = file, length

    def __next__(self) -> bytes:
        data: bytes = self._file.read(min(CHUNK, self._left)) if self._left else b""
        if not data:
            self.close()
            raise StopIteration
        self._left -= len(data)
        return data

    def close(self) -> None:
        self._file.close()
