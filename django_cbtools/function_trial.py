"""Runs sync functions before they are deployed, since a gateway accepts one that never ends."""

from __future__ import annotations

from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf
from django_cbtools.embedded.access import ADMIN, Reader
from django_cbtools.embedded.documents import syncfunction
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.function_files import FunctionFileError
from django_cbtools.models.registry import documents

#: The reason with which `requireUser()` refuses a document.
_WRONG_USER = "sg wrong user"


def try_out(path: Path, source: str) -> list[str]:
    """Run a function for an empty document, and for one of each document class.

    Returns warnings with the classes whose documents the function does not let the site write.
    Raises FunctionFileError if the source is not a function, or does not end. Does nothing if V8
    (the extra ``embedded``) is not installed.
    """
    types = sorted({model.type_name() for model in documents()} - {""})
    bodies = {f"a new document of doc_type {name!r}": {"doc_type": name} for name in types}
    user = conf.get("SYNC_GATEWAY_USER") or ""
    warnings = []
    for what, body in {"an empty document": {}, **bodies}.items():
        try:
            syncfunction.try_out(source, body)
            reason = syncfunction.try_out(source, body, Reader(user, ADMIN.channels))
        except ImproperlyConfigured:
            return []
        except GatewayError as error:
            raise FunctionFileError(
                f"{path}: not deployed, the database is as it was. For {what}: {error.reason}."
            ) from error
        if body and reason == _WRONG_USER:
            warnings.append(f"{path.name} does not let your site write {what}. {_let_in(user)}")
    return warnings


def _let_in(user: str) -> str:
    if not user:
        return "Set SYNC_GATEWAY_USER, and let that user in by requireUser()."
    return f"If it is to, let {user!r} (SYNC_GATEWAY_USER) in by requireUser()."
