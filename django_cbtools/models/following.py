"""Instances that a program has, of documents that it writes by others: they learn the revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_followed: ContextVar[Mapping[str, list[Any]]] = ContextVar("followed", default={})  # noqa: B039


@contextmanager
def following(instances: Iterable[Any]) -> Iterator[None]:
    """What is written within this, of the documents that these instances are, is as if they had
    written it: what they save next is on top of it. Those that are stale stay so."""
    by_uid: dict[str, list[Any]] = defaultdict(list)
    for uid, others in _followed.get().items():
        by_uid[uid] += others
    for instance in instances:
        by_uid[instance.uid].append(instance)
    token = _followed.set(by_uid)
    try:
        yield
    finally:
        _followed.reset(token)


def tell(document: Any, former: str | None) -> None:
    """Have those that follow know that a document has been written, on top of that revision."""
    for other in _followed.get().get(document.uid, ()):
        if other is not document and other.rev == former:
            other.saved_as(document.rev, document._base)
