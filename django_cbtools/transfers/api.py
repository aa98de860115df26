"""What views and templates call; the settings name the back ends that do it."""

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
    """The URL that a form is to send files to, and more data for the form to send.

    ``url`` is the view that takes the files in the end. With ``private``, the back end keeps them
    from the public, if it can. ``backend`` is a dotted path in place of PREPARE_UPLOAD_BACKEND.
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
    """A response with a file: a Django File, or an attachment of a document.

    With ``save_as``, the browser saves it, under the file's name or the one given. Without it,
    browsers save whatever they might execute, and display the rest. ``content_type`` is told of the
    file unless it is given. Raises Http404 where the file is gone.

    ``trusted`` says that the file is the site's own: it is displayed whatever it is, and scripts
    in it run with the rights of whoever looks at it. ``backend`` is a dotted path in place of
    SERVE_FILE_BACKEND.
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
    """A URL that anybody can load a file from; None where there is none.

    ``backend`` is a dotted path in place of PUBLIC_DOWNLOAD_URL_BACKEND.
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
