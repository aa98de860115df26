"""Writes many documents in few requests. One exception tells all that were refused."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from django.db.models.constants import OnConflict

from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayAnswerLost,
    SyncGatewayBadRequest,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayException,
    UniqueKeyTaken,
)
from django_cbtools.sync_gateway.calls.client import dumps
from django_cbtools.sync_gateway.documents.documents import (
    BULK_COUNT,
    Document,
    bad_document,
    batches,
)
from django_cbtools.sync_gateway.keyspaces import of_class

from ..channels import check_channels, decide_channels
from ..keyspaces import grouped, rows_of
from ..telling import conflict, instance_of, say_class
from .attachments import upload_rest
from .expiring import see_expiries
from .following import following
from .ordering import take_missing_places
from .unique_keys import Claims
from .versions import Version, reveal, version_of
from .written import Changed, Tombstone, Whole, whole


class Bulk:
    """A write of many documents.

    ``with Bulk() as bulk`` raises a SyncGatewayBulkError at its end if documents were refused. If
    the first request fails as a whole, its exception is raised. If a later one does, its documents
    count as refused, and the remaining documents are not sent.
    """

    def __init__(self) -> None:
        self.errors: dict[str, SyncGatewayException] = {}
        self.saved = 0
        #: The error of a request that failed as a whole after others had succeeded.
        self.failure: SyncGatewayException | None = None

    def __enter__(self) -> Bulk:
        return self

    def __exit__(self, error: type[BaseException] | None, *args: Any) -> None:
        if error is None and self.errors:
            raise SyncGatewayBulkError(self.errors, self.saved) from self.failure

    def _batches(self, items: Iterable[Any], size: int | None = None) -> Iterator[list[Any]]:
        """Yield lists of documents or uids, one for each request and keyspace. After a failed
        request, the remaining ones count as refused."""
        for batch in chain.from_iterable(map(grouped, batches(items, size))):
            if self.failure is None:
                yield batch
            else:
                uids = [getattr(item, "uid", item) for item in batch]
                self.errors |= dict.fromkeys(uids, self.failure)

    # ---------------------------------------------------------------- reading

    def load(self, manager: Any, revs: Mapping[str, str]) -> Iterator[list[Any]]:
        """Yield batches of documents, loaded by uid. Documents with another revision than in
        ``revs`` are refused."""
        for uids in self._batches(revs):
            found = {document.uid: document for document in manager.filter(pk__in=uids)}
            loaded = []
            for uid in uids:
                document = found.get(uid)
                if document is not None and version_of(document) == revs[uid]:
                    loaded.append(document)
                else:
                    self.errors[uid] = conflict(
                        manager.model, uid, "somebody has written it since it was selected"
                    )
            reveal(loaded)
            yield loaded

    # ---------------------------------------------------------------- writing

    def create(
        self,
        documents: Sequence[Any],
        size: int | None = None,
        on_conflict: OnConflict | None = None,
        update_fields: Collection[Any] = (),
    ) -> None:
        """Create documents. Raise CouchbaseModelError, before any is written, if one is in no
        channel."""
        for document in documents:
            decide_channels(document)
            check_channels(document.channels, type(document))
        reveal(documents)
        former = [document.rev for document in documents]
        for document in documents:
            document.rev = None
            document.before_save()
        take_missing_places(documents)
        try:
            for batch in self._batches(documents, size):
                for document in self.write(batch):
                    document.after_save(True)
        finally:
            taken = [document for document in documents if document.rev is None]
            for document, rev in zip(documents, former, strict=True):
                document.rev = document.rev or rev
        if on_conflict is not None:
            conflicts = [document for document in taken if self._forget_conflict(document.uid)]
            if on_conflict is OnConflict.UPDATE:
                for batch in self._batches(conflicts, size):
                    self._update_instead(batch, update_fields)

    def _forget_conflict(self, uid: str) -> bool:
        is_conflict = isinstance(self.errors.get(uid), (SyncGatewayConflict, UniqueKeyTaken))
        if is_conflict:
            del self.errors[uid]
        return is_conflict

    def _update_instead(
        self, documents: Sequence[Any], fields: Collection[Any], *, may_be_gone: bool = False
    ) -> None:
        """Write some fields of documents to the existing documents with their uids."""
        changed = []
        for document, row in rows_of(documents):
            there = type(document)()
            try:
                there.from_sync_gateway_row(row)
            except SyncGatewayException as error:  # it is of another type, or gone by now
                if "doc" in row or not may_be_gone:
                    self.errors[document.uid] = error
                continue
            for field in fields:
                setattr(there, field.attname, getattr(document, field.attname))
            changed.append(there)
        self.update(changed, fields)

    def update(
        self, documents: Iterable[Any], fields: Collection[Any], size: int | None = None
    ) -> None:
        """Write some fields of documents, and ``updated``. Each is written on top of its revision,
        or of the existing document if it has no revision. If several have the same uid, the first
        is written."""
        documents = list(documents)
        reveal(documents)
        chosen: dict[Any, Any] = {}
        places = [(of_class(type(each)), each.get_uid()) for each in documents]
        others = [
            each
            for place, each in zip(places, documents, strict=True)
            if chosen.setdefault(place, each) is not each
        ]
        known = [document for document in chosen.values() if document.rev is not None]
        with following(others):
            for batch in self._batches(known, size):
                see_expiries(batch)
                self.write(self.prepared(batch, lambda document: Changed(document, fields)))
        for batch in self._batches([each for each in chosen.values() if each.rev is None], size):
            self._update_instead(batch, fields, may_be_gone=True)

    def delete(self, documents: Iterable[Any]) -> list[Any]:
        """Delete documents softly, as ``document.delete()`` does, and return those that were
        deleted."""
        deleted = []
        for batch in self._batches(documents):
            see_expiries(batch)
            gone = self.write(self.prepared(batch, _marked_deleted))
            for document in gone:
                document.after_save(False)
                document.after_delete()
            deleted += gone
        return deleted

    def hard_delete(self, documents: Iterable[Any]) -> list[Any]:
        """Delete documents for real, and return those that were deleted."""
        deleted = []
        for batch in self._batches(documents):
            reveal(batch)
            for document in batch:
                document.before_delete()
            gone = self.write([Tombstone(document) for document in batch])
            for tombstone in gone:
                tombstone.document.after_delete()
                deleted.append(tombstone.document)
        return deleted

    def prepared(self, documents: Iterable[Any], prepare: Callable[[Any], Any]) -> list[Any]:
        """Return the documents that can be written, prepared by ``prepare``. The errors of the
        others are put into ``errors``."""
        prepared = []
        for document in documents:
            try:
                prepared.append(prepare(document))
            except (CouchbaseModelError, SyncGatewayBadRequest) as error:
                uid = document.get_uid()
                self.errors[uid] = bad_document(uid, error)
                say_class(self.errors[uid], type(instance_of(document)), uid)
            except SyncGatewayConflict as error:
                self.errors[document.uid] = error
        return prepared

    def write(self, documents: Sequence[Document]) -> list[Any]:
        """Write documents in one request, or in several if they are large. Return those that were
        saved.

        Errors of the documents themselves are found before any of them is written.
        """
        documents = self.prepared(documents, whole)
        claims = Claims(documents)
        not_unique = claims.claim()
        self.errors |= not_unique
        documents = [each for each in documents if each.get_uid() not in not_unique]
        former = [document.rev for document in documents]
        try:
            claims.gateway.save_documents(documents)
        except SyncGatewayBulkError as refused:
            self.errors |= refused.errors
            for document in documents:
                uid = document.get_uid()
                if uid in refused.errors:
                    say_class(refused.errors[uid], type(instance_of(document)), uid)
        except SyncGatewayException as failure:
            written = any(d.rev != rev for d, rev in zip(documents, former, strict=True))
            if not (written or self.saved or self.errors):
                is_known = not isinstance(failure, SyncGatewayAnswerLost)
                claims.settle((), () if is_known else claims.uids)
                raise
            self.failure = failure
        pairs = list(zip(documents, former, strict=True))
        saved = [document for document, rev in pairs if document.rev != rev]
        if self.failure is not None:
            refused_now = {d.get_uid() for d, rev in pairs if d.rev == rev}
            self.errors |= dict.fromkeys(refused_now, self.failure)
        claims.settle(
            [document.get_uid() for document in saved],
            [uid for uid in claims.uids if isinstance(self.errors.get(uid), SyncGatewayAnswerLost)],
        )
        self.saved += len(saved)
        return [
            self._with_uploads(each.document) if isinstance(each, Whole) else each for each in saved
        ]

    def _with_uploads(self, document: Any) -> Any:
        """Write the large attachments of a saved document, and return the document."""
        try:
            upload_rest(document)
        except SyncGatewayException as error:
            self.errors[document.uid] = error
        return document


def revisions(queryset: Any) -> dict[str, str]:
    """Return the uids and versions of the documents that a query finds, without loading them."""
    found = queryset.order_by().values_list("uid", Version())
    return dict(found.iterator(chunk_size=BULK_COUNT))


def _marked_deleted(document: Any) -> Any:
    dumps(document.to_dict())  # nobody is told of a deletion that cannot be
    document.before_delete()
    document.st_deleted = True
    document.before_save()
    return document
