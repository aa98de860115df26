"""Helpers of 1.x for documents that refer to others."""

from __future__ import annotations

import calendar
import datetime
import logging
from collections.abc import Sequence
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.utils import timezone

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.query import load_objects_dict

from .base import CouchbaseModel
from .relations import ForeignKey

logger = logging.getLogger(__name__)

T = TypeVar("T", bound=CouchbaseModel)


def load_related_objects(
    objects: Sequence[Any],
    related_name: str,
    related_class: type[CouchbaseModel],
    related_name_suffix: str = "_uid",
) -> None:
    """Load the related documents of many objects in one request.

    ``<related_name>`` of each object is set to the document whose uid is in
    ``<related_name><suffix>``, or to None if it does not exist. The stored uid of a ForeignKey is
    not changed.
    """
    key = related_name + related_name_suffix
    # A value of another type, which a phone wrote, is no uid.
    uids = [uid if isinstance(uid, str) else None for uid in (getattr(i, key) for i in objects)]
    related = load_objects_dict(list(dict.fromkeys(filter(None, uids))), related_class)
    for item, uid in zip(objects, uids, strict=True):
        found = related.get(uid) if uid else None
        field = {f.name: f for f in item._meta.concrete_fields}.get(related_name)
        if isinstance(field, ForeignKey):
            field.set_cached_value(item, found)
        else:
            setattr(item, related_name, found)


def try_else_return_none_obj(uid: str, model: type[T]) -> T | None:
    """Return the document with this uid, or None if it cannot be loaded, with a log message."""
    try:
        return model(uid)
    except SyncGatewayException as error:
        logger.warning("%s %r could not be loaded: %r", model.__name__, uid, str(error))
        return None


# For async code, the same.
aload_related_objects = sync_to_async(load_related_objects)
atry_else_return_none_obj = sync_to_async(try_else_return_none_obj)


def dt2ts(dt: datetime.datetime | None = None) -> int:
    """Return a datetime (now, by default) as seconds since 1970. A naive one is taken as UTC."""
    return calendar.timegm((dt or timezone.now()).utctimetuple())


def st2dt(stamp: float | str) -> datetime.datetime:
    """Return seconds since 1970 as a datetime in UTC."""
    return datetime.datetime.fromtimestamp(int(stamp), tz=datetime.timezone.utc)
