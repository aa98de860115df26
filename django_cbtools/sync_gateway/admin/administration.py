"""Methods about the database: its configuration, sync function and state."""

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
        """Return information about the database: ``state``, ``update_seq`` and more.

        Raises SyncGatewayNotFound if the database does not exist.
        """
        return _object(request(ADMIN, "GET", ""))

    @staticmethod
    def database_state() -> str:
        """Return the state of the database, such as ``"Online"``, ``"Offline"`` or ``"Resyncing"``.

        Raises SyncGatewayNotFound if the database does not exist.
        """
        return str(Administration.get_database().get("state"))

    @staticmethod
    def create_database(config: Mapping[str, Any]) -> None:
        """Create the database with this configuration.

        Raises SyncGatewayException with status 412 if the database exists already.
        """

        def is_done() -> bool:
            try:
                return bool(Administration.get_database())
            except SyncGatewayException:
                return False

        done_once(lambda: request(ADMIN, "PUT", "", body=dict(config)), is_done)

    @staticmethod
    def get_config() -> dict[str, Any]:
        """Return the configuration that the database was given."""
        return _object(request(ADMIN, "GET", "_config"))

    @staticmethod
    def update_config(config: Mapping[str, Any]) -> None:
        """Change the options in ``config``. The database keeps its other options."""
        done_once(lambda: request(ADMIN, "POST", "_config", body=dict(config)))

    @staticmethod
    def get_sync_function(keyspace: str | None = None) -> str:
        """Return the source of the sync function, or an empty string for the gateway's default."""
        keyspace = keyspace or current()
        return request(ADMIN, "GET", "_config", "sync", keyspace=keyspace, accept="*/*").text

    @staticmethod
    def put_sync_function(source: str, keyspace: str | None = None) -> None:
        """Set the sync function. An empty ``source`` restores the gateway's default.

        Documents that exist already stay in their channels until they are written again, or until
        :meth:`start_resync`.

        Raises SyncGatewayBadRequest, with the line number, if the source does not compile. Nothing
        is changed then.
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
        """Take the database offline. No client can read or write until :meth:`bring_online`."""
        done_once(lambda: request(ADMIN, "POST", "_offline"))

    @staticmethod
    def bring_online() -> None:
        """Bring the database online again. It may take a moment until ``state`` is ``"Online"``."""
        done_once(lambda: request(ADMIN, "POST", "_online", body={}))

    @staticmethod
    def start_resync(
        keyspaces: Iterable[str | None] | None = None, *, regenerate_sequences: bool = False
    ) -> dict[str, Any]:
        """Run the sync functions on all documents, or on those of ``keyspaces``.

        The database must be offline. ``regenerate_sequences`` gives each document a new sequence,
        so that it appears in the change feed again.

        Returns the status, as :meth:`get_resync`. Raises SyncGatewayUnavailable if the database is
        not offline.
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
        """Stop a resync. Documents that it has not processed yet stay as they are.

        Returns the status, as :meth:`get_resync`. Raises SyncGatewayBadRequest if no resync is
        running.
        """
        return _object(request(ADMIN, "POST", "_resync", query={"action": "stop"}))

    @staticmethod
    def get_resync() -> dict[str, Any]:
        """Return the status of the resync, as a dictionary.

        ``status`` is ``"running"``, ``"completed"``, ``"stopping"``, ``"stopped"`` or ``"error"``.
        There are also ``docs_processed``, ``docs_changed``, ``last_error`` and more.
        """
        return _object(request(ADMIN, "GET", "_resync"))

    @staticmethod
    def purge(uids: Iterable[str]) -> list[str]:
        """Remove documents with all revisions and tombstones.

        Phones are not notified: they keep their copies, and push them again if they change them.
        Use :meth:`delete_document` for documents that phones must remove, too.

        Returns the uids of the documents that existed.
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
