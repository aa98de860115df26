"""A follower's notes at the gateway. They are local documents, which phones do not replicate and
whose names nobody can guess.

Any user of a gateway can read and write a local document if they know its name
(16-local-docs.json). So the names contain a signature with SECRET_KEY. After that setting has
changed, SECRET_KEY_FALLBACKS is used to find them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

from django.conf import settings
from django.utils.crypto import salted_hmac

from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayNotFound,
)
from django_cbtools.sync_gateway import keyspaces
from django_cbtools.sync_gateway.calls.client import PUBLIC, loads, request

_SALT = "django_cbtools.following"
_ATTEMPTS = 3


class Note:
    """A local document of a follower, by kind, name and keyspace.

    A gateway deletes it if nobody has read or written it for 90 days (its
    ``local_doc_expiry_secs``).
    """

    def __init__(self, kind: str, name: str, keyspace: str | None = None) -> None:
        self._inside = partial(keyspaces.inside, keyspace)
        self._keys = [
            f"cbtools-{kind}-"
            + salted_hmac(_SALT, f"{kind}\0{name}", secret, algorithm="sha256").hexdigest()
            for secret in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        ]
        self._rev: str | None = None
        #: The stamps of writes whose answers were lost.
        self._lost: set[str] = set()

    def read(self) -> dict[str, Any] | None:
        """Return the contents of the note, or None if it does not exist."""
        for key in self._keys:
            try:
                with self._inside():
                    found: dict[str, Any] = loads(request(PUBLIC, "GET", "_local", key))
            except SyncGatewayNotFound as error:
                if error.reason != "missing":
                    raise  # it is the database that is not there
                continue
            self._rev = found.pop("_rev") if key == self._keys[0] else None
            return found
        self._rev = None
        return None

    def write(self, body: Mapping[str, Any]) -> None:
        """Replace the note as it was last read or written.

        Raises SyncGatewayConflict if somebody else has written it in between, and
        SyncGatewayUnavailable if the gateway does not answer; the write may have been done then.
        """
        for _ in range(_ATTEMPTS):
            before, stamp = self._rev, uuid.uuid4().hex
            stamped = {**body, "stamp": stamp}
            if before is not None:
                stamped["_rev"] = before
            try:
                with self._inside():
                    answer = loads(request(PUBLIC, "PUT", "_local", self._keys[0], body=stamped))
            except SyncGatewayAnswerLost as error:
                self._lost.add(stamp)
                failure: SyncGatewayException = error
            except SyncGatewayConflict as error:
                if not self._lost:
                    raise
                failure = error
            else:
                self._rev = answer["rev"]
                self._lost.clear()
                return
            found = (self.read() or {}).get("stamp")
            if found == stamp:
                self._lost.clear()
                return
            # It may be an earlier write of this object, whose answer was lost.
            if self._rev != before and found not in self._lost:
                self._rev = before
                reason = "somebody else has written it in between"
                raise SyncGatewayConflict(
                    f"A local document is not written: {reason}.",
                    status=409, error="conflict", reason=reason,
                ) from failure  # fmt: skip
        raise failure
