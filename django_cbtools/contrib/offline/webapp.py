"""The web app manifest (W3C), which phones need to install a page as an app."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from mimetypes import guess_type
from typing import Any

from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.exceptions import ImproperlyConfigured

from . import files
from .manifests import SETTING, Manifest

#: Options of ``app`` that name static files. All others are copied to the manifest.
_ICONS, _PICTURE = "icons", "start_picture"
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def icons(manifest: Manifest) -> list[dict[str, Any]]:
    """Return the icons with their ``src`` (the name of a static file), types and sizes.

    Raises ImproperlyConfigured if a file does not exist.
    """
    listed = (manifest.app or {}).get(_ICONS, ())
    if not isinstance(listed, (list, tuple)):
        raise _wrong(manifest, f"“{_ICONS}” has to be a list of names of static files.")
    return [_icon(manifest, each) for each in listed]


def start_picture(manifest: Manifest) -> str | None:
    """Return the name of the static file that iPhones show while the app starts, or None.

    Raises ImproperlyConfigured if the file does not exist.
    """
    name: str | None = (manifest.app or {}).get(_PICTURE)
    if name is not None:
        _beginning(manifest, name)
    return name


def as_json(manifest: Manifest) -> dict[str, Any]:
    """Return the web app manifest. Raise ImproperlyConfigured if it is not valid."""
    urls = manifest.urls()
    given = {
        key: value for key, value in (manifest.app or {}).items() if key not in (_ICONS, _PICTURE)
    }
    return {
        "id": urls["scope"],
        "name": manifest.name,
        "scope": urls["scope"],
        "start_url": next(iter(urls["pages"]), urls["scope"]),
        "display": "standalone",
        **given,
        "icons": [
            {**icon, "src": staticfiles_storage.url(icon["src"])} for icon in icons(manifest)
        ],
    }


def _icon(manifest: Manifest, icon: Any) -> dict[str, Any]:
    given = dict(icon) if isinstance(icon, Mapping) else {"src": icon}
    name = given.get("src")
    start = _beginning(manifest, name)
    found = {"type": guess_type(str(name))[0] or "application/octet-stream"}
    if start.startswith(_PNG):
        found["sizes"] = "{}x{}".format(*struct.unpack_from(">II", start, len(_PNG)))
    elif found["type"] == "image/svg+xml":
        found["sizes"] = "any"
    return {**found, **given}


def _beginning(manifest: Manifest, name: Any) -> bytes:
    start = files.read(name, len(_PNG) + 8) if isinstance(name, str) else None
    if start is None:
        raise _wrong(manifest, f"There is no static file {name!r}.")
    return start


def _wrong(manifest: Manifest, problem: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"“app” of the manifest {manifest.name!r} in {SETTING} is wrong. {problem}"
    )
