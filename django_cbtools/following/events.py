"""Converts a change of the feed to a signal: its kind, its sender and its arguments."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any, NamedTuple

from asgiref.sync import async_to_sync

from django_cbtools.canonical import generation
from django_cbtools.exceptions import shown
from django_cbtools.models import CouchbaseModel
from django_cbtools.models.document import DOC_TYPE
from django_cbtools.models.subclasses import by_type
from django_cbtools.signals import cb_changed, cb_removed
from django_cbtools.sync_gateway.feed.change import Change

logger = logging.getLogger(__name__)


def anybody_listens(models: Collection[type[CouchbaseModel]] = ()) -> bool:
    """Return whether changes of these classes (without them: of any class) have a receiver."""
    senders: Collection[Any] = models or [CouchbaseModel, *by_type(CouchbaseModel).values()]
    return any(
        signal.has_listeners(sender) for signal in (cb_changed, cb_removed) for sender in senders
    )


class UnreadableDocument(Exception):
    """A document cannot be made an instance of its class."""


class Event(NamedTuple):
    """A signal to send, with its arguments."""

    signal: Any
    sender: type[CouchbaseModel]
    named: Mapping[str, Any]

    def calls(self) -> list[tuple[str, Callable[[], Any]]]:
        """Return the connected receivers, with their names. Calling one raises its own errors."""
        plain, coroutines = self.signal._live_receivers(self.sender)
        calls = [(name_of(each), each) for each in plain]
        calls += [(name_of(each), async_to_sync(each)) for each in coroutines]
        told = {"signal": self.signal, "sender": self.sender, **self.named}
        return [(name, partial(call, **told)) for name, call in calls]


class Senders:
    """The document classes that are the senders of a keyspace's changes: all classes, or
    ``models``."""

    def __init__(
        self, models: tuple[type[CouchbaseModel], ...] = (), keyspace: str | None = None
    ) -> None:
        self._classes = by_type(CouchbaseModel, (keyspace,))
        self._models = models
        self._prefixes: dict[str, type[CouchbaseModel] | None] = {}
        for cls in self._classes.values():
            prefix = cls.uid_prefix
            self._prefixes[prefix] = None if prefix in self._prefixes else cls
        #: The number of documents by doc_type, for doc_types that no class has.
        self.unknown: Counter[str] = Counter()

    def event(self, change: Change, by_us: bool) -> Event | None:
        """Return the event of a change, or None if it concerns none of the classes.

        Raises UnreadableDocument if the document cannot be read.
        """
        if change.deleted or change.is_lost:
            # The feed has no body of these documents.
            sender = self._prefixes.get(change.uid.rpartition("_")[0]) or CouchbaseModel
            if self._models and sender not in self._models:
                return None
            told = {"uid": change.uid, "rev": change.rev, "deleted": change.deleted,
                    "seq": change.seq, "by_us": by_us}  # fmt: skip
            return Event(cb_removed, sender, told)
        doc = change.doc
        if doc is None:
            raise UnreadableDocument(f"The gateway has no body of document {shown(change.uid)}.")
        doc_type = doc.get(DOC_TYPE)
        known = self._classes.get(doc_type) if isinstance(doc_type, str) else None
        if known is None:
            self._leave_alone(change.uid, doc_type)
            return None
        if self._models and known not in self._models:
            return None
        row = {"id": change.uid, "key": change.uid, "value": {"rev": change.rev}, "doc": doc}
        try:
            instance = known.from_row(row)
        except Exception as error:
            raise UnreadableDocument(
                f"Document {shown(change.uid)} cannot be made a {known.__name__}: "
                f"{type(error).__name__}: {error}"
            ) from error
        told = {
            "instance": instance,
            "created": True if generation(change.rev) == 1 else None,
            "deleted": instance.st_deleted is True,
            "seq": change.seq,
            "by_us": by_us,
        }
        return Event(cb_changed, known, told)

    def _leave_alone(self, uid: str, doc_type: Any) -> None:
        """Count an ignored document. The first one of each unknown doc_type is logged."""
        name = f"{doc_type!r:.100}"
        known = name in self.unknown
        if known or len(self.unknown) < 100:
            self.unknown[name] += 1
        logger.log(
            logging.DEBUG if known else logging.INFO,
            "Document %s is left alone: no class has its doc_type, %.100r.", shown(uid), doc_type,
        )  # fmt: skip


def name_of(receiver: Any) -> str:
    """Return a receiver's name, by which it can be found again."""
    name = getattr(receiver, "__qualname__", None) or type(receiver).__qualname__
    return f"{getattr(receiver, '__module__', None) or type(receiver).__module__}.{name}"
