"""The functions that views and templates call for uploads and downloads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.http import Http404
from django.utils.module_loading import import_string

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayNotFound

from .names import base_name, guessed_type


def prepare_upload(
    request: Any, url: str, private: bool = False, backend: str | None = None
) -> tuple[str, dict[str, str]]:
    """Return the URL that a form sends files to, and a dictionary of extra data to send with them.

    ``url`` is the view that finally receives the files. With ``private``, the back end does not
    publish them, if it can. ``backend`` is a dotted path that replaces PREPARE_UPLOAD_BACKEND.
    """
    found: tuple[str, dict[str, str]] = _backend("PREPARE_UPLOAD_BACKEND", backend)(
        request, url, private=private
    )
    return found


def serve_file(
    request: Any,
    file: Any,
    backend: str | None = None,
    save_as: bool | str = False,
    content_type: str | None = None,
    *,
    trusted: bool = False,
) -> Any:
    """Return a response with a file, which is a Django File or an attachment of a document.

    With ``save_as``, the browser saves the file under its own name, or under the name given.
    Without it, browsers display files that they cannot execute, and save others. ``content_type``
    replaces the file's own.

    With ``trusted``, the file is displayed in any case. Use it only for the site's own files:
    scripts in the file run with the rights of the user who looks at it. ``backend`` is a dotted
    path that replaces SERVE_FILE_BACKEND.

    Raises Http404 if the file does not exist any more.
    """
    name = base_name(file.name)
    if save_as is True:
        save_as = name
    try:
        kind = content_type or getattr(file, "content_type", None) or guessed_type(name)
    except (FileNotFoundError, SyncGatewayNotFound) as error:
        raise Http404(str(error)) from error
    options = {"trusted": True} if trusted else {}  # back ends of others need not know it
    serve = _backend("SERVE_FILE_BACKEND", backend)
    return serve(request, file, save_as=save_as, content_type=kind, **options)


def public_download_url(file: Any, backend: str | None = None) -> str | None:
    """Return a URL from which anybody can download a file, or None if there is none.

    ``backend`` is a dotted path that replaces PUBLIC_DOWNLOAD_URL_BACKEND.
    """
    found: str | None = _backend("PUBLIC_DOWNLOAD_URL_BACKEND", backend)(file)
    return found


def _backend(setting: str, path: str | None) -> Callable[..., Any]:
    dotted: str = path or conf.require(setting, "the dotted path of a function")
    try:
        found: Callable[..., Any] = import_string(dotted)
    except ImportError as error:
        raise ImproperlyConfigured(
            f"The back end {dotted!r} cannot be imported: look at {setting}. {error}"
        ) from error
    return found
