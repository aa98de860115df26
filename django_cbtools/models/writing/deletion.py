"""The deletion of documents: softly, which can be undone, or for real.

``on_delete`` of relations to a document applies to both, but a soft deletion deletes nothing for
real. Documents with CASCADE are deleted softly, too. Ordinary rows stay until the document is
deleted for real. Documents that are already deleted softly neither protect a document from soft
deletion nor are changed by it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NoReturn

from asgiref.sync import sync_to_async
from django.db import models, router
from django.db.models.deletion import Collector
from django.db.models.signals import ModelSignal, post_delete, pre_delete

from django_cbtools import conf
from django_cbtools.signals import cb_post_delete, cb_pre_delete
from django_cbtools.sync_gateway.facade import gateway_of
from django_cbtools.sync_gateway.keyspaces import of_class

from ..document import DocumentJSON
from .alone import asked_in
from .bulk import Bulk, revisions
from .by_views import Found, not_deleted
from .saving import DocumentSaving
from .unique_keys import reserved
from .written import Tombstone, alters_data


class DocumentDeletion(DocumentSaving):
    """The part of CouchbaseModel that deletes documents, and restores them."""

    st_deleted: Any

    def delete(self, using: str | None = None, keep_parents: bool = False) -> Any:
        """Delete the document softly: set ``st_deleted`` and save.

        Returns the number of deleted documents, and a dictionary of the numbers of each class.

        Raises ProtectedError or RestrictedError if other objects refer to the document and do not
        allow it, SyncGatewayConflict if the document was changed since it was loaded, and
        ValueError if it has no uid, as documents that were never saved.
        """
        if self.uid is None:
            self._refuse("its uid attribute is set to None")
        collector = DocumentCollector(self, hard=False)
        collector.collect_others(self)
        collector.decide()
        collector.announce(self)
        self.before_delete()
        self.st_deleted = self._is_being_deleted = True
        try:
            self.save()
        finally:
            del self._is_being_deleted
        self.after_delete()
        collector.send(post_delete, self)
        return collector.delete({self._meta.label: 1})

    def hard_delete(self) -> tuple[int, dict[str, int]]:
        """Delete the document for real. The gateway keeps a tombstone, which notifies phones.

        Returns and raises the same as :meth:`delete`. Also raises ValueError if the document has no
        revision.
        """
        if self.rev is None:
            self._refuse("it has no revision")
        collector = DocumentCollector(self, hard=True)
        collector.collect_others(self)
        collector.decide()
        collector.announce(self)
        self.before_delete()
        with reserved(Tombstone(self)):
            gateway_of(type(self)).delete_document(self.get_uid(), self.rev)
        self.is_gone()
        self.after_delete()
        collector.send(post_delete, self)
        return collector.delete({self._meta.label: 1})

    def _refuse(self, why: str) -> NoReturn:
        raise ValueError(f"{self._meta.object_name} object can't be deleted because {why}.")

    def undelete(self) -> None:
        """Undo a soft deletion, and save. Documents that were deleted with it stay deleted."""
        self.st_deleted = False
        self.save()

    async def ahard_delete(self) -> tuple[int, dict[str, int]]:
        """Async version of :meth:`hard_delete`."""
        return await sync_to_async(self.hard_delete)()

    async def aundelete(self) -> None:
        """Async version of :meth:`undelete`."""
        await sync_to_async(self.undelete)()

    alters_data(delete, hard_delete, undelete, ahard_delete, aundelete)

    def before_delete(self) -> None:
        """Do what is needed before the document is deleted, alone or in bulk."""
        cb_pre_delete.send(sender=type(self), instance=self)

    def after_delete(self) -> None:
        """Do what is needed after the document was deleted."""
        cb_post_delete.send(sender=type(self), instance=self)

    def is_gone(self) -> None:
        """Record that the document no longer exists at the gateway."""
        self.rev, self._base = None, {}
        self._state.adding = True


class DocumentCollector(Collector):
    """The collector of a deletion that includes documents. Documents are written first. Ordinary
    rows follow in a transaction, and only if no document was refused."""

    def __init__(self, origin: Any, hard: bool, **kwargs: Any) -> None:
        super().__init__(conf.document_alias(), origin, **kwargs)
        self.hard = hard
        self._is_announced = False
        #: The documents to change, by their fields, and the revisions to delete unseen, by class.
        self._updates: dict[frozenset[Any], list[Any]] = {}
        self._unseen: list[tuple[Any, dict[str, str]]] = []
        self._itself: Any = None

    def announce(self, *documents: Any) -> None:
        """Send ``pre_delete`` for documents, and for all that are deleted with them, before any is
        deleted, as Django does."""
        self._is_announced = True
        for document in documents:
            self.send(pre_delete, document)
        for model in filter(is_document, self.data):
            for document in _in_order(self.data[model]):
                self.send(pre_delete, document)

    def send(self, signal: ModelSignal, document: Any) -> None:
        """Send one of Django's signals for a document, with ``hard`` as an additional argument."""
        about = {"using": self.using, "origin": self.origin, "hard": self.hard}
        signal.send(sender=type(document), instance=document, **about)

    def collect_others(self, document: Any) -> None:
        """Collect the objects that are deleted with a document, without the document."""
        self._itself = document
        self.collect([document])
        self.data[type(document)] = self.data[type(document)] - {document}  # type: ignore[operator]

    def collect(self, objs: Any, *args: Any, **kwargs: Any) -> None:
        models_ = [objs.model] if isinstance(objs, models.QuerySet) else map(type, objs[:1])
        if any(self.hard or is_document(model) for model in models_):
            super().collect(objs, *args, **kwargs)

    def can_fast_delete(self, objs: Any, from_field: Any = None) -> bool:
        """Return whether Django may delete the objects unseen. Objects that :meth:`collect` has to
        see are excluded."""
        if isinstance(objs, type) and not is_document(objs) and not (self.hard and _has_rows(objs)):
            return False
        return bool(super().can_fast_delete(objs, from_field))

    def related_objects(self, related_model: Any, related_fields: Any, objs: Any) -> Any:
        if not is_document(related_model) and not _has_rows(related_model):
            return Found()
        found: Any = super().related_objects(related_model, related_fields, objs)
        if not is_document(related_model):
            return asked_in(found, router.db_for_write(related_model))
        if isinstance(found, Found):
            return found if self.hard else not_deleted(found)
        return found if self.hard else found.filter(st_deleted=False)

    def take_from(self, other: Collector) -> None:
        """Take over the documents that another collector has found."""
        for model in [model for model in other.data if is_document(model)]:
            self.data[model] = other.data.pop(model)
        for field, value in [key for key in other.field_updates if is_document(key[0].model)]:
            self.field_updates[field, value] = other.field_updates.pop((field, value))
        self.fast_deletes += [found for found in other.fast_deletes if is_document(found.model)]
        other.fast_deletes = [found for found in other.fast_deletes if not is_document(found.model)]

    def decide(self) -> None:
        """Decide all writes before the first one is sent."""
        for found in [found for found in self.fast_deletes if is_document(found.model)]:
            self.fast_deletes.remove(found)
            self._unseen.append((found.model, revisions(found)))
        self._updates |= self._take_updates()

    def delete(self, counts: Any = ()) -> tuple[int, dict[str, int]]:
        """Delete what was collected. Returns the total number, and the numbers of each class."""
        counter = Counter(dict(counts))
        if not self._is_announced:
            self.announce()
        with Bulk() as bulk:
            for model, count in self._delete_documents(bulk):
                counter[model._meta.label] += count
        ordinary = [
            *(field.model for field, _ in self.field_updates),
            *(queryset.model for queryset in self.fast_deletes),
            *self.data,
        ]
        if ordinary:
            self.using = router.db_for_write(ordinary[0])
            counter.update(super().delete()[1])
        found = {label: count for label, count in counter.items() if count}
        return sum(found.values()), found

    def _delete_documents(self, bulk: Bulk) -> Iterator[tuple[type[models.Model], int]]:
        for fields, documents in self._updates.items():
            bulk.update(documents, fields)
        delete = bulk.hard_delete if self.hard else bulk.delete
        for model, revs in self._unseen:
            for loaded in bulk.load(model._base_manager, revs):
                yield model, len(delete(loaded))
        # Documents that point to others are deleted before them.
        for model in [found for found in reversed(self.data) if is_document(found)]:
            gone = delete(_in_order(self.data.pop(model)))
            for document in gone:
                self.send(post_delete, document)
            yield model, len(gone)

    def _take_updates(self) -> dict[frozenset[Any], list[Any]]:
        """Return the documents whose relations have to change, by the set of fields. Each document
        is in it once."""
        doomed = {document for found in self.data.values() for document in found} | {self._itself}
        unseen = {(of_class(model), uid) for model, revs in self._unseen for uid in revs}
        changed: dict[Any, set[Any]] = defaultdict(set)
        documents: dict[Any, Any] = {}
        for field, value in [key for key in self.field_updates if is_document(key[0].model)]:
            found: list[Any] = self.field_updates.pop((field, value))
            for document in chain.from_iterable(found):
                if document not in doomed and (of_class(type(document)), document.pk) not in unseen:
                    document = documents.setdefault(document, document)
                    name = field.name if isinstance(value, models.Model) else field.attname
                    setattr(document, name, value)
                    changed[document].add(field)
        by_fields: dict[frozenset[Any], list[Any]] = defaultdict(list)
        for document, fields in changed.items():
            by_fields[frozenset(fields)].append(document)
        return by_fields


def is_document(model: Any) -> bool:
    return issubclass(model, DocumentJSON)


def _has_rows(model: Any) -> bool:
    """Return whether an ordinary model has a database. A site may have no database but that of
    documents."""
    return not conf.is_dummy_alias(router.db_for_write(model))


def _in_order(documents: Iterable[Any]) -> list[Any]:
    return sorted(documents, key=lambda document: document.pk)
