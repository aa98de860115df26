"""Helpers for the tests of a project."""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connections
from django.test import TestCase

from django_cbtools import conf
from django_cbtools.function_files import FunctionFileError, file_name, files, read
from django_cbtools.sync_gateway import SyncGateway, keyspaces
from django_cbtools.sync_gateway.documents.documents import row_exception
from django_cbtools.sync_kit import SyncFunction, SyncUser
from django_cbtools.test_runs.phones import CapturedChanges

_BATCH = 500


def clean_buckets() -> None:
    """Delete all documents of all types from a test database.

    Documents in the collections that SYNC_GATEWAY_DATABASE names are deleted, too.

    Raises ImproperlyConfigured unless the bucket has ``test`` in its name, or the documents are in
    Django's test database or at the embedded gateway that replaces a real one in tests.
    """
    bucket = conf.get("SYNC_GATEWAY_BUCKET")
    if "test" not in bucket and not _is_test_database():
        raise ImproperlyConfigured(
            f"Bucket {bucket!r} is not cleaned: its name (SYNC_GATEWAY_BUCKET) does not have "
            "'test' in it, and its documents are in no test database."
        )
    for keyspace in keyspaces.of_settings():
        with keyspaces.inside(keyspace):
            _clean()


def _clean() -> None:
    rows = SyncGateway.all_docs([], really_all=True)["rows"]
    doomed = [
        {"_id": row["id"], "_rev": row["value"]["rev"], "_deleted": True}
        for row in rows
        if not row["id"].startswith("_")
    ]
    for start in range(0, len(doomed), _BATCH):
        batch = doomed[start : start + _BATCH]
        for document, row in zip(batch, SyncGateway.bulk_docs(batch), strict=True):
            if "error" in row:
                raise row_exception(document["_id"], row)


def deploy_views() -> None:
    """Deploy the project's views, as ``manage.py create_cb_views``, without output."""
    call_command("create_cb_views", verbosity=0)


def sync_function(source: str | Path | None = None, keyspace: str | None = None) -> SyncFunction:
    """Return a :class:`SyncFunction`, which tells what a sync function allows.

    ``source`` is JavaScript or the path of a file. Without it, the file of the keyspace beside
    ``manage.py`` is used. ``keyspace`` is ``"scope.collection"``, or None for the default one. The
    embedded gateway keeps the function until the test's transaction is rolled back.

    Raises SyncGatewayBadRequest, with the line number, if the source does not compile.
    """
    keyspace = keyspaces.checked(keyspace)
    if source is None:
        source = files().get(keyspace)
        if source is None:
            raise FunctionFileError(f"There is no {file_name(keyspace)} beside manage.py.")
    return SyncFunction(read(source) if isinstance(source, Path) else source, keyspace)


class SyncFunctionTestCase(TestCase):
    """A TestCase for a sync function: ``self.as_user("alice", ["a"]).can_write({...})``.

    ``source`` and ``keyspace`` are the arguments of :func:`sync_function`.
    """

    source: ClassVar[str | Path | None] = None
    keyspace: ClassVar[str | None] = None
    databases: Any = "__all__"

    def setUp(self) -> None:
        super().setUp()
        self.sync_function = sync_function(self.source, self.keyspace)

    def as_user(self, name: str, channels: Sequence[str] = (), roles: Any = ()) -> SyncUser:
        """Return a user with these channels and roles, as :meth:`SyncFunction.as_user`."""
        return self.sync_function.as_user(name, channels, roles)

    def routes(self, document: Mapping[str, Any], old: Any = None) -> list[str]:
        """Return the channels that the function assigns a document to, sorted."""
        return self.sync_function.routes(document, old)


@contextmanager
def capture_changes() -> Generator[CapturedChanges, None, None]:
    """Send ``cb_changed`` and ``cb_removed`` for what is written in the block, at its end.

    ::

        with capture_changes() as captured:
            captured.phone_saves({"_id": "insp_1", "doc_type": "inspection", "channels": ["a"]})
        self.assertEqual(len(mail.outbox), 1)

    Receivers are called in the test, without a thread or a command. ``captured.deliver()`` calls
    them earlier. Raises what a receiver raises.
    """
    captured = CapturedChanges()
    yield captured
    captured.deliver()


def _is_test_database() -> bool:
    if conf.get("SYNC_GATEWAY_URL"):
        return conf.uses_test_gateway()
    connection = connections[conf.document_alias()]
    creation: Any = connection.creation
    return bool(connection.settings_dict["NAME"] == creation._get_test_db_name())
