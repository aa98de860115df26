"""The gateway's database itself: its configuration, its sync function, its state."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django_cbtools.exceptions import SyncGatewayException

from ..calls.client import ADMIN, loads, request
from ..calls.matching import other
from ..documents.documents import texts
from ..keyspaces import current, nested
from .principals import done_once

_JAVASCRIPT = {"Content-Type": "application/javascript"}


class Administration:
    """The part of :class:`SyncGateway` that is about the database; it goes through the admin API.

    A ``keyspace`` is ``"scope.collection"``; without one, it is the default collection.
    """

    @staticmethod
    def get_database() -> dict[str, Any]:
        """What the gateway says of the database: ``state``, ``update_seq``, ...;
        SyncGatewayNotFound where there is none."""
        return _object(request(ADMIN, "GET", ""))

    @staticmethod
    def database_state() -> str:
        """The database's state: ``"Online"``, ``"Offline"``, ``"Resyncing"``, ``"Starting"``, ...;
        SyncGatewayNotFound where there is none."""
        return str(Administration.get_database().get("state"))

    @staticmethod
    def create_database(config: Mapping[str, Any]) -> None:
        """Make the database; SyncGatewayException with status 412 where there is one."""

        def is_done() -> bool:
            try:
                return bool(Administration.get_database())
            except SyncGatewayException:
                return False

        done_once(lambda: request(ADMIN, "PUT", "", body=dict(config)), is_done)

    @staticmethod
    def get_config() -> dict[str, Any]:
        """The database's configuration, as it was given."""
        return _object(request(ADMIN, "GET", "_config"))

    @staticmethod
    def update_config(config: Mapping[str, Any]) -> None:
        """Change what ``config`` has of the database's configuration, and keep the rest."""
        done_once(lambda: request(ADMIN, "POST", "_config", body=dict(config)))

    @staticmethod
    def get_sync_function(keyspace: str | None = None) -> str:
        """The sync function in JavaScript, empty where it is the gateway's own."""
        keyspace = keyspace or current()
        return request(ADMIN, "GET", "_config", "sync", keyspace=keyspace, accept="*/*").text

    @staticmethod
    def put_sync_function(source: str, keyspace: str | None = None) -> None:
        """Give the database a sync function, an empty one for the gateway's own.

        SyncGatewayBadRequest, with the line, where it does not compile: nothing has changed then.
        Documents that are there stay in their channels until they are written, or until
        :meth:`start_resync`.
        """
        keyspace = keyspace or current()

        def write() -> None:
            if source:
                request(
                    ADMIN, "PUT", "_config", "sync",
                    keyspace=keyspace, body=source.encode(), headers=_JAVASCRIPT,
                )  # fmt: skip
            else:
                request(ADMIN, "DELETE", "_config", "sync", keyspace=keyspace)

        done_once(write)

    @staticmethod
    def take_offline() -> None:
        """Take the database offline: nobody reads or writes until :meth:`bring_online`."""
        done_once(lambda: request(ADMIN, "POST", "_offline"))

    @staticmethod
    def bring_online() -> None:
        """Bring the database online again; it may take a moment until ``state`` says so."""
        done_once(lambda: request(ADMIN, "POST", "_online", body={}))

    @staticmethod
    def start_resync(
        keyspaces: Iterable[str | None] | None = None, *, regenerate_sequences: bool = False
    ) -> dict[str, Any]:
        """Run the sync functions over all documents, or those of some keyspaces; what
        :meth:`get_resync` says then.

        The database has to be offline: SyncGatewayUnavailable where it is not.
        ``regenerate_sequences`` gives all documents new places in the feed.
        """
        body: dict[str, Any] = {}
        if keyspaces is not None:
            scopes = nested((keyspace, None) for keyspace in keyspaces)
            body["scopes"] = {scope: list(collections) for scope, collections in scopes.items()}
        if regenerate_sequences:
            body["regenerate_sequences"] = True
        return _object(
            request(ADMIN, "POST", "_resync", query={"action": "start"}, body=body or None)
        )

    @staticmethod
    def stop_resync() -> dict[str, Any]:
        """Stop a resync; what :meth:`get_resync` says then. Documents that it has not come to stay
        as they are. SyncGatewayBadRequest where none is running."""
        return _object(request(ADMIN, "POST", "_resync", query={"action": "stop"}))

    @staticmethod
    def get_resync() -> dict[str, Any]:
        """How far a resync has come: ``status`` ("running", "completed", "stopping", "stopped",
        "error"), ``docs_processed``, ``docs_changed``, ``last_error``, ..."""
        return _object(request(ADMIN, "GET", "_resync"))

    @staticmethod
    def purge(uids: Iterable[str]) -> list[str]:
        """Remove documents with their revisions and tombstones, and return the uids of those that
        were there.

        Phones are not told: they keep their copies, and push them again where they change them.
        Use :meth:`delete_document` for what phones have to forget.
        """
        names = texts(uids, "uids")
        if not names:
            return []
        purged: dict[str, Any] = {}

        def write() -> None:
            response = request(ADMIN, "POST", "_purge", body={uid: ["*"] for uid in names})
            purged.update(_object(response).get("purged") or {})

        done_once(write)
        return [uid for uid in names if uid in purged]


def _object(response: Any) -> dict[str, Any]:
    found = loads(response)
    if not isinstance(found, dict):
        raise other(response, "it says nothing of a database")
    return found
