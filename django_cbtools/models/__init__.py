"""Documents: what programs import."""

from django_cbtools.conflicts import retry_on_conflict
from django_cbtools.exceptions import CouchbaseModelError, MergeConflict
from django_cbtools.query import (
    STALE_OK,
    STALE_UPDATE_AFTER,
    STALE_UPDATE_BEFORE,
    Query,
    get_stale,
    load_objects,
    load_objects_dict,
    parse_view_name,
    query_objects,
    query_view,
    view_rows,
)
from django_cbtools.sync_gateway.users import CHANNEL_PUBLIC

from .base import CouchbaseModel, CouchbaseNestedModel
from .fields import DictField, ListField
from .merge import merge_fields
from .related import dt2ts, load_related_objects, st2dt, try_else_return_none_obj
from .relations import ForeignKey

__all__ = [
    "CHANNEL_PUBLIC",
    "STALE_OK",
    "STALE_UPDATE_AFTER",
    "STALE_UPDATE_BEFORE",
    "CouchbaseModel",
    "CouchbaseModelError",
    "CouchbaseNestedModel",
    "DictField",
    "ForeignKey",
    "ListField",
    "MergeConflict",
    "Query",
    "dt2ts",
    "get_stale",
    "load_objects",
    "load_objects_dict",
    "load_related_objects",
    "merge_fields",
    "parse_view_name",
    "query_objects",
    "query_view",
    "retry_on_conflict",
    "st2dt",
    "try_else_return_none_obj",
    "view_rows",
]
