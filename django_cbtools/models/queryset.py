"""The QuerySet and the managers of documents."""

from __future__ import annotations

from collections.abc import AsyncIterable, Collection, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import NotSupportedError, models
from django.db.models import sql
from django.db.models.lookups import Exact
from django.db.models.sql.constants import ROW_COUNT
from django.db.models.sql.where import AND

from django_cbtools.query_service.options import NOT_BOUNDED, REQUEST_PLUS
from django_cbtools.sync_gateway.documents.documents import batches

from .raw import RawDocuments
from .sql import DocumentQuery
from .subclasses import SubclassesQuery, by_type
from .writing.bulk import Bulk
from .writing.bulk_saving import BulkSaved, Progress, pulled, save_all
from .writing.deletion import DocumentCollector
from .writing.following import Telling
from .writing.member_updates import MemberTarget, is_member
from .writing.written import alters_data

Model = TypeVar("Model", bound=models.Model, covariant=True)


class DocumentQuerySet(models.QuerySet[Model]):
    """A QuerySet of documents. Documents are always loaded whole.

    All writes go through the gateway, many documents in one request. Each is written on top of the
    revision that the query found. If some are refused, the others are saved, and
    SyncGatewayBulkError is raised.
    """

    def __init__(
        self, model: Any = None, query: Any = None, using: Any = None, hints: Any = None
    ) -> None:
        super().__init__(model, query or DocumentQuery(model), using, hints)

    @classmethod
    def as_manager(cls) -> Documents[Any]:
        """Return a manager of the documents that are not soft-deleted."""
        manager: Documents[Any] = Documents.from_queryset(cls)()
        vars(manager)["_built_with_asmanager"] = True
        return manager

    as_manager.__func__.queryset_only = True  # type: ignore[attr-defined]

    def defer(self, *fields: Any) -> Any:
        """Check the names, and defer nothing: documents are always loaded whole.

        Raises FieldDoesNotExist if a name is not a field.
        """
        named: Any = super().defer(*fields)
        named.query.get_select_mask()
        return self.all()

    def only(self, *fields: Any) -> Any:
        """Check the names, and defer nothing, as :meth:`defer`."""
        named: Any = super().only(*fields)
        named.query.get_select_mask()
        return self.all()

    def raw(
        self, raw_query: Any, params: Any = (), translations: Any = None, using: str | None = None
    ) -> Any:
        """Return a RawQuerySet, as in Django.

        In the SQL, a document class is the table ``_meta.db_table``, which includes soft-deleted
        documents. Instances are created from the whole document.
        """
        found: Any = RawDocuments(
            raw_query,
            model=self.model,
            params=params,
            translations=translations,
            using=self.db if using is None else using,
        )
        found._prefetch_related_lookups = getattr(self, "_prefetch_related_lookups")[:]  # noqa: B009
        return found

    def scan_consistency(self, value: str) -> Any:
        """Set the scan consistency of Couchbase Server's query service for this QuerySet.

        It replaces the one in ``OPTIONS``. ``"request_plus"`` finds all documents that were saved
        before: the indexes are updated first. ``"not_bounded"`` does not wait, and may miss recent
        writes. The embedded backend always finds all documents.

        Raises ValueError for another value.
        """
        if value not in (REQUEST_PLUS, NOT_BOUNDED):
            raise ValueError(
                f"scan_consistency() takes {REQUEST_PLUS!r} or {NOT_BOUNDED!r}, not {value!r}."
            )
        clone: Any = self.all()
        clone.query.scan_consistency = value
        return clone

    # --------------------------------------------------------------- changing

    def update(self, **kwargs: Any) -> int:
        """Update fields, and ``updated``, of all documents found. Returns how many.

        Lookups reach inside fields: ``update(address__city="Oslo", details__color="red",
        prices__0=3)``. Missing objects are created.
        """
        self._check_may("update")
        if self.query.is_sliced:
            raise TypeError("Cannot update a query once a slice has been taken.")
        self._for_write = True
        self.query.get_compiler(self.db)  # refuses aliases that hold no documents
        query: Any = self.query.chain(sql.UpdateQuery)
        within = {name for name in kwargs if is_member(self.model, name)}
        query.add_update_values({name: kwargs[name] for name in kwargs if name not in within})
        query.add_update_fields(
            [(MemberTarget(self.model, name), self.model, kwargs[name]) for name in sorted(within)]
        )
        query.clear_select_clause()
        # In Django, only a rollback can follow a refusal. Here, all other documents are saved.
        count: int = query.get_compiler(self.db).execute_sql(ROW_COUNT)
        self._result_cache = None
        return count

    def bulk_update(
        self, objs: Iterable[Any], fields: Iterable[str], batch_size: int | None = None
    ) -> int:
        """Save the given fields, and ``updated``, of documents. Returns how many.

        Documents that this QuerySet does not find are left out, as in Django. Each document is
        written on top of the revision that it was loaded with.
        """
        _check_batch_size(batch_size)
        names = list(fields)
        if not names:
            raise ValueError("Field names must be given to bulk_update().")
        documents = list(objs)
        if not all(document._is_pk_set() for document in documents):
            raise ValueError("All bulk_update() objects must have a primary key set.")
        chosen: list[Any] = [self.model._meta.get_field(name) for name in names]
        if any(not field.concrete or field.many_to_many for field in chosen):
            raise ValueError("bulk_update() can only be used with concrete fields.")
        if any(field.name in ("uid", "rev") for field in chosen):
            raise ValueError("bulk_update() cannot be used with primary key fields, nor with rev.")
        for document in documents:
            document._prepare_related_fields_for_save(operation_name="bulk_update", fields=chosen)
        with Bulk() as bulk:
            bulk.update(self._among(documents), chosen, batch_size)
        return bulk.saved

    def _among(self, documents: list[Any]) -> list[Any]:
        """Return the documents that this QuerySet finds. One without a filter is not asked."""
        conditions = self.query.where.children
        if not self.query.is_sliced and all(isinstance(each, _NotDeleted) for each in conditions):
            return documents
        found: set[Any] = set()
        for uids in batches(document.pk for document in documents):
            found.update(self.filter(pk__in=uids).order_by().values_list("pk", flat=True))
        return [document for document in documents if document.pk in found]

    # --------------------------------------------------------------- creating

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        """Create documents, and send the signals of each.

        Documents whose uid exists already are refused. With ``ignore_conflicts``, they are skipped.
        With ``update_conflicts``, ``update_fields`` of the existing documents are updated.
        """
        _check_batch_size(batch_size)
        documents = list(objs)
        if not documents:
            return documents
        get_field = self.model._meta.get_field
        unique = [get_field("uid" if name == "pk" else name) for name in unique_fields or ()]
        changing = [get_field(name) for name in update_fields or ()]
        on_conflict = self._check_bulk_create_options(  # type: ignore[attr-defined]
            ignore_conflicts, update_conflicts, changing, unique
        )
        if any(field.name != "uid" for field in unique):
            raise NotSupportedError("Documents conflict by their uid: unique_fields=['uid'].")
        self._for_write = True
        for document in documents:
            document._prepare_related_fields_for_save(operation_name="bulk_create")
        with Bulk() as bulk:
            bulk.create(documents, batch_size, on_conflict, changing)
        return documents

    def bulk_save(
        self,
        documents: Iterable[Any],
        batch_size: int | None = None,
        *,
        progress: Progress | None = None,
    ) -> BulkSaved[Model]:
        """Save new and existing documents in batches, each on top of its own revision.

        ``documents`` is any iterable, such as a generator. ``batch_size`` (1,000) documents are
        taken at a time, saved, and released. Channels, ``pre_save()`` of fields, UniqueKeys and the
        ``cb_*`` signals are handled as in ``bulk_create()``. ``full_clean()`` is not called.

        Returns a BulkSaved: ``saved`` is the number of saved documents, and ``failed`` is a list of
        Outcomes with ``instance``, ``saved`` and ``error``. A document that fails does not keep
        others from being saved. ``progress`` is a function that is called after each batch, with a
        list of Outcomes of its documents, in order.

        If the gateway fails as a whole, its exception is raised, after ``progress`` was called.
        Documents that were saved before stay saved, and no more are taken from ``documents``.
        """
        _check_batch_size(batch_size)
        self._check_may("bulk_save")
        self._for_write = True
        return save_all(self.model, documents, batch_size, progress)

    async def abulk_save(
        self,
        documents: Iterable[Any] | AsyncIterable[Any],
        batch_size: int | None = None,
        *,
        progress: Progress | None = None,
    ) -> BulkSaved[Model]:
        """Async version of :meth:`bulk_save`. ``documents`` may be an async generator."""
        taken = pulled(documents) if isinstance(documents, AsyncIterable) else documents
        return await sync_to_async(self.bulk_save)(taken, batch_size, progress=progress)

    # --------------------------------------------------------------- deleting

    def delete(self) -> tuple[int, dict[str, int]]:
        """Soft-delete the documents that are not deleted yet.

        ``on_delete`` and signals are handled as in ``document.delete()``. Returns the number of
        deleted documents, and a dictionary of the numbers of each class.
        """
        return self._delete(hard=False)

    def hard_delete(self) -> tuple[int, dict[str, int]]:
        """Delete the documents for real, as ``document.hard_delete()``.

        Returns the same as :meth:`delete`.
        """
        return self._delete(hard=True)

    def undelete(self) -> int:
        """Undo the soft deletion of documents that ``all_objects`` has found. Returns how many."""
        return self.filter(st_deleted=True).update(st_deleted=False)

    async def ahard_delete(self) -> tuple[int, dict[str, int]]:
        """Async version of :meth:`hard_delete`."""
        return await sync_to_async(self.hard_delete)()

    async def aundelete(self) -> int:
        """Async version of :meth:`undelete`."""
        return await sync_to_async(self.undelete)()

    alters_data(update, bulk_update, bulk_create, bulk_save, abulk_save)
    alters_data(delete, hard_delete, undelete, ahard_delete, aundelete, queryset_only=True)

    def _delete(self, hard: bool) -> tuple[int, dict[str, int]]:
        self._check_may("delete")
        if self.query.is_sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with delete().")
        if getattr(self, "_fields") is not None:  # noqa: B009
            raise TypeError("Cannot call delete() after .values() or .values_list()")
        found: Any = self.all() if hard else self.filter(st_deleted=False)
        found._for_write = True
        found.query.select_for_update = False
        found.query.select_related = False
        found.query.clear_ordering(force=True)
        collector = DocumentCollector(self, hard)
        collector.collect(found)
        collector.decide()
        counts = collector.delete()
        self._result_cache = None
        return counts

    def _check_may(self, what: str) -> None:
        """Raise Django's errors for queries that cannot write, and an error for queries of
        subclasses."""
        if isinstance(self.query, SubclassesQuery):
            classes = ", ".join(cls.__name__ for cls in by_type(self.model).values())
            raise NotSupportedError(
                f"Cannot call {what}() after select_subclasses(): each class writes its documents. "
                f"Call it for each of {classes}."
            )
        getattr(self, "_not_support_combined_queries")(what)  # noqa: B009
        if self.query.distinct_fields:
            raise TypeError(f"Cannot call {what}() after .distinct(*fields).")


