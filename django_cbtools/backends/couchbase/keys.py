"""USE KEYS: a query that names documents by uid fetches them, and needs no index."""

from __future__ import annotations

from typing import Any

from django.db.models.expressions import Col
from django.db.models.fields.tuple_lookups import TupleIn
from django.db.models.lookups import Exact, In
from django.db.models.sql.where import AND

from . import lookups


def of(compiler: Any, alias: str) -> list[str] | None:
    """Return the uids of an alias's documents, each once, or None if the query does not name
    them."""
    where = compiler.where
    if where is None or where.negated or where.connector != AND:
        return None
    for child in where.children:
        if isinstance(child, type(where)):
            if child.negated or child.connector != AND:
                continue
            found = _of_children(child.children, alias)
        else:
            found = _of_children([child], alias)
        if found is not None:
            return found
    return None


def _of_children(children: Any, alias: str) -> list[str] | None:
    for child in children:
        if isinstance(child, TupleIn) and child.rhs_is_direct_value():
            if len(child.lhs.get_source_expressions()) > 1:
                continue
            child = lookups.single(child)
        lhs = getattr(child, "lhs", None)
        if not isinstance(lhs, Col) or lhs.alias != alias or lhs.target.name != "uid":
            continue
        rhs = child.rhs
        if isinstance(child, Exact) and isinstance(rhs, str):
            return [rhs]
        if isinstance(child, In) and not hasattr(rhs, "resolve_expression"):
            uids = [uid for uid in rhs if uid is not None]
            if all(isinstance(uid, str) for uid in uids):
                return list(dict.fromkeys(uids))
    return None
