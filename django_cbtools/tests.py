"""What programs import in their own tests."""

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
    """Delete all documents, of whatever type, from a database that is there for tests; also from
    the collections that SYNC_GATEWAY_DATABASE names.

    Raises ImproperlyConfigured unless the bucket's name has ``test`` in it, or the documents are
    in what was made for tests: Django's test database, or the gateway in place of a real one.
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
    """Deploy the project's views, as ``manage.py create_cb_views`` does, without a word."""
    call_command("create_cb_views", verbosity=0)


def sync_function(source: str | Path | None = None, keyspace: str | None = None) -> SyncFunction:
    """A sync function, to be asked who may write what: see :class:`SyncFunction`.

    ``source`` is JavaScript, or the path of a file; without it, it is the file of the keyspace
    (``"scope.collection"``, None for the default one) beside ``manage.py``. It stays at the
    embedded gateway until the test's transaction is rolled back.
    Raises SyncGatewayBadRequest, with the line, where it does not compile.
    """
    keyspace = keyspaces.checked(keyspace)
    if source is None:
        source = files().get(keyspace)
        if source is None:
            raise FunctionFileError(f"There is no {file_name(keyspace)} beside manage.py.")
    return SyncFunction(read(source) if isinstance(source, Path) else source, keyspace)


class SyncFunctionTestCase(TestCase):
    """A TestCase that asks a sync function: ``self.as_user("alice", ["a"]).can_write({...})``.

    ``source`` and ``keyspace`` are as :func:`sync_function` takes them.
    """

    source: ClassVar[str | Path | None] = None
    keyspace: ClassVar[str | None] = None
    databases: Any = "__all__"

    def setUp(self) -> None:
        super().setUp()
        self.sync_function = sync_function(self.source, self.keyspace)

    def as_user(self, name: str, channels: Sequence[str] = (), roles: Any = ()) -> SyncUser:
        """A user with channels and roles."""
        return self.sync_function.as_user(name, channels, roles)

    def routes(self, document: Mapping[str, Any], old: Any = None) -> list[str]:
        """The channels that a document goes to, sorted."""
        return self.sync_function.routes(document, old)


@contextmanager
def capture_changes() -> Generator[CapturedChanges, None, None]:
    """Tell receivers of ``cb_changed`` and ``cb_removed`` of what is written inside, at the end.

    ::

        with capture_changes() as captured:
            captured.phone_saves({"_id": "insp_1", "doc_type": "inspection", "channels": ["a"]})
        self.assertEqual(len(mail.outbox), 1)

    No thread and no command is needed: they are called in the test. ``captured.deliver()`` calls
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
