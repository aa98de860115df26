"""Local documents, such as the checkpoints of replicators. They are not replicated.

Their revisions are ``0-1``, ``0-2`` ... (16-local-docs.json). A local document expires if nobody
reads or writes it for `local_doc_expiry_secs` seconds (0: never).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from django_cbtools import canonical

from ..database import Database
from ..errors import GatewayError, bad_request, conflict, missing
from . import documents

PREFIX = "_local/"
#: The longest name, in bytes. Keys in Couchbase Server have at most 250 bytes.
MAX_NAME_BYTES = 250 - len("_sync:local:")

_AT = "keyspace = %s AND name = %s AND (%s = 0 OR saved > %s)"


def read(database: Database, name: str) -> dict[str, Any]:
    """Return a local document with its special properties, and put off its expiry.

    Raises a 404 GatewayError if there is no such document.
    """
    row = database.row(
        f"SELECT version, body, saved FROM cbtools_local WHERE {_AT}", _key(database, name)
    )
    if row is None:
        raise missing()
    version, text, saved = row
    # Replicators read often, and a write waits for other writers. So the time of the last use is
    # stored only after a hundredth of the lifetime.
    lifetime = _lifetime(database)
    if lifetime and saved < _now() - lifetime // 100:
        with database.atomic():
            database.execute(
                f"UPDATE cbtools_local SET saved = %s WHERE {_AT}",
                [_now(), *_key(database, name)],
            )
    body, _ = canonical.loads(text)
    return {**body, "_id": PREFIX + name, "_rev": f"0-{version}"}


def save(database: Database, name: str, body: Mapping[str, Any]) -> str:
    """Write a local document, and return its new revision.

    The ``_rev`` in the body names the revision to replace. Raises a 409 GatewayError if that is not
    the current revision, 404 if there is no document to replace, 413 if the body is too large, and
    400 if the name is invalid.
    """
    given = body.get("_rev")
    with database.atomic():
        _forget(database)
        version = 1 + _replaced(database, name, given if isinstance(given, str) else "")
        kept = {key: value for key, value in body.items() if not key.startswith("_")}
        text = documents.check_size(canonical.dumps(kept))
        database.execute(
            "INSERT OR REPLACE INTO cbtools_local (keyspace, name, version, body, saved) "
            "VALUES (%s, %s, %s, %s, %s)",
            [database.keyspace, name, version, text, _now()],
        )
    return f"0-{version}"


def delete(database: Database, name: str, rev: str) -> None:
    """Remove a local document.

    Raises a 409 GatewayError if ``rev`` is not the current revision, 404 if there is no such
    document, and 400 if the name is invalid.
    """
    with database.atomic():
        if not _replaced(database, name, rev):
            raise missing("No previous revision to replace")
        database.execute(
            "DELETE FROM cbtools_local WHERE keyspace = %s AND name = %s",
            [database.keyspace, name],
        )


def _replaced(database: Database, name: str, rev: str) -> int:
    """Return the number of the current revision, which must be ``rev``; 0 if there is none."""
    if not name or len(name.encode()) > MAX_NAME_BYTES:
        raise bad_request("Invalid doc ID")
    version = database.value(f"SELECT version FROM cbtools_local WHERE {_AT}", _key(database, name))
    if version is None:
        if rev:
            raise missing("No previous revision to replace")
        return 0
    if rev != f"0-{version}":
        raise conflict("Document update conflict")
    return int(version)


def _forget(database: Database) -> None:
    """Remove the documents that have expired."""
    if _lifetime(database):
        database.execute(
            "DELETE FROM cbtools_local WHERE keyspace = %s AND saved <= %s",
            [database.keyspace, _now() - _lifetime(database)],
        )


def _key(database: Database, name: str) -> list[Any]:
    lifetime = _lifetime(database)
    return [database.keyspace, name, lifetime, _now() - lifetime]


def _lifetime(database: Database) -> int:
    return int(database.option("local_doc_expiry_secs"))


def _now() -> int:
    return int(time.time())


def row(database: Database, body: Mapping[str, Any]) -> dict[str, Any]:
    """Write a local document that is part of a batch, and return its row in the answer."""
    uid = body["_id"]
    try:
        return {"id": uid, "rev": save(database, uid.removeprefix(PREFIX), body)}
    except GatewayError as error:
        return {"error": error.row_error, "id": uid, "reason": error.reason, "status": error.status}
