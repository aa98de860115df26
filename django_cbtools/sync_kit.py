"""Helpers for tests of sync functions: the users who may write and read a document, and its
channels."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import transaction

from django_cbtools import conf
from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayForbidden,
)
from django_cbtools.sync_gateway import SyncGateway, keyspaces
from django_cbtools.sync_gateway.calls.client import ADMIN, loads, quote_uid, request

_numbers = itertools.count()


class Verdict:
    """The result of a check. It is true if the action is allowed; ``reason`` says why not."""

    def __init__(self, is_allowed: bool, what: str, reason: str = "") -> None:
        self._is_allowed = is_allowed
        self._what = what
        self.reason = reason

    def __bool__(self) -> bool:
        return self._is_allowed

    def __repr__(self) -> str:
        return f"<{self._what}: {'yes' if self else f'no, {self.reason}'}>"


class SyncFunction:
    """A sync function at the embedded gateway, for tests. Nothing stays written.

    Documents are dictionaries, in which ``_id`` is the uid. ``old`` is the previous document.
    ``keyspace`` is the ``"scope.collection"`` of the function; None is the default one.

    Raises SyncGatewayNotFound if the database does not have the collection.
    """

    def __init__(self, source: str, keyspace: str | None = None) -> None:
        self._keyspace = keyspaces.checked(keyspace)
        SyncGateway.put_sync_function(source, self._keyspace)

    def as_user(
        self, name: str, channels: Sequence[str] = (), roles: Mapping[str, Sequence[str]] | Any = ()
    ) -> SyncUser:
        """Return a user with these channels and roles, in this keyspace.

        ``roles`` are names, or a dictionary of names and their channels.
        """
        for role in roles:
            of_role = roles[role] if isinstance(roles, Mapping) else ()
            SyncGateway.put_role(role, **self._granted(of_role))
        password = f"password-{next(_numbers)}"
        granted = self._granted(channels)
        SyncGateway.put_user(name, password=password, admin_roles=list(roles), **granted)
        return SyncUser(name, password, self._keyspace)

    def _granted(self, channels: Sequence[str]) -> dict[str, Any]:
        """Return the options that give a user or a role channels in this keyspace."""
        if self._keyspace is None:
            return {"admin_channels": channels}
        return {"access": {self._keyspace: channels}}

    def routes(
        self, document: Mapping[str, Any], old: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Return the channels that the function assigns a document to, sorted."""
        channels = self._decided(document, old).get("channels") or {}
        # A channel that the document has left is listed with the revision that left it.
        return sorted(name for name, left in channels.items() if left is None)

    def grants(
        self, document: Mapping[str, Any], old: Mapping[str, Any] | None = None
    ) -> dict[str, list[str]]:
        """Return the channels that a document grants, by the user's name.

        The name of a role is preceded by ``role:``.
        """
        opened = self._decided(document, old).get("access") or {}
        return {name: sorted(channels) for name, channels in opened.items()}

    def _decided(
        self, document: Mapping[str, Any], old: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        """Return the gateway's metadata of the document, written by an administrator."""
        with _tried(document, old, self._keyspace) as (uid, body):
            _put(uid, body)
            found = loads(request(ADMIN, "GET", "_raw", quote_uid(uid), uid=uid))
        metadata: dict[str, Any] = found["_xattrs"]["_sync"]
        return metadata


class SyncUser:
    """A user of the gateway, to check what the sync function allows them."""

    def __init__(self, name: str, password: str, keyspace: str | None) -> None:
        self._name, self._keyspace = name, keyspace
        self._client = SyncGateway.as_user(name, password).in_keyspace(keyspace)

    def __repr__(self) -> str:
        return f"<user {self._name!r}>"

    def can_write(
        self, document: Mapping[str, Any], old: Mapping[str, Any] | None = None
    ) -> Verdict:
        """Return whether the user may write a document, as a :class:`Verdict`.

        ``reason`` is the sync function's own message. Raises SyncGatewayException if the function
        fails (by an exception other than ``throw({forbidden: ...})``, or because it does not end).
        """
        what = f"{self._name} can write"
        with _tried(document, old, self._keyspace) as (uid, body):
            try:
                self._client.save_json(uid, body)
            except SyncGatewayForbidden as error:
                return Verdict(False, what, error.reason or str(error))
        return Verdict(True, what)

    def can_read(self, document: Mapping[str, Any]) -> Verdict:
        """Return whether the user may read a document that an administrator has written."""
        what = f"{self._name} can read"
        with _tried(document, None, self._keyspace) as (uid, body):
            _put(uid, body)
            (row,) = self._client.all_docs([uid])["rows"]
        return Verdict("doc" in row, what, row.get("reason") or row.get("error") or "")


def _put(uid: str, body: Mapping[str, Any]) -> str:
    """Write a document as an administrator, whom ``requireUser`` never refuses, and return its
    revision."""
    rev: str = loads(request(ADMIN, "PUT", quote_uid(uid), body=body, uid=uid))["rev"]
    return rev


@contextlib.contextmanager
def _tried(
    document: Mapping[str, Any], old: Mapping[str, Any] | None, keyspace: str | None
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the uid and the body of a document, after its old version was written. Everything is
    rolled back at the end."""
    uid = str(document.get("_id") or (old or {}).get("_id") or f"document-{next(_numbers)}")
    body = {key: value for key, value in document.items() if key != "_id"}
    with transaction.atomic(using=conf.gateway_alias()), keyspaces.inside(keyspace):
        try:
            if old is not None:
                before = {key: value for key, value in old.items() if key != "_id"}
                try:
                    body["_rev"] = _put(uid, before)
                except (SyncGatewayForbidden, SyncGatewayBadRequest) as error:
                    raise SyncGatewayException(
                        f"The old document is refused, even from an administrator: {error}"
                    ) from error
            yield uid, body
        finally:
            transaction.set_rollback(True, using=conf.gateway_alias())
