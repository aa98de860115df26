"""Safe file names and content types, whatever a phone or a browser sends."""

from __future__ import annotations

import mimetypes
import re
from typing import Any

from django.core.files.utils import validate_file_name

DEFAULT_TYPE = "application/octet-stream"
_TYPE = re.compile(r"[!#-+\-.0-9A-Z^-z|~]+/[!#-+\-.0-9A-Z^-z|~]+( *; *[ -~]*)?", re.IGNORECASE)


def base_name(name: str | None) -> str:
    """The last part of a name or a path, of characters that can be in a header."""
    last = re.split(r"[/\\]", name or "")[-1]
    text = last.encode("utf-8", "replace").decode()
    # What turns the direction of writing, among others, may hide the name's end.
    return "".join(each if each.isprintable() else "_" for each in text)[-255:] or "file"


def safe_name(file: Any) -> str:
    """A file's name as a part of a path; SuspiciousFileOperation where it leads out of it."""
    return str(validate_file_name(file.name.replace("\\", "/"), allow_relative_path=True))


def guessed_type(name: str) -> str:
    """The type of a file by its name."""
    kind, encoding = mimetypes.guess_type(name)
    return DEFAULT_TYPE if kind is None or encoding else kind


def header_type(content_type: str) -> str:
    """A type as it can be in a header."""
    return content_type if _TYPE.fullmatch(content_type) else DEFAULT_TYPE
