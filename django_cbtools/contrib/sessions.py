"""Django's sessions in documents: ``SESSION_ENGINE = "django_cbtools.contrib.sessions"``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.core.exceptions import ImproperlyConfigured
from django.core.signing import JSONSerializer

from . import entries
from .entries import GONE, Entry

#: The prefix of the uids of sessions, and their doc_type.
PREFIX, DOC_TYPE = "dsession_", "django_session"


class SessionStore(SessionBase):
    """A session whose data is a document at the gateway.

    The document is in no channel, so that no phone gets it. The data is JSON, signed with
    SECRET_KEY. Documents that somebody else has written are ignored. The uid is a digest of the
    session key, so documents do not reveal the key.

    Raises SyncGatewayException if the gateway fails.
    """

    #: For system checks: it needs a place for documents.
    keeps_documents = True
    #: The entry that was read, by its uid, if it has not been written since.
    _there: Mapping[str, Entry] = {}

    if TYPE_CHECKING:

        def _get_new_session_key(self) -> str: ...
        def _get_or_create_session_key(self) -> str: ...
        def _get_session(self, no_load: bool = False) -> dict[str, Any]: ...

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        if not issubclass(self.serializer, JSONSerializer):
            raise ImproperlyConfigured(
                "Sessions in documents are JSON: SESSION_SERIALIZER has to be "
                "'django.contrib.sessions.serializers.JSONSerializer', or a subclass of it."
            )

    @staticmethod
    def _uid(session_key: str) -> str:
        return PREFIX + hashlib.sha256(session_key.encode("utf-8", "surrogatepass")).hexdigest()

    def _read(self, session_key: str | None) -> Entry | None:
        uid = None if session_key is None else self._uid(session_key)
        return None if uid is None else entries.read([uid]).get(uid)

    def load(self) -> dict[str, Any]:
        entry = self._read(self.session_key)
        if entry is None or not entry.is_live:
            self._session_key = None
            return {}
        self._there = {self._uid(str(self.session_key)): entry}
        return self.decode(str(entry.body.get("data")))

    def exists(self, session_key: str | None) -> bool:
        return self._read(session_key) is not None

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Save the session as Django does. Raise CreateError if ``must_create`` is true and the key
        exists, and UpdateError if the session has been deleted."""
        if self.session_key is None:
            self.create()
            return
        data = self._get_session(no_load=must_create)
        # Loading may have found that the session key does not exist, and removed it.
        uid = self._uid(self._get_or_create_session_key())
        expires = self.get_expiry_date().timestamp()

        def decide(uid: str, entry: Entry | None) -> Mapping[str, Any]:
            if must_create and entry is not None:
                raise CreateError
            if not must_create and entry is None:
                raise UpdateError
            return entries.body(DOC_TYPE, expires, data=self.encode(data))

        there, self._there = self._there, {}
        entries.write([uid], decide, there if must_create or uid in there else None)

    def delete(self, session_key: str | None = None) -> None:
        key = self.session_key if session_key is None else session_key
        if key is not None:
            entries.write([self._uid(key)], lambda uid, entry: None if entry is None else GONE)

    @classmethod
    def clear_expired(cls) -> None:
        """Delete expired sessions that the gateway has not deleted yet, in batches."""
        for found in entries.listed(PREFIX, bodies=True):
            entries.remove({uid: entry for uid, entry in found.items() if not entry.is_live})
