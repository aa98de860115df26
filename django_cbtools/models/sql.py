"""Queries of documents, and the check that a database can run them."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import FieldError, ImproperlyConfigured, ValidationError
from django.db import DataError, NotSupportedError, connections
from django.db.models import BooleanField, Expression, Q, Value, sql
from django.db.models.expressions import Col
from django.db.models.fields.json import JSONExact, KeyTransform
from django.db.models.sql.where import WhereNode

from django_cbtools import conf
from django_cbtools.query_service.options import REQUEST_PLUS

from .fields import values
from .fields.aggregates import over_elements
from .fields.members import Members
from .fields.paths import may_lack, root_of


def holds_documents(connection: Any) -> bool:
    """Return whether documents can be queried through the connection. Only the documents' alias
    counts: another alias may hold documents, but not the same ones."""
    is_theirs = connection.alias == conf.document_alias()
    return is_theirs and hasattr(connection.ops, "reads_documents")


def check_holds_documents(connection: Any) -> None:
    """Raise NotSupportedError if a query of another database than the documents' includes
    documents."""
    if holds_documents(connection):
        return
    alias = conf.document_alias()
    if not holds_documents(connections[alias]):
        conf.uses_embedded_gateway()  # raises an error if documents have no place at all
        raise NotSupportedError(
            f"A query cannot join documents, nor have a subquery of them. {_no_orm()}"
        )
    raise NotSupportedError(
        f"A query in the database {connection.alias!r} cannot join documents, nor have a "
        f"subquery of them: they are in {alias!r}. {IN_TWO_STEPS}"
    )


def check_can_be_asked(asked: str) -> None:
    """Raise CannotBeQueried, with the reason and advice, if documents cannot be queried in an
    alias."""
    alias = conf.document_alias()
    if not holds_documents(connections[alias]):
        conf.uses_embedded_gateway()  # raises an error if documents have no place at all
        raise CannotBeQueried(_no_orm())
    if asked != alias:
        raise CannotBeQueried(
            f"Documents cannot be queried in {asked!r}: they are in {alias!r}. Leave out using=, "
            "and where a router chooses, set DATABASE_ROUTERS = "
            "['django_cbtools.routers.DocumentRouter'], before other routers."
        )


def _no_orm() -> str:
    alias = conf.document_alias()
    own = "an alias 'couchbase'" if alias == "default" else f"DATABASES[{alias!r}]"
    return (
        "There is no ORM for documents: they are in the gateway at SYNC_GATEWAY_URL, and "
        f"DATABASES[{alias!r}] has an ENGINE that cannot ask for them. Give {own} the ENGINE "
        f"{conf.COUCHBASE_ENGINE!r}, which asks Couchbase Server's query service. Without it, load "
        "them by uid (the class with a uid, load_objects) or by views (query_objects, query_view)."
    )


#: Advice if the sides of a join are in two databases.
IN_TWO_STEPS = (
    "Ask in two steps, by a list (such as list(queryset.values_list('pk', flat=True)) for an __in "
    "lookup), follow the relation from the instances, or use prefetch_related() instead of "
    "select_related(). To join them, keep both in one database with ENGINE "
    f"{conf.EMBEDDED_ENGINE!r}."
)


class WhereDocumentsAre(Expression):
    """A condition on joins to documents. It is always true, but cannot be compiled for a database
    without documents."""

    output_field = BooleanField()

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        check_holds_documents(connection)
        return "1 = 1", ()


def where_documents_are(field: Any, *aliases: str | None) -> Any:
    """Return the restriction of a join by a document's relation, with WhereDocumentsAre added."""
    own = type(field).get_extra_restriction(field, *aliases)
    if own is None or isinstance(own, WhereDocumentsAre):
        return WhereDocumentsAre()
    asked: list[Any] = [WhereDocumentsAre(), own]
    return WhereNode(asked)


class CannotBeQueried(ImproperlyConfigured, DataError):
    """Documents have no ORM, or none in the database of the query.

    REST framework's validators take a DataError for the answer that no document has the value. So
    without an ORM they check nothing, as ``full_clean()`` does.
    """


