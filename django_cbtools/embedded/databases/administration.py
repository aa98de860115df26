"""Creates, configures, flushes and drops databases. All but flushing takes one transaction."""

from __future__ import annotations

import base64
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from django.db import connections, transaction

from django_cbtools import conf

from ..database import OFFLINE, ONLINE, RESYNCING, Collection, Database
from ..documents import purge
from ..errors import GatewayError, missing
from ..principals import users
from . import configs, resync
from .config_checks import check, check_change
from .jobs import Job

#: An SQL expression for a database's bucket. Earlier versions stored none; then the bucket has the
#: database's name.
_BUCKET = "coalesce(nullif(bucket, ''), name)"
#: The tables with a column for the keyspace.
_BY_KEYSPACE = ("attachment_chunks", "attachments", "local", "revisions", "documents")
#: The tables with a column for the database's name.
_BY_NAME = ("users", "roles", "sessions", "grants", "replications")


def create(alias: str, name: str, config: Mapping[str, Any]) -> None:
    """Create a database.

    It contains the documents that are already in its bucket. If a database with the same name and
    bucket was dropped before, its users and roles return.

    Raises a GatewayError if the configuration is invalid (400 or 500), if the name is taken (412),
    or if another database uses one of its collections (409).
    """
    config = {**config, "name": name}
    check(config)
    config.setdefault("bucket", name)
    _insert(alias, name, config, configs.version("", config))


def ensure(alias: str) -> None:
    """Create the database that Django's settings name, unless it exists or was dropped.

    Of SYNC_GATEWAY_DATABASE, it gets the collections: documents need them before anyone has run
    ``create_sg_database``, which applies the rest. Raises a 400 GatewayError if they are invalid.
    """
    name = conf.get("SYNC_GATEWAY_BUCKET")
    settings = conf.get("SYNC_GATEWAY_DATABASE")
    config = {"scopes": settings["scopes"]} if settings.get("scopes") else {}
    # One transaction, since another process may do the same at the same time.
    with transaction.atomic(using=alias):
        with connections[alias].cursor() as cursor:
            dropped = f"{name}@"
            cursor.execute(
                "SELECT 1 FROM cbtools_databases WHERE name = %s OR substr(name, 1, %s) = %s",
                [name, len(dropped), dropped],
            )
            known = cursor.fetchone()
        if known is None:
            if config:
                check({**config, "name": name})
            _insert(alias, name, config, "")


