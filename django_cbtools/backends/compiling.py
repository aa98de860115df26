"""Parts of SQL compilers for documents that all backends share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models.options import Options
from django.db.models.sql import compiler
from django.db.models.sql.datastructures import BaseTable, Join

from django_cbtools.models.base import CouchbaseModel
from django_cbtools.models.sql import DocumentQuery
from django_cbtools.models.subclasses import AnyOf, SubclassesQuery, by_type, keyspace_of
from django_cbtools.sync_gateway.keyspaces import of_class


def register(vendor: str, compiled: Mapping[Any, Callable[..., Any]]) -> None:
    """Register methods by which a vendor's backend compiles expressions and lookups, by Django's
    hook."""
    for expression, as_vendor in compiled.items():
        setattr(expression, f"as_{vendor}", as_vendor)


class DocumentCompiler(compiler.SQLCompiler):
    # Attributes that are missing in Django's stubs.
    where: Any
    having: Any
    qualify: Any
    elide_empty: bool
    _meta_ordering: Any

    def pre_sql_setup(self, with_col_aliases: bool = False) -> Any:
        """Set up the query as Django does. Queries of a combination are told whether the
        combination is ordered."""
        if self._is_ordered_combination():
            for query in (self.query, *self.query.combined_queries):
                query.is_ordered_in_combination = True
        return super().pre_sql_setup(with_col_aliases)

    def get_default_columns(
        self,
        select_mask: Any,
        start_alias: str | None = None,
        opts: Options[Any] | None = None,
        from_parent: Any = None,
    ) -> list[Any]:
        """Return the column with the whole document, from which instances are made."""
        opts = opts or self.query.get_meta()
        if opts is None or not issubclass(opts.model, CouchbaseModel):
            ordinary: list[Any] = super().get_default_columns(
                select_mask, start_alias, opts, from_parent
            )
            return ordinary
        alias = start_alias or self.query.get_initial_alias()
        fields = opts.model.document_columns()
        if getattr(self.query, "is_ordered_in_combination", False):
            # Only selected columns can be in the order.
            names = {field.name for field in fields} | {"extra"}
            fields += [f for f in opts.model._meta.concrete_fields if f.name not in names]
        return [field.get_col(alias) for field in fields]

    def get_select(self, *args: Any, **kwargs: Any) -> Any:
        """Return the selected columns as Django does. A :class:`SubclassesQuery` makes instances of
        several classes."""
        found, of_class, annotations = super().get_select(*args, **kwargs)
        if of_class and isinstance(self.query, SubclassesQuery):
            of_class["model"] = AnyOf(of_class["model"])
        return found, of_class, annotations

    def _is_ordered_combination(self) -> bool:
        query: Any = self.query
        if not query.combinator or not isinstance(query, DocumentQuery):
            return False
        by_default = query.default_ordering and query.get_meta().ordering
        is_ordered = query.order_by or query.extra_order_by or by_default
        return bool(is_ordered or query.is_ordered_in_combination)

    def _types(self, table: BaseTable | Join) -> tuple[str, ...]:
        """Return the doc_types of the documents that a table of the query holds."""
        model = CouchbaseModel.tables[table.table_name]
        return tuple(by_type(model)) if self._is_of_several(table) else (model.type_name(),)

    def _place(self, table: BaseTable | Join) -> str | None:
        """Return the keyspace of the documents that a table of the query holds."""
        model = CouchbaseModel.tables[table.table_name]
        return keyspace_of(model) if self._is_of_several(table) else of_class(model)

    def _is_of_several(self, table: BaseTable | Join) -> bool:
        """Return whether a table of the query holds documents of several classes."""
        is_asked = isinstance(table, BaseTable) and isinstance(self.query, SubclassesQuery)
        return is_asked or bool(CouchbaseModel.tables[table.table_name].is_base)
