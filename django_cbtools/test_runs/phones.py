"""Phones for tests, which push documents, and the delivery of changes to receivers."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from django_cbtools.canonical import generation
from django_cbtools.following.database import end
from django_cbtools.following.delivery import Delivery, Failure, made_by_us
from django_cbtools.following.sources import followed
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import PUBLIC, loads, request
from django_cbtools.sync_gateway.documents.documents import row_exception
from django_cbtools.sync_gateway.feed.change import Change

#: The number of times that receivers may write documents because of their own writes.
_ROUNDS = 50


class CapturedChanges:
    """The object that :func:`django_cbtools.tests.capture_changes` yields.

    ``changes`` is a list of the changes that receivers have been called with so far, in order.
    """

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self._since = {keyspace: end(keyspace) for keyspace in followed()}

    def phone_saves(self, document: Mapping[str, Any], keyspace: str | None = None) -> str:
        """Push a document as a phone does, on top of the stored one. Returns the new revision.

        ``_id`` in the document is its uid; without it, a new one is made. ``keyspace`` is the
        collection, if it is not the default one.

        Raises the gateway's exception if it refuses the document, such as SyncGatewayForbidden if
        the sync function does.
        """
        uid = document.get("_id") or uuid.uuid4().hex
        (row,) = SyncGateway.in_keyspace(keyspace).bulk_get([uid])
        parent = row["value"]["rev"] if "doc" in row else ""
        digest = secrets.token_hex(16)
        start = generation(parent) + 1
        ids = [digest, parent.partition("-")[2]] if parent else [digest]
        pushed = {**document, "_id": uid, "_rev": f"{start}-{digest}",
                  "_revisions": {"start": start, "ids": ids}}  # fmt: skip
        body = {"new_edits": False, "docs": [pushed]}
        rows = loads(request(PUBLIC, "POST", "_bulk_docs", body=body, keyspace=keyspace))
        for refused in rows:
            if "error" in refused:
                raise row_exception(uid, refused)
        return f"{start}-{digest}"

    def phone_deletes(self, uid: str, keyspace: str | None = None) -> str:
        """Push a tombstone, as a phone does to delete a document. Returns its revision."""
        return self.phone_saves({"_id": uid, "_deleted": True}, keyspace)

    def deliver(self) -> None:
        """Call receivers with the changes so far, and with the changes that receivers make.

        Raises the first exception of a receiver after all have been called, and AssertionError if
        receivers never stop writing.
        """
        deliveries = {keyspace: Delivery(keyspace=keyspace) for keyspace in self._since}
        failures: list[Failure] = []
        for _ in range(_ROUNDS):
            found = len(self.changes)
            for keyspace, delivery in deliveries.items():
                failures += self._deliver(keyspace, delivery)
            if len(self.changes) == found:
                break
        else:
            raise AssertionError(
                "Receivers of cb_changed write documents whenever they are told of one, without "
                "end. Let them leave changes alone that are by_us, or that need no change."
            )
        if failures:
            raise failures[0].error

    def _deliver(self, keyspace: str | None, delivery: Delivery) -> list[Failure]:
        """Deliver the changes in a keyspace, and return the failures of receivers."""
        gateway = SyncGateway.in_keyspace(keyspace)
        feed = gateway.changes(self._since[keyspace], include_docs=True, request_plus=True)
        changes = list(feed)
        self._since[keyspace] = feed.since
        self.changes += changes
        ours = made_by_us(changes, keyspace)
        return [
            failure
            for change in changes
            for failure in delivery.hand_on(change, (change.uid, change.rev) in ours)
        ]