def names(alias: str) -> list[str]:
    """Return the names of all databases in the SQLite file of a Django alias."""
    with connections[alias].cursor() as cursor:
        cursor.execute("SELECT name FROM cbtools_databases WHERE instr(name, '@') = 0 ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]


def configure(
    database: Database,
    change: Callable[[dict[str, Any]], dict[str, Any]],
    if_match: str = "",
) -> str:
    """Change a database's configuration, and return its new version.

    ``change`` takes the old configuration and returns the new one. ``if_match`` is the version that
    the caller expects, in double quotes ('': any).

    Raises a 412 GatewayError if that is not the current version, and another GatewayError if the
    new configuration is refused.
    """
    now = _now()
    with database.atomic():
        old, version = stored(Database.open(database.alias, database.name))
        if if_match and f'"{version}"' not in if_match:
            raise GatewayError(
                412, "Provided If-Match header does not match current config version"
            )
        new = change(dict(old))
        check_change(old, new)
        if new.setdefault("bucket", database.bucket) != database.bucket:
            raise missing()
        version = configs.version(version, new)
        database.execute(
            "UPDATE cbtools_databases SET config = %s, version = %s, state = %s, "
            "updated = %s, started = %s WHERE name = %s",
            [configs.dumps(new), version, _state(new), now, now, database.name],
        )
        changed = Database.open(database.alias, database.name)
        _refuse_shared(changed)
        _follow_documents(changed)
        _install_guest(changed)
    return version


def open_database(alias: str, name: str) -> Database | None:
    """Return the database called ``name``, or None if there is no such database.

    If the database was scheduled to go online and the time has come, this brings it online. Its
    state is RESYNCING while a resync is running.
    """
    database = Database.find(alias, name)
    if database is None or database.state == ONLINE:
        return database
    members = _wake(database).members
    due = members.get("at")
    # It is also due if the clock was set back to a time before it was scheduled.
    if due is not None and not members.get("beat", 0) <= time.time() < due:
        with database.atomic():
            if _wake(database).members.get("at") == due:
                set_offline(database, False)
        return Database.find(alias, name)
    return replace(database, state=RESYNCING) if resync.job(database).is_running else database


def set_offline(database: Database, offline: bool, delay: float = 0) -> None:
    """Take a database offline or bring it online.

    With a ``delay`` (seconds), the database goes online later. No thread waits for that: the first
    request after the delay brings it online (see :func:`open_database`).
    """
    with database.atomic():
        wake = _wake(database)
        if delay > 0:
            wake.keep(at=time.time() + delay)
            return
        if "at" in wake.members:
            wake.keep(at=None)
        configure(database, lambda config: {**config, "offline": offline})


def _wake(database: Database) -> Job:
    return Job(database, "online", {})


def flush(database: Database) -> None:
    """Empty a database's bucket: remove documents, users, roles and sessions.

    Design documents are kept. The other databases that use the bucket are emptied too.

    Documents are purged in several transactions. If that is interrupted, the other ones are still
    there with all that belongs to them. The last transaction removes everything else.
    """
    bucket = database.bucket
    inside = "(keyspace = %s OR substr(keyspace, 1, length(%s) + 1) = %s || '.')"
    rows = database.rows(
        f"SELECT keyspace, max(id) FROM cbtools_documents WHERE {inside} GROUP BY keyspace",
        [bucket] * 3,
    )
    for keyspace, newest in rows:
        collection = (
            Collection(*keyspace[len(bucket) + 1 :].split("."))
            if keyspace != bucket
            else Collection()
        )
        _purge_all(replace(database, collection=collection), newest)
    with database.atomic():
        for table in _BY_KEYSPACE:
            database.execute(f"DELETE FROM cbtools_{table} WHERE {inside}", [bucket] * 3)
        database.execute(
            "DELETE FROM cbtools_view_rows WHERE view IN "
            f"(SELECT id FROM cbtools_views WHERE {inside})",
            [bucket] * 3,
        )
        # An index update that is running must not write rows of the removed documents.
        database.execute(
            f"UPDATE cbtools_views SET sequence = 0, epoch = epoch + 1 WHERE {inside}", [bucket] * 3
        )
        sharing = f"SELECT name FROM cbtools_databases WHERE {_BUCKET} = %s"
        for table in _BY_NAME:
            database.execute(f"DELETE FROM cbtools_{table} WHERE database IN ({sharing})", [bucket])
        database.execute(
            "UPDATE cbtools_databases SET sequence = 0, source = %s, started = %s, jobs = '{}' "
            f"WHERE {_BUCKET} = %s",
            [_new_source(), _now(), bucket],
        )
        for name in names(database.alias):
            other = Database.open(database.alias, name)
            if other.bucket == bucket:
                _install_guest(other)


def _purge_all(database: Database, newest: int) -> None:
    """Purge all documents whose rows are not newer than ``newest``."""
    while rows := database.rows(
        "SELECT uid FROM cbtools_documents WHERE keyspace = %s AND id <= %s LIMIT %s",
        [database.keyspace, newest, purge.BATCH],
    ):
        purge.purge(database, [uid for (uid,) in rows])


def stored(database: Database) -> tuple[dict[str, Any], str]:
    """Return a database's stored configuration and its version."""
    config = configs.ordered({**database.config, "name": database.name, "bucket": database.bucket})
    version = database.value(
        "SELECT version FROM cbtools_databases WHERE name = %s", [database.name]
    )
    return config, str(version or configs.version("", config))


def times(database: Database) -> tuple[int, int]:
    """Return when a database was created and last configured, in microseconds since 1970."""
    row = database.row(
        "SELECT created, max(created, updated) FROM cbtools_databases WHERE name = %s",
        [database.name],
    )
    return (row[0], row[1]) if row else (0, 0)


def drop(database: Database) -> None:
    """Drop a database. Its documents stay in the bucket; its users return when it is recreated."""
    with database.atomic():
        database.execute(
            f"UPDATE cbtools_databases SET bucket = {_BUCKET} WHERE name = %s", [database.name]
        )
        _rename(database.alias, database.name, f"{database.name}@{database.bucket}")


def _insert(alias: str, name: str, config: Mapping[str, Any], version: str) -> None:
    with transaction.atomic(using=alias):
        if Database.find(alias, name) is not None:
            raise GatewayError(412, f'Duplicate database name "{name}"')
        bucket = config.get("bucket", name)
        with connections[alias].cursor() as cursor:
            cursor.execute(
                "SELECT name, source FROM cbtools_databases "
                f"WHERE {_BUCKET} = %s ORDER BY name = %s DESC LIMIT 1",
                [bucket, f"{name}@{bucket}"],
            )
            former, source = cursor.fetchone() or ("", _new_source())
            if former == f"{name}@{bucket}":
                _rename(alias, former, name)
            else:
                cursor.execute(
                    "INSERT INTO cbtools_databases (name, source, created) VALUES (%s, %s, 0)",
                    [name, source],
                )
            now = _now()
            cursor.execute(
                "UPDATE cbtools_databases SET bucket = %s, state = %s, config = %s, version = %s, "
                "created = %s, updated = %s, started = %s, jobs = '{}' WHERE name = %s",
                [bucket, _state(config), configs.dumps(config), version, now, now, now, name],
            )
        database = Database.open(alias, name)
        _refuse_shared(database)
        _follow_documents(database)
        _install_guest(database)


def _follow_documents(database: Database) -> None:
    """Adopt the documents in the bucket, which another database may have written.

    The database's sequences continue after theirs, and their grants become grants of this database.
    """
    keyspaces = [found.keyspace for found in database.all()]
    marks = ", ".join(["%s"] * len(keyspaces))
    database.execute(
        "UPDATE cbtools_databases SET sequence = max(sequence, (SELECT coalesce(max(sequence), 0) "
        f"FROM cbtools_documents WHERE keyspace IN ({marks}))) WHERE name = %s",
        [*keyspaces, database.name],
    )
    database.execute(
        "UPDATE OR REPLACE cbtools_grants SET database = %s "
        f"WHERE keyspace IN ({marks}) AND database <> %s",
        [database.name, *keyspaces, database.name],
    )


def _refuse_shared(database: Database) -> None:
    mine = _collections(database)
    for name in names(database.alias):
        shared = mine & _collections(Database.open(database.alias, name))
        if name != database.name and shared:
            raise GatewayError(
                409,
                "couldn't load database: Already exists: Collection(s) "
                f"[{' '.join(sorted(shared))}] already in use by other database(s)",
            )


def _collections(database: Database) -> set[str]:
    return {".".join((database.bucket, *collection)) for collection in database.collections()}


def _install_guest(database: Database) -> None:
    guest = dict(database.config.get("guest") or {})
    guest.pop("name", None)
    if not guest or database.state != ONLINE:
        return
    known = users.find(database, users.GUEST)
    if guest != {"disabled": True} or known is None or not known.disabled:
        users.put(database, users.GUEST, guest)


def _rename(alias: str, old: str, new: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute("UPDATE cbtools_databases SET name = %s WHERE name = %s", [new, old])
        if not cursor.rowcount:
            raise missing(f'no such database "{old}"')
        for table in _BY_NAME:
            cursor.execute(
                f"UPDATE cbtools_{table} SET database = %s WHERE database = %s", [new, old]
            )


def _state(config: Mapping[str, Any]) -> str:
    return OFFLINE if config.get("offline") else ONLINE


def _new_source() -> str:
    return base64.b64encode(os.urandom(16)).decode().rstrip("=")


def _now() -> int:
    return time.time_ns() // 1000
