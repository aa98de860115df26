"""An upload handler that stores uploads as attachments while the request is read."""

from __future__ import annotations

import tempfile
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, StopFutureHandlers
from django.http.multipartparser import MultiPartParserError

from django_cbtools.models import AttachmentStorage
from django_cbtools.sync_gateway.transport.uploads import MOST, too_large

from .names import base_name, guessed_type


class AttachmentUploadHandler(FileUploadHandler):
    """An upload handler that stores uploaded files as attachments of a document.

    Insert one at the beginning of ``request.upload_handlers`` before ``request.POST`` or
    ``request.FILES`` is read. Until then, the view must be exempt from CSRF checks, as Django's
    documentation of upload handlers explains. ``document`` must have been saved; its ``rev`` is the
    new revision afterwards. ``field_names`` are the form fields whose files are stored (None: all).

    Files are kept on disk until the request is complete; nothing of an interrupted request is
    stored. In ``request.FILES``, each is an :class:`UploadedAttachment`.

    Reading the request's data raises SyncGatewayBadRequest if a file is larger than ``most`` bytes,
    MultiPartParserError if the request is incomplete, and what ``Attachment.save()`` raises.
    """

    def __init__(
        self, document: Any, field_names: Any = None, *, request: Any = None, most: int = MOST
    ) -> None:
        super().__init__(request)
        self.document, self.field_names, self.most = document, field_names, most
        self._files: list[UploadedAttachment] = []
        self._copy: Any = None

    def handle_raw_input(
        self, input_data: Any, META: Any, content_length: int, *args: Any, **kwargs: Any
    ) -> None:
        self._input, self._announced = input_data, content_length

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._copy = None
        if self.field_names is None or self.field_name in self.field_names:
            self._copy = tempfile.TemporaryFile()  # noqa: SIM115
            self._files.append(
                UploadedAttachment(self._copy, base_name(self.file_name), self.content_type)
            )
            raise StopFutureHandlers

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        if self._copy is None:
            return raw_data
        self._copy.write(raw_data)
        if self._copy.tell() > self.most:
            self.upload_interrupted()
            raise too_large(base_name(self.file_name), self.most, self.document.uid)
        return None

    def file_complete(self, file_size: int) -> Any:
        if self._copy is None:
            return None
        file = self._files[-1]
        file.size = self._copy.tell()
        return file

    def upload_complete(self) -> None:
        """Write the attachments, one after another."""
        # If a request is cut, Django takes the part that has arrived for the whole.
        arrived = getattr(getattr(self._input, "_stream", None), "_pos", self._announced)
        if arrived < self._announced:
            self.upload_interrupted()
            raise MultiPartParserError(f"Only {arrived} of {self._announced} bytes have arrived.")
        try:
            for file in self._files:
                file.attach(self.document)
        except BaseException:
            self.upload_interrupted()
            raise

    def upload_interrupted(self) -> None:
        for file in self._files:
            file.close()


class UploadedAttachment(UploadedFile):  # type: ignore[type-arg]
    """An uploaded file that is stored as an attachment of a document, ``attachment``."""

    attachment: Any = None

    def __init__(self, file: Any, name: str, content_type: str | None) -> None:
        super().__init__(file, name, content_type or guessed_type(name), 0)

    def attach(self, document: Any) -> None:
        """Write the file as an attachment of a document. If its name is in use, it gets another
        one. Raise SyncGatewayConflict if somebody else has written the document."""
        self.name = AttachmentStorage().bound_to(document).get_available_name(self.name or "")
        self.attachment = document.attachments.add(self.name, self.file, self.content_type)
        try:
            self.attachment.save()
        except BaseException:
            del document.attachments[self.name]
            raise
        self.seek(0)
