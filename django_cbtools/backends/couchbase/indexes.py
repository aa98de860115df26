"""Indexes of documents, on the same expressions that queries are compiled to.

Each index begins with the doc_type, which every query names, so that it serves an order without a
condition, too. Its name contains a digest of its definition.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db.models.expressions import Col
from django.db.models.indexes import IndexExpression
from django.db.models.sql import Query

from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.fields.arrays import ArrayMembers, ListField
from django_cbtools.models.fields.object_lookups import has_objects
from django_cbtools.models.fields.paths import AnyElement
from django_cbtools.models.indexes import Declared, IndexChange
from django_cbtools.models.registry import documents
from django_cbtools.sync_gateway.keyspaces import of_class

from . import columns, members
from .compiler import SQLCompiler
from .templates import inlined

#: Indexes with this prefix belong to the library, which creates and drops them.
PREFIX = "cbtools_ix_"
#: The service's information about a keyspace's indexes. A bucket's default collection has two
#: names.
_THERE = (
    "FROM system:indexes AS i WHERE IFMISSING(i.bucket_id, i.keyspace_id) = {} "
    "AND IFMISSING(i.scope_id, '_default') = {} "
    "AND CASE WHEN i.bucket_id IS MISSING THEN '_default' ELSE i.keyspace_id END = {}"
)
_KEYSPACES = (
    "SELECT RAW [COUNT(*)] FROM system:keyspaces AS k WHERE IFMISSING(k.`bucket`, k.name) = {} "
    "AND IFMISSING(k.`scope`, '_default') = {} "
    "AND CASE WHEN k.`bucket` IS MISSING THEN '_default' ELSE k.name END = {}"
)
_DOC_TYPE = "`doc_type`"
#: Fields that are not in a document cannot be keys of an index.
_NOT_IN_DOCUMENTS = frozenset(("rev", "extra", "_document"))


class _IndexCompiler(SQLCompiler):
    """A compiler of expressions for indexes. Fields have no alias of a keyspace there."""

    def compile(self, node: Any) -> Any:
        if isinstance(node, Col) and node.target.name in _NOT_IN_DOCUMENTS:
            raise ImproperlyConfigured(
                f"{node.target.model._meta.label}: an index cannot have {node.target.name!r} in it."
            )
        if isinstance(node, AnyElement):
            return members.each_element(node, self)
        return super().compile(node)


def changes(connection: Any, declared: Iterable[Declared]) -> Iterator[IndexChange]:
    """Yield the steps that create the declared indexes and drop all others.

    New indexes are created before old ones are dropped, so that queries always have one. Keyspaces
    without a class are left alone. Raises ImproperlyConfigured if an index cannot be created, or a
    keyspace does not exist.
    """
    places: dict[str, tuple[str | None, list[Declared]]] = {}
    keyspace = partial(connection.ops.keyspace, connection)
    classes = {of_class(model) for model in documents()} or {None}
    for named in sorted(classes, key=lambda named: named or ""):
        places.setdefault(keyspace(named), (named, []))
    for each in declared:
        named = of_class(each.model)
        places.setdefault(keyspace(named), (named, []))[1].append(each)
    for name, (named, found) in places.items():
        yield from _changes_in(connection, name, named, found)


def _changes_in(
    connection: Any, keyspace: str, named: str | None, declared: Iterable[Declared]
) -> Iterator[IndexChange]:
    """Yield the steps in one keyspace."""
    there = partial(_of, connection.ops.keyspace_parts(connection, named))
    wanted = {change.name: change for change in _wanted(connection, keyspace, declared)}
    present = _present(connection, keyspace, there)
    for name, change in wanted.items():
        if name not in present:
            yield change
    deferred = [name for name in wanted if present.get(name, "deferred") == "deferred"]
    pending = [name for name in wanted if present.get(name) != "online"]
    if deferred:
        names = ", ".join(map(columns.quoted, deferred))
        unfinished = (
            f"SELECT RAW [i.name, i.state] {there(_THERE)} "
            f"AND i.name IN [{', '.join(map(columns.literal, pending))}] AND i.state != 'online'"
        )
        build = f"BUILD INDEX ON {keyspace}({names})"
        yield IndexChange("build", ", ".join(deferred), None, build, unfinished)
    for name in present:
        if name not in wanted:
            drop = f"DROP INDEX {columns.quoted(name)} IF EXISTS ON {keyspace}"
            yield IndexChange("drop", name, None, drop)


def _of(parts: tuple[str, ...], template: str) -> str:
    """Return a template filled with the parts of a keyspace's name."""
    return template.format(*map(columns.literal, (*parts, "_default", "_default")[:3]))