class DocumentQuery(sql.Query):
    """A query that can only run in the documents' database."""

    #: True if the query is, or is a part of, a union or the like that is ordered.
    is_ordered_in_combination = False
    #: The scan consistency of the query service. None means the one in OPTIONS.
    scan_consistency: str | None = None

    def get_compiler(
        self, using: str | None = None, connection: Any = None, elide_empty: bool = True
    ) -> Any:
        asked = connection or connections[using or conf.document_alias()]
        if connection is not None:
            check_holds_documents(connection)
        elif not holds_documents(asked):
            check_can_be_asked(asked.alias)
        conf.uses_embedded_gateway()  # it refuses settings that contradict each other
        return super().get_compiler(using, connection, elide_empty)

    def resolve_expression(self, query: Any = None, *args: Any, **kwargs: Any) -> Any:
        """Resolve the query as Django does. If a subquery has to wait for the index, the whole
        statement does."""
        if self.scan_consistency == REQUEST_PLUS:
            query.scan_consistency = REQUEST_PLUS
        return super().resolve_expression(query, *args, **kwargs)

    def is_nullable(self, field: Any) -> bool:
        """Return whether a field can be NULL. Any document may lack a key, and phones delete
        documents that others point to. Neither may lose documents in a query."""
        is_of_document = hasattr(field.model, "document_column")
        may_lack_it = is_of_document and field.name not in values.OWN_COLUMNS
        return may_lack_it or bool(super().is_nullable(field))

    def add_annotation(self, annotation: Any, *args: Any, **kwargs: Any) -> None:
        super().add_annotation(over_elements(annotation), *args, **kwargs)

    def get_aggregation(self, using: Any, aggregate_exprs: Any) -> Any:
        over = {alias: over_elements(each) for alias, each in aggregate_exprs.items()}
        return super().get_aggregation(using, over)

    def build_lookup(self, lookups: Any, lhs: Any, rhs: Any) -> Any:
        """Build the lookup as Django does. A comparison of JSON with None means a null or a missing
        key. The error for a value that is no array or object names the lookups that take it."""
        try:
            lookup = super().build_lookup(lookups, lhs, rhs)
        except ValidationError as error:
            field = lhs.output_field
            if not isinstance(field, Members):
                raise
            name = _name(lhs)
            reasons = " ".join(error.messages)
            raise ValidationError(f"{name}: {reasons} {field.ways_to_ask(name)}") from None
        if isinstance(lookup, JSONExact) and _is_json_of_document(lookup.lhs):
            asked = lookup.rhs.value if isinstance(lookup.rhs, Value) else lookup.rhs
            if asked is None:
                return lookup.lhs.get_lookup("isnull")(lookup.lhs, True)
        return lookup

    def try_transform(self, lhs: Any, name: str, lookups: Any = None) -> Any:
        """Return the transform as Django does. The error for arrays and objects names their
        lookups."""
        try:
            return super().try_transform(lhs, name, lookups)
        except FieldError as error:
            field = lhs.output_field
            if not isinstance(field, Members):
                raise
            raise FieldError(f"{error} {field.ways_to_ask(_name(lhs))}") from None

    def build_filter(self, *args: Any, **kwargs: Any) -> Any:
        """Build the filter as Django does. An ``exclude()`` by values in arrays and objects keeps
        documents that lack the array or object."""
        clause, joins = super().build_filter(*args, **kwargs)
        if kwargs.get("current_negated"):
            conditions: list[Any] = [*clause.children]
            for condition in conditions:
                if may_lack(getattr(condition, "lhs", None)) and condition.lookup_name != "isnull":
                    clause.add(condition.lhs.get_lookup("isnull")(condition.lhs, False), Q.AND)
        return clause, joins


def _name(expression: Any) -> str:
    """Return the name of the field that is queried, or '...' if it is unknown."""
    target = getattr(root_of(expression), "target", None)
    return "..." if target is None or target is not expression.output_field else str(target.name)


def _is_json_of_document(expression: Any) -> bool:
    """Return whether the expression is a JSON field of a document or of a nested object, and not a
    key in such a field."""
    root = root_of(expression)
    is_key = isinstance(expression, KeyTransform)
    return not is_key and isinstance(root, Col) and hasattr(root.target.model, "document_column")