class _NotDeleted(Exact):
    """The condition of :class:`Documents`.

    It has no parameter: Django's ``iexact`` takes the first parameter of a subquery for a pattern.
    """

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> tuple[str, Any]:
        sql, params = self.process_lhs(compiler, connection)
        return f"{sql} = 0", params


def _check_batch_size(batch_size: int | None) -> None:
    if batch_size is not None and batch_size <= 0:
        raise ValueError("Batch size must be a positive integer.")


class NoManager:
    """The manager of nested models: it raises an error."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        raise AttributeError(
            f"{owner.__name__} has no {self.name}: it is a part of documents, which are asked for."
        )


class AllDocuments(Telling, models.Manager[Model]):
    """A manager of all documents of a class, including soft-deleted ones."""

    _queryset_class = DocumentQuerySet

    def scan_consistency(self, value: str) -> DocumentQuerySet[Model]:
        """Return a QuerySet with this scan consistency; see
        :meth:`DocumentQuerySet.scan_consistency`."""
        found: DocumentQuerySet[Model] = self.get_queryset().scan_consistency(value)
        return found

    def bulk_save(self, documents: Iterable[Any], *args: Any, **kwargs: Any) -> BulkSaved[Model]:
        """Save documents in batches; see :meth:`DocumentQuerySet.bulk_save`."""
        return self.get_queryset().bulk_save(documents, *args, **kwargs)

    async def abulk_save(
        self, documents: Iterable[Any] | AsyncIterable[Any], *args: Any, **kwargs: Any
    ) -> BulkSaved[Model]:
        """Async version of :meth:`bulk_save`."""
        return await self.get_queryset().abulk_save(documents, *args, **kwargs)

    if TYPE_CHECKING:

        def get_queryset(self) -> DocumentQuerySet[Model]: ...
        def all(self) -> DocumentQuerySet[Model]: ...
        def filter(self, *args: Any, **kwargs: Any) -> DocumentQuerySet[Model]: ...
        def exclude(self, *args: Any, **kwargs: Any) -> DocumentQuerySet[Model]: ...


class Documents(AllDocuments[Model]):
    """A manager of the documents of a class that are not soft-deleted."""

    def get_queryset(self) -> DocumentQuerySet[Model]:
        queryset = super().get_queryset()
        # Equal to filter(st_deleted=False), but much faster.
        query: Any = queryset.query
        field: Any = self.model._meta.get_field("st_deleted")
        query.where.add(_NotDeleted(field.get_col(query.get_initial_alias()), False), AND)
        return queryset
