"""Checks certificate files before they are used, and names the setting in each error."""

from __future__ import annotations

import os
import ssl

from django.core.exceptions import ImproperlyConfigured


def check_trusted(path: str, setting: str) -> None:
    """Check a file or folder of trusted certificates. Raise ImproperlyConfigured if it cannot be
    used.

    ``setting`` is the name of the setting with the path.
    """
    if os.path.isdir(path):
        return  # it is looked into when a certificate is looked for
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except OSError as error:
        raise ImproperlyConfigured(
            f"{setting} cannot be {path!r}: it is no file of certificates ({error})."
        ) from error


def check_own(cert: str | tuple[str, str], setting: str) -> None:
    """Check a client's certificate and its key. Raise ImproperlyConfigured if they cannot be
    used."""
    file, key = (cert, None) if isinstance(cert, str) else cert
    try:
        # If a key is locked, OpenSSL would ask for its password on the terminal, and wait.
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_cert_chain(file, key, _refuse)
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{setting} cannot be {cert!r}: a certificate and its key, with no password ({error})."
        ) from error


def _refuse() -> str:
    raise ValueError("the key has a password")
