"""Signatures of users and groups, so that documents that somebody else has written are not trusted.

A gateway lets phones write everything that its sync function does not refuse. So the library signs
these documents, and the key documents of their names, with SECRET_KEY whenever it writes them.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.signing import BadSignature, Signer
from django.utils.translation import gettext_lazy as _

from django_cbtools import canonical
from django_cbtools.exceptions import CouchbaseModelError, shown
from django_cbtools.models.document import DOC_TYPE
from django_cbtools.models.fields import values
from django_cbtools.models.writing.sealing import Sealing
from django_cbtools.models.writing.unique_keys import KEY_TYPE

logger = logging.getLogger(__name__)

#: The member of a document that has its signature.
SIGNATURE = "signature"
_SALT = "django_cbtools.contrib.auth.signing"


class Unsigned(CouchbaseModelError, BadSignature):
    """Saving a document without a valid signature was refused, since it would sign the document."""


class Signed(Sealing):
    """A mixin of document classes whose documents are signed with SECRET_KEY.

    Signatures are verified with SECRET_KEY or one of SECRET_KEY_FALLBACKS.
    """

    #: The signed fields, besides doc_type and uid: all fields that decide on rights.
    signed_fields: ClassVar[Sequence[str]] = ()
    #: The values of fields in a document without a valid signature.
    without_rights: ClassVar[Mapping[str, Any]] = {}
    #: The revision that the next save signs, even if somebody else has written it.
    _vouched: str | None = None

    if TYPE_CHECKING:
        _meta: ClassVar[Any]
        _base: dict[str, Any]
        uid: Any
        rev: Any
        extra: dict[str, Any]

        def get_uid(self) -> str: ...

    def _become(self, uid: str, rev: str, document: Mapping[str, Any], *args: Any) -> None:
        super()._become(uid, rev, document, *args)  # type: ignore[misc]
        # The signature belongs to the document as it was loaded, not to the program's changes.
        self.extra.pop(SIGNATURE, None)
        if not self._counts(uid, document):
            for name, nothing in self.without_rights.items():
                setattr(self, name, copy(nothing))

    def to_dict(self) -> dict[str, Any]:
        body: dict[str, Any] = super().to_dict()  # type: ignore[misc]
        loaded = self._base.get(SIGNATURE)
        return body if loaded is None else {**body, SIGNATURE: loaded}

    @admin.display(boolean=True, description=_("signed"))
    def is_signed(self) -> bool:
        """Return whether the site has written the document, as it was loaded or saved."""
        return self._is_own()

    def vouch(self) -> None:
        """Let the next save sign the document, whoever has written it.

        Look at the whole document before. Set again what is ignored without a signature: whether a
        user is active, the password, and the rights.
        """
        # Nothing that was loaded is trusted, not even that the name belongs to this user.
        self._vouched, self._base = self.rev, {}

    vouch.alters_data = True  # type: ignore[attr-defined]

    @classmethod
    def _seal(cls, uid: str, body: dict[str, Any]) -> dict[str, Any]:
        text = cls._text(uid, body)
        # A body that is no JSON is refused when it is sent.
        return body if text is None else {**body, SIGNATURE: Signer(salt=_SALT).signature(text)}

    @classmethod
    def _counts(cls, uid: str, body: Mapping[str, Any]) -> bool:
        text, signature = cls._text(uid, body), body.get(SIGNATURE)
        if text is not None and isinstance(signature, str) and signature.isascii():
            try:
                Signer(salt=_SALT).unsign(f"{text}:{signature}")
            except BadSignature:
                pass
            else:
                return True
        logger.warning(
            "Document %s has no valid signature, and counts for nothing: somebody else has written "
            "it, or SECRET_KEY has changed.",
            shown(str(uid)),
        )
        return False

    def before_delete(self) -> None:
        super().before_delete()  # type: ignore[misc]
        # Somebody else may have put the document into channels, and then it could not be saved as
        # deleted.
        self.channels: list[str] = []

    def _check_origin(self) -> None:
        if self.rev is None or self.rev == self._vouched or self.is_signed():
            return
        raise Unsigned(
            f"Document {shown(str(self.uid))} has no valid signature: somebody else has written "
            "it, or SECRET_KEY has changed. It is not saved, which would sign it. Delete it, or "
            "call its vouch() before save() where all that it says is right."
        )

    def _sealed(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            self._check_origin()
        except Unsigned:
            if body.get("st_deleted") is True:
                return body  # it is deleted, and still counts for nothing
            raise
        return self._seal(self.get_uid(), body)

    @classmethod
    def _text(cls, uid: Any, body: Mapping[str, Any]) -> str | None:
        """Return the text that is signed, or None if the document cannot be signed."""
        doc_type = body.get(DOC_TYPE)
        if doc_type == KEY_TYPE:
            keys = {"owner", "claimed"}
        else:
            keys = {values.json_key(cls._meta.get_field(name)) for name in cls.signed_fields}
        signed = {key: body[key] for key in keys if key in body}
        try:
            text = canonical.dumps(_plain([doc_type, uid, signed]))
            text.encode()  # half a surrogate pair has no bytes to be signed
        except (TypeError, ValueError, RecursionError):
            return None
        return text


def _plain(value: Any) -> Any:
    """Return JSON with its numbers in one notation, so that equal documents have equal
    signatures."""
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return int(value) if value.is_integer() else float(value)
    return value