def _present(connection: Any, keyspace: str, there: Callable[[str], str]) -> dict[str, str]:
    """Return the state of each index of the library, by name."""
    beginning = columns.literal(PREFIX.replace("_", "\\_") + "%")
    with connection.cursor() as cursor:
        cursor.execute(there(_KEYSPACES))
        if not cursor.fetchone()[0]:
            raise ImproperlyConfigured(
                f"There is no keyspace {keyspace} at {connection.settings_dict['HOST']!r}. Look at "
                f"NAME in DATABASES[{connection.alias!r}], and at the keyspace of classes; or make "
                "the bucket, with the scope and the collection, in Couchbase's web console."
            )
        cursor.execute(f"SELECT RAW [i.name, i.state] {there(_THERE)} AND i.name LIKE {beginning}")
        return dict(cursor.fetchall())


def _wanted(connection: Any, keyspace: str, declared: Iterable[Declared]) -> Iterator[IndexChange]:
    # An index of all documents of a type, for queries that no other index serves. It has the form
    # of the others, or the service would use it for an order that another one has.
    uid, deleted = (
        columns.column(None, CouchbaseModel._meta.get_field(name)) for name in ("uid", "st_deleted")
    )
    body = f"({_DOC_TYPE}, {uid}, {deleted}) WHERE {columns.is_document(None)}"
    yield _create(keyspace, "documents", None, body)
    found = [(each, _keys(connection, each), _condition(connection, each)) for each in declared]
    made: set[str] = set()
    for each, keys, condition in found:
        if any(
            other.model is each.model and its == condition and _begins(longer, keys)
            for other, longer, its in found
        ):
            continue
        more = [] if deleted in keys else [deleted]
        body = f"({', '.join([_DOC_TYPE, *keys, *more])}) WHERE {condition}"
        if body not in made:
            yield _create(keyspace, each.index.name, each.model._meta.label, body)
            made.add(body)


def _begins(longer: list[str], keys: list[str]) -> bool:
    """Return whether the keys of a longer index begin with ``keys``. It serves all queries of the
    shorter one. If both existed, the service would use the shorter one even if only the longer one
    has the order of a query."""
    return len(longer) > len(keys) and longer[: len(keys)] == keys


def _condition(connection: Any, declared: Declared) -> str:
    model, condition = declared.model, declared.index.condition
    # Every query has these conditions. Without them here, the service could not use the index for
    # it.
    conditions = [
        f"{_DOC_TYPE} = {columns.literal(model.type_name())}", columns.is_document(None)
    ]  # fmt: skip
    if condition is not None:
        query = Query(model, alias_cols=False)
        compiler = _IndexCompiler(query, connection, None)
        conditions.append(inlined(*query.build_where(condition).as_sql(compiler, connection)))
    return " AND ".join(conditions)


def _create(keyspace: str, name: str, model: str | None, body: str) -> IndexChange:
    digest = hashlib.sha256(body.encode()).hexdigest()[:10]
    # The service knows letters, digits, and underscores.
    name = f"{PREFIX}{re.sub('[^A-Za-z0-9_]', '_', name)}_{digest}"
    sql = (
        f"CREATE INDEX {columns.quoted(name)} IF NOT EXISTS ON {keyspace}{body} "
        'WITH {"defer_build": true}'
    )
    return IndexChange("create", name, model, sql)


def _keys(connection: Any, declared: Declared) -> list[str]:
    model, index = declared.model, declared.index
    query = Query(model, alias_cols=False)
    compiler = _IndexCompiler(query, connection, None)
    if index.expressions:
        resolved = [IndexExpression(each).resolve_expression(query) for each in index.expressions]
        keys = [inlined(*compiler.compile(each)) for each in resolved]
    else:
        keys = [
            f"{_key(compiler, model._meta.get_field(name))} {order}".rstrip()
            for name, order in index.fields_orders
        ]
    arrays = [key for key in keys if key.lstrip("(").startswith(members.EACH)]
    if len(arrays) > 1:
        raise ImproperlyConfigured(
            f"{model._meta.label}: the index {index.name!r} has {len(arrays)} arrays. It can have "
            "one: declare an index for each."
        )
    return keys


def _key(compiler: Any, field: Any) -> str:
    column = field.get_col(None)
    if not isinstance(field, (ListField, ArrayMembers)):
        return inlined(*compiler.compile(column))
    if has_objects(field):
        raise ImproperlyConfigured(
            f"{column.target.model._meta.label}: an index cannot have the objects in "
            f"{field.name!r} in it. It can have what is in them: "
            f"models.Index('{field.name}__<field>', name='<name>')."
        )
    return inlined(*members.each_of_array(column, compiler))
