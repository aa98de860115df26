"""Documents as QuerySets."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, TypeVar

from django.db import NotSupportedError, models

from django_cbtools.sync_gateway import SyncGateway

from .sql import DocumentQuery

Model = TypeVar("Model", bound=models.Model, covariant=True)


class DocumentQuerySet(models.QuerySet[Any]):
    """A QuerySet of documents. Instances are always made of the whole document."""

    def __init__(
        self, model: Any = None, query: Any = None, using: Any = None, hints: Any = None
    ) -> None:
        super().__init__(model, query or DocumentQuery(model), using, hints)

    def defer(self, *fields: Any) -> Any:
        """Nothing is left out: a document is loaded whole, or keys of it would be lost."""
        return self.all()

    def only(self, *fields: Any) -> Any:
        """As :meth:`defer`."""
        return self.all()

    def update(self, **kwargs: Any) -> int:
        """Not supported yet: documents are written through the gateway, one by one or created."""
        raise _read_only("Updating")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Not supported yet, as :meth:`update`."""
        raise _read_only("Deleting")

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Any]:
        """Save documents through the gateway, many in one request, signals included.

        SyncGatewayBulkError says which ones were refused; the others are saved.
        """
        if ignore_conflicts or update_conflicts:
            raise NotImplementedError("A document that is there already is always a conflict.")
        documents = list(objs)
        for document in documents:
            document.before_save()
        try:
            SyncGateway.save_documents(documents)
        finally:
            for document in documents:
                if document.rev is not None:
                    document.after_save(True)
        return documents


def _read_only(what: str) -> NotSupportedError:
    return NotSupportedError(
        f"{what} documents with a QuerySet is not supported: documents are written through the "
        "gateway. Use save(), delete() or bulk_create()."
    )


class AllDocuments(models.Manager[Model]):
    """The documents of a class, soft-deleted ones included."""

    def get_queryset(self) -> models.QuerySet[Model]:
        return DocumentQuerySet(self.model, using=self._db, hints=self._hints)  # type: ignore[attr-defined]


class Documents(AllDocuments[Model]):
    """The documents of a class that are not deleted softly."""

    def get_queryset(self) -> models.QuerySet[Model]:
        return super().get_queryset().filter(st_deleted=False)
