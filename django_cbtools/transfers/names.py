"""Safe file names and content types, whatever a phone or a browser sends."""

from __future__ import annotations

import mimetypes
import re
from typing import Any

from django.core.files.utils import validate_file_name

DEFAULT_TYPE = "application/octet-stream"
_TYPE = re.compile(r"[!#-+\-.0-9A-Z^-z|~]+/[!#-+\-.0-9A-Z^-z|~]+( *; *[ -~]*)?", re.IGNORECASE)


def base_name(name: str | None) -> str:
    """Return the last part of a name or path, with characters that a header can contain."""
    last = re.split(r"[/\\]", name or "")[-1]
    text = last.encode("utf-8", "replace").decode()
    # Characters that change the direction of writing, among others, could hide the end of the name.
    return "".join(each if each.isprintable() else "_" for each in text)[-255:] or "file"


def safe_name(file: Any) -> str:
    """Return a file's name as a part of a path. Raise SuspiciousFileOperation if it leads
    elsewhere."""
    return str(validate_file_name(file.name.replace("\\", "/"), allow_relative_path=True))


def guessed_type(name: str) -> str:
    """Return the content type that a file's name suggests."""
    kind, encoding = mimetypes.guess_type(name)
    return DEFAULT_TYPE if kind is None or encoding else kind


def header_type(content_type: str) -> str:
    """Return the content type, or the default one if a header cannot contain it."""
    return content_type if _TYPE.fullmatch(content_type) else DEFAULT_TYPE
