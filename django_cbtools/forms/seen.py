"""A signed text with the revision and values of a document that a form has shown.

The form sends back the revision and the JSON that it has shown. Without the signature, a client
could pretend that nobody else has changed anything. The signature is valid for one document only.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.core import signing

from django_cbtools.models import CouchbaseModel
from django_cbtools.models.uids import new_uid

_SALT = "django_cbtools.forms"


class Seen(NamedTuple):
    """The revision that a form has shown, and the JSON of its fields by their keys."""

    rev: str | None
    values: dict[str, Any]
    #: The JSON that nested forms were made from, by key, if it is older than the document.
    older: dict[str, Any]


def sign(document: Any, values: dict[str, Any], older: dict[str, Any] | None = None) -> str:
    """Return a signed text that :func:`read` reads."""
    return signing.dumps([document.rev, values, older or {}], salt=_salt(document), compress=True)


def read(document: Any, text: Any, uid: str | None = None) -> Seen | None:
    """Return the revision and values that a form of the document has shown, or None if the text is
    not valid. ``uid`` names another document of the class."""
    found = _read(text, _salt(document, uid))
    return None if found is None else Seen(*found)


def sign_uid(document: Any) -> str | None:
    """Return a signed text with a uid for a new document, so that a form that is sent twice creates
    only one. None if the class makes its own uids."""
    is_free = document.uid is None and type(document).get_uid is CouchbaseModel.get_uid
    return signing.dumps(new_uid(document.uid_prefix), salt=_salt(document)) if is_free else None


def read_uid(document: Any, text: Any) -> str | None:
    """Return the uid that :func:`sign_uid` has chosen, or None."""
    uid: str | None = _read(text, _salt(document)) if document.uid is None else None
    return uid


def _salt(document: Any, uid: str | None = None) -> str:
    # A new document has no uid yet.
    return f"{_SALT} {document._meta.label} {uid or document.uid or ''}"


def _read(text: Any, salt: str) -> Any:
    try:
        return signing.loads(text, salt=salt) if isinstance(text, str) else None
    except signing.BadSignature:
        return None
