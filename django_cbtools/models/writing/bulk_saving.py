"""Saves documents from an iterable in batches, and reports a result for each."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar

from asgiref.sync import async_to_sync

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.sync_gateway.documents.documents import BULK_COUNT

from ..keyspaces import grouped
from .bulk import Bulk
from .expiring import see_expiries
from .ordering import take_missing_places
from .written import Whole

Model = TypeVar("Model")

_END: Any = object()


class Outcome(NamedTuple):
    """The result of saving one document.

    ``error`` is the exception that ``save()`` would have raised, or None. A document may be
    ``saved`` and still have an error, for example from a receiver of ``cb_post_save`` or a large
    attachment.
    """

    instance: Any
    saved: bool
    error: Exception | None


Progress: TypeAlias = Callable[[list[Outcome]], Any]


@dataclass
class BulkSaved(Generic[Model]):
    """The result of saving many documents.

    ``saved`` is the number of saved documents. ``failed`` has the Outcomes with an error.
    """

    saved: int = 0
    failed: list[Outcome] = field(default_factory=list)


def save_all(
    model: type[Any], documents: Iterable[Any], size: int | None, progress: Progress | None
) -> BulkSaved[Any]:
    """Save documents while they are generated; see :meth:`DocumentQuerySet.bulk_save`."""
    result: BulkSaved[Any] = BulkSaved()
    for batch in _batches(documents, size or BULK_COUNT):
        saving = _Batch(model, batch)
        outcomes = saving.save()
        result.saved += sum(outcome.saved for outcome in outcomes)
        result.failed += [outcome for outcome in outcomes if outcome.error is not None]
        if progress is not None:
            progress(outcomes)
        if saving.failure is not None:
            raise saving.failure
    return result


def _batches(documents: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Yield lists of at most ``size`` documents. No list has a document twice."""
    batch: list[Any] = []
    known: set[Any] = set()
    for document in documents:
        names = {id(document), getattr(document, "uid", None) or id(document)}
        if len(batch) == size or not known.isdisjoint(names):
            yield batch
            batch, known = [], set()
        batch.append(document)
        known |= names
    if batch:
        yield batch


class _Batch:
    """A batch of documents that are saved together."""

    def __init__(self, model: type[Any], documents: list[Any]) -> None:
        self._model, self._documents = model, documents
        self._errors: dict[int, Exception] = {}
        #: The error of a request that failed as a whole, not of a document.
        self.failure: SyncGatewayException | None = None

    def save(self) -> list[Outcome]:
        bulk, saved, created = Bulk(), set(), {}
        written: list[Any] = []
        try:
            ready: dict[int, Any] = {id(each.document): each for each in self._prepared()}
            created = {place: whole.rev is None for place, whole in ready.items()}
            for some in grouped(whole.document for whole in ready.values()):
                if bulk.failure is None:
                    written += bulk.write([ready[id(document)] for document in some])
            self.failure = bulk.failure
        except SyncGatewayException as failure:
            self.failure = failure
        for document in written:
            saved.add(id(document))
            with self._trying(document):
                document.after_save(created[id(document)])
        for document in self._documents:
            error = self.failure if id(document) not in saved else None
            if isinstance(document, self._model):
                error = bulk.errors.get(document.uid, error)
            if error is not None:
                self._errors.setdefault(id(document), error)
        return [
            Outcome(document, id(document) in saved, self._errors.get(id(document)))
            for document in self._documents
        ]

    def _prepared(self) -> Iterator[Whole]:
        """Return the documents that can be written."""
        ours = []
        for document in self._documents:
            with self._trying(document):
                if not isinstance(document, self._model):
                    raise TypeError(f"bulk_save() takes {self._model.__name__}s: {document!r}")
                ours.append(document)
        see_expiries(ours)
        take_missing_places(each for each in ours if each.rev is None)
        for document in ours:
            with self._trying(document):
                document._prepare_related_fields_for_save(operation_name="bulk_save")
                document.before_save()
                yield Whole(document)

    @contextmanager
    def _trying(self, document: Any) -> Iterator[None]:
        """Record an exception of this context as the document's error, so that others are still
        saved."""
        try:
            yield
        except Exception as error:
            self._errors[id(document)] = error


def pulled(documents: AsyncIterable[Any]) -> Iterator[Any]:
    """Yield the documents of an async iterable in the thread that works for the async code."""
    source = aiter(documents)

    async def following() -> Any:
        return await anext(source, _END)

    follow = async_to_sync(following)
    while (document := follow()) is not _END:
        yield document
