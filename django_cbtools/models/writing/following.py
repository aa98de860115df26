"""Updates other instances of a written document with its new revision."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from itertools import chain
from typing import Any

from .versions import reveal

_followed: ContextVar[Mapping[str, list[Any]]] = ContextVar("followed", default={})  # noqa: B039


@contextmanager
def following(instances: Iterable[Any]) -> Iterator[None]:
    """Let instances follow writes of their documents: their next ``save()`` goes on from the
    revision that is written within this context. Instances that are stale stay so."""
    instances = list(instances)
    reveal(instances)
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
    """Update the instances that follow a document after it was written on top of the revision
    ``former``."""
    for other in _followed.get().get(document.uid, ()):
        if other is not document and other.rev == former:
            other.saved_as(document.rev, document._base)


class Telling:
    """The base class of the documents' managers.

    Django makes related managers from them. Documents that are passed to such a manager, or that
    its instance has prefetched, get the revisions that it writes, so they can still be saved.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name in ("add", "remove", "clear", "set"):
            if name in vars(cls):
                setattr(cls, name, _telling(vars(cls)[name]))


def _telling(method: Any) -> Any:
    takes_a_list = method.__name__ == "set"

    @wraps(method)
    def told(self: Any, *objs: Any, **kwargs: Any) -> Any:
        if takes_a_list:
            objs = tuple(map(tuple, objs))  # they may be iterators
        given = chain(*objs) if takes_a_list else objs
        fetched = getattr(getattr(self, "instance", None), "_prefetched_objects_cache", {})
        known = {id(each): each for each in chain(given, *fetched.values())}
        with following(each for each in known.values() if hasattr(each, "saved_as")):
            return method(self, *objs, **kwargs)

    return told
