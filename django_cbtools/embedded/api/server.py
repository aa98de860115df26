"""REST API: paths that belong to no database, such as ``/`` and ``/_all_dbs``."""

from __future__ import annotations

import uuid
from typing import Any

from ..database import OFFLINE, Database
from ..databases import administration
from ..http.answers import Answer
from ..http.messages import ADMIN_PORT, Call

#: Clients derive the features of the server from its version. The recordings were made with this
#: version.
VERSION = "4.2"
VENDOR = {"name": "Couchbase Sync Gateway", "version": VERSION}
_WHO = {
    "vendor": VENDOR,
    "version": "Couchbase Sync Gateway/() CE",
    "cluster_compat_version": VERSION,
    "node_uid": uuid.uuid4().hex,
}


def welcome(call: Call) -> Answer:
    admin = {"ADMIN": True} if call.port == ADMIN_PORT else {}
    return call.json({**admin, "couchdb": "Welcome", **_WHO, "persistent_config": True})


def ping(call: Call) -> Answer:
    return Answer(200, b"OK", {"Content-Type": "text/plain; charset=UTF-8"})


def all_databases(call: Call) -> Answer:
    databases = _databases(call)
    if not call.flag("verbose"):
        return call.json([database.name for database in databases])
    return call.json(
        [
            {"db_name": database.name, "bucket": database.bucket, "state": database.state}
            for database in databases
        ]
    )


def status(call: Call) -> Answer:
    databases = {database.name: _status(database) for database in _databases(call)}
    return call.json({"databases": databases, **_WHO})


def _databases(call: Call) -> list[Database]:
    administration.ensure(call.alias)
    found = [
        administration.open_database(call.alias, name) for name in administration.names(call.alias)
    ]
    return [database for database in found if database is not None]


def _status(database: Database) -> dict[str, Any]:
    return {
        "seq": 0 if database.state == OFFLINE else database.status()[0],
        "server_uuid": "",
        "state": database.state,
        "require_resync": [],
        "replication_status": [],
    }
