"""Design documents: named sets of views."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from django_cbtools import canonical

from ..database import Database
from ..errors import GatewayError, bad_request, missing
from ..gostructs import Map, Struct
from .index import Index, drop_unused

#: The members that a design document may have.
DESIGN = Struct("DesignDoc", {
    "language": "string",
    "views": Map("sgbucket.ViewMap", Struct(
        "ViewDef", {"map": "string", "reduce": "string?"}, "sgbucket")),
    "options": Struct("DesignDocOptions", dict.fromkeys(
        ("local_seq", "include_design", "raw", "index_xattr_on_deleted_docs"), "bool"), "sgbucket"),
}, "sgbucket")  # fmt: skip
BUILT_IN_REDUCES = ("_count", "_sum", "_stats")

# Sync Gateway wraps every map function in this code, and shows the result (27-design-docs.json).
_WRAPPER = (
    "\n\tfunction(doc, meta) {\n\n\t\t//Skip any internal sync documents\n"
    '\t\tif (meta.id.substring(0, 6) == "_sync:") {\n\t\t\treturn;\n\t\t}\n'
    "\t\tvar sync;\n\t\tvar isXattr;\n\n\t\t//Get sync data from xattrs or from the doc body\n"
    "\t\tif (meta.xattrs === undefined || meta.xattrs._sync === undefined) {\n"
    "\t\t\tsync = doc._sync;\n\t\t\tisXattr = false;\n\t\t} else {\n"
    "\t\t\tsync = meta.xattrs._sync;\n\t\t\tisXattr = true;\n\t\t}\n\n"
    "\t\t//Skip if the document has been deleted or has no sync data defined\n"
    "\t\tif (sync === undefined || (sync.flags & 1) || sync.deleted)\n\t\t\treturn;\n\n"
    "\t\t//If sync data is in body strip it from the view result\n"
    "\t\tif (!isXattr) {\n\t\t\tdelete doc._sync;\n\t\t}\n\n"
    "\t\t//Add rev to meta\n\t\tmeta.rev = sync.rev;\n\n\t\t//Run view\n"
    "\t\t(%s)(doc, meta);\n\n\t\t//Re-add sync data to body\n"
    "\t\tif (!isXattr) {\n\t\t\tdoc._sync = sync;\n\t\t}\n\t}"
)


def check_place(database: Database) -> None:
    """Raise a 500 GatewayError if the database has no default collection, which views are of."""
    if database.collection not in database.collections():
        raise GatewayError(
            500, "Internal error: default collection is not configured on this database"
        )


def get(database: Database, name: str) -> dict[str, Any]:
    """Return a design document as it is stored.

    Raises a 404 GatewayError if it does not exist, and the error of :func:`check_place`.
    """
    check_place(database)
    body = database.value(
        "SELECT body FROM cbtools_designs WHERE keyspace = %s AND name = %s",
        [database.keyspace, name],
    )
    if body is None:
        raise missing()
    design: dict[str, Any] = json.loads(body)
    return design


def shown(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return a design document as answers show it, with wrapped map functions."""
    answer: dict[str, Any] = {"language": "javascript"}
    if design.get("views"):
        raw = (design.get("options") or {}).get("raw", False)
        answer["views"] = {
            name: view if raw else {**view, "map": _WRAPPER.replace("%s", view["map"])}
            for name, view in design["views"].items()
        }
    return answer


def put(database: Database, name: str, design: Mapping[str, Any]) -> None:
    """Create or replace a design document. Its functions are not compiled until a query.

    Raises the error of :func:`check_place`.
    """
    check_place(database)
    database.execute(
        "INSERT INTO cbtools_designs VALUES (%s, %s, %s) "
        "ON CONFLICT (keyspace, name) DO UPDATE SET body = excluded.body",
        [database.keyspace, name, canonical.dumps(_complete(design))],
    )
    _drop_unused(database)


def delete(database: Database, name: str) -> None:
    """Delete a design document and the indexes that no other design document uses.

    Raises a 404 GatewayError if it does not exist, and the error of :func:`check_place`.
    """
    check_place(database)
    if not database.execute(
        "DELETE FROM cbtools_designs WHERE keyspace = %s AND name = %s",
        [database.keyspace, name],
    ):
        raise missing()
    _drop_unused(database)


def view(database: Database, design_name: str, view_name: str) -> tuple[Index, str | None]:
    """Return the index of a view and its reduce function (None: it has none).

    Raises a 404 GatewayError if the view does not exist, and a 400 GatewayError if its built-in
    reduce function is unknown.
    """
    found = (get(database, design_name).get("views") or {}).get(view_name)
    if found is None:
        raise missing()
    reduce = (found.get("reduce") or "").strip() or None
    if reduce and reduce.startswith("_") and reduce not in BUILT_IN_REDUCES:
        raise bad_request(
            f"The reduce function of view {design_name}/{view_name} is {reduce!r}; "
            f"the built-in ones are {', '.join(BUILT_IN_REDUCES)}"
        )
    return Index(database, found["map"], f"view {design_name}/{view_name}"), reduce


def _drop_unused(database: Database) -> None:
    rows = database.rows(
        "SELECT body FROM cbtools_designs WHERE keyspace = %s", [database.keyspace]
    )
    drop_unused(
        database,
        {
            view["map"]
            for (body,) in rows
            for view in (json.loads(body).get("views") or {}).values()
        },
    )


def _complete(design: Mapping[str, Any]) -> dict[str, Any]:
    """Return a design document in which views without a map function have an empty one."""
    views = {
        name: {"map": "", **(view or {})} for name, view in (design.get("views") or {}).items()
    }
    return {**design, "views": views}
