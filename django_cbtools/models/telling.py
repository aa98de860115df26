"""Error messages about documents. They name the document, its class, and the next step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from django_cbtools.exceptions import SyncGatewayConflict, SyncGatewayException, shown
from django_cbtools.sync_gateway.documents.documents import row_exception

from .document import DocumentJSON


def instance_of(document: Any) -> Any:
    """Return the instance of a document, or of the description of its write."""
    return document if isinstance(document, DocumentJSON) else document.document


@contextlib.contextmanager
def told_of(model: type[Any], uid: Any) -> Iterator[None]:
    """Add the class of a document to errors of the gateway about it."""
    try:
        yield
    except SyncGatewayException as error:
        say_class(error, model, uid)
        raise


def say_class(error: SyncGatewayException, model: type[Any], uid: Any) -> None:
    """Begin an error's message with the document's class, if the error is about this document."""
    if error.uid and error.uid == uid and not str(error).startswith(f"{model.__name__} "):
        about = f"{error}".removeprefix(f"document {shown(error.uid)}: ")
        error.args = (f"{named(model, uid)}: {about}",)


def named(model: type[Any], uid: Any) -> str:
    return f"{model.__name__} document {shown(str(uid))}"


def conflict(model: type[Any], uid: str, reason: str) -> SyncGatewayConflict:
    """Return the exception for a conflict that is detected before the write is sent."""
    return SyncGatewayConflict(
        f"{named(model, uid)}: {reason}. Load it again, apply the change, and save.",
        status=409,
        error="conflict",
        reason=reason,
        uid=uid,
    )


def missing(document: Any, uid: Any, message: str) -> Exception:
    """Return the DoesNotExist exception of a document's class."""
    error: Exception = document.DoesNotExist(
        message, status=404, error="not_found", reason="missing", uid=uid
    )
    return error


def row_error(document: Any, row: Mapping[str, Any]) -> Exception:
    """Return the exception for a row with an error. ``document`` is an instance of the expected
    class."""
    uid, name = row.get("key"), type(document).__name__
    # Status 400 means that the text cannot be a uid.
    if row.get("status", 404) in (400, 404):
        return missing(
            document,
            uid,
            f"There is no document {shown(str(uid))} of class {name}. Look at the uid: it may have "
            "been deleted, or have expired.",
        )
    error = row_exception(str(uid), row)
    say_class(error, type(document), str(uid))
    return error
