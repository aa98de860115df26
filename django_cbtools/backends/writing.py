"""Compilers of INSERT, UPDATE and DELETE that write documents through the gateway, not by SQL.

All of Django's machinery ends in these compilers: QuerySets, deletion of related objects, and
related managers. SQL would bypass the gateway. So the compilers select the documents, with the
values that the database computes, and write each through the gateway, on top of the revision that
was found.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.expressions import ExpressionWrapper
from django.db.models.sql import compiler

from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.channels import check_channels
from django_cbtools.models.queryset import DocumentQuerySet
from django_cbtools.models.sql import DocumentQuery
from django_cbtools.models.writing.bulk import Bulk, revisions
from django_cbtools.models.writing.member_updates import MemberTarget, target_of
from django_cbtools.models.writing.versions import Version
from django_cbtools.models.writing.written import check_extra

from .updates import Update


class _Compiler(compiler.SQLCompiler):
    """A part of compilers that write documents or ordinary rows."""

    @property
    def model(self) -> Any:
        """The class of the documents to write, or None for ordinary rows."""
        model = self.query.get_meta().model
        return model if issubclass(model, CouchbaseModel) else None


class SQLInsertCompiler(compiler.SQLInsertCompiler, _Compiler):
    def execute_sql(self, returning_fields: Any = None) -> Any:  # type: ignore[override]
        """Create documents. Return an empty row for each, as they already have their values."""
        if self.model is None:
            return super().execute_sql(returning_fields)
        query: Any = self.query
        with Bulk() as bulk:
            bulk.create(
                query.objs, on_conflict=query.on_conflict, update_fields=query.update_fields
            )
        return [()] * len(query.objs)


class SQLDeleteCompiler(compiler.SQLDeleteCompiler, _Compiler):
    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        """Delete documents softly. Return the number of those that were not deleted yet."""
        if self.model is None:
            return super().execute_sql(*args, **kwargs)
        found: Any = DocumentQuerySet(self.model, self.query.chain(DocumentQuery), self.using)
        with Bulk() as bulk:
            revs = revisions(found.filter(st_deleted=False))
            for documents in bulk.load(self.model._base_manager.using(self.using), revs):
                bulk.delete(documents)
        return bulk.saved


class SQLUpdateCompiler(compiler.SQLUpdateCompiler, _Compiler):
    def execute_sql(self, *args: Any, **kwargs: Any) -> Any:
        """Update documents. Return their number."""
        if self.model is None:
            return super().execute_sql(*args, **kwargs)
        query: Any = self.query
        values = {field: self._resolved(field, value) for field, _, value in query.values}
        if not values:
            return 0
        update = Update(self.model._base_manager.using(self.using), self._select, values)
        self._check(update.constants)
        return update.write()

    def _resolved(self, field: Any, value: Any) -> Any:
        """Return a field's value or resolved expression. Raise Django's errors, and FieldError for
        ``uid`` and ``rev``."""
        if field.name in ("uid", "rev"):
            raise FieldError(
                f"Cannot update model field {field!r}: it is what tells a document, and its "
                "revision, from others."
            )
        if hasattr(value, "resolve_expression"):
            value = value.resolve_expression(self.query, allow_joins=False, for_save=True)
            for what, is_in in (
                ("Aggregate functions", value.contains_aggregate),
                ("Window expressions", value.contains_over_clause),
            ):
                if is_in:
                    raise FieldError(
                        f"{what} are not allowed in this query ({field.name}={value!r})."
                    )
            if not _has_type(value):  # it is the field's, as in an UPDATE
                value = ExpressionWrapper(value, output_field=target_of(field))
        elif hasattr(value, "prepare_database_save"):
            if not field.remote_field:
                raise TypeError(
                    f"Tried to update field {field} with a model instance, {value!r}. "
                    f"Use a value compatible with {type(field).__name__}."
                )
            value = value.prepare_database_save(field)
        return value

    def _check(self, constants: dict[Any, Any]) -> None:
        """Raise errors for values that no document can store, before any document is read."""
        blank = self.model()
        for field, value in constants.items():
            if isinstance(field, MemberTarget):
                field.check(value)
                continue
            setattr(blank, field.attname, value)
            if field.name == "channels":
                check_channels(value, self.model)
            elif field.name == "extra":
                check_extra(blank)
        for stored in blank._stored_fields():
            if stored.field in constants:
                blank._to_json(stored)

    def _select(self, expressions: list[Any], uids: Collection[str] | None) -> dict[str, list[Any]]:
        """Return the version and the values of the expressions for each document that matches, by
        uid. ``uids`` restricts the documents."""
        self.pre_sql_setup()
        query: Any = self.query.chain(DocumentQuery)
        query.clear_ordering(force=True)
        query.distinct, query.group_by = False, None
        query.clear_select_clause()
        if uids is not None:
            query.add_q(models.Q(pk__in=uids))
        query.add_fields(["uid"])
        query.add_annotation(Version(), "_version")
        for number, expression in enumerate(expressions):
            query.add_annotation(expression, f"_{number}")
        rows = query.get_compiler(self.using).results_iter(tuple_expected=True)
        return {uid: values for uid, *values in rows}


def _has_type(expression: Any) -> bool:
    try:
        return expression.output_field is not None
    except FieldError:
        return False
