"""The public API of documents: classes, fields, and functions to load and merge documents."""

from django_cbtools.conflicts import retry_on_conflict
from django_cbtools.exceptions import (
    CouchbaseModelError,
    DocumentExists,
    MergeConflict,
    UniqueKeyTaken,
)
from django_cbtools.query import (
    STALE_OK,
    STALE_UPDATE_AFTER,
    STALE_UPDATE_BEFORE,
    Query,
    aiter_objects,
    aload_objects,
    aload_objects_dict,
    aquery_objects,
    aquery_view,
    aview_rows,
    get_stale,
    iter_objects,
    load_objects,
    load_objects_dict,
    parse_view_name,
    query_objects,
    query_view,
    view_rows,
)
from django_cbtools.sync_gateway.admin.users import CHANNEL_PUBLIC

from .base import CouchbaseModel, CouchbaseNestedModel
from .blobs import Blob, BlobField
from .branches import DocumentRevision
from .fields.arrays import DictField, ListField, SetField
from .files import AttachmentField, AttachmentImageField, AttachmentStorage
from .indexes import register_index
from .merges import register_merge
from .nested import EmbeddedField, EmbeddedListField
from .queryset import AllDocuments, DocumentQuerySet, Documents
from .related import (
    aload_related_objects,
    atry_else_return_none_obj,
    dt2ts,
    load_related_objects,
    st2dt,
    try_else_return_none_obj,
)
from .relations import ForeignKey
from .unique import UniqueKey
from .writing.bulk_saving import BulkSaved, Outcome
from .writing.merge import merge_fields

__all__ = [
    "CHANNEL_PUBLIC",
    "STALE_OK",
    "STALE_UPDATE_AFTER",
    "STALE_UPDATE_BEFORE",
    "AllDocuments",
    "AttachmentField",
    "AttachmentImageField",
    "AttachmentStorage",
    "Blob",
    "BlobField",
    "BulkSaved",
    "CouchbaseModel",
    "CouchbaseModelError",
    "CouchbaseNestedModel",
    "DictField",
    "DocumentExists",
    "DocumentQuerySet",
    "DocumentRevision",
    "Documents",
    "EmbeddedField",
    "EmbeddedListField",
    "ForeignKey",
    "ListField",
    "MergeConflict",
    "Outcome",
    "Query",
    "SetField",
    "UniqueKey",
    "UniqueKeyTaken",
    "aiter_objects",
    "aload_objects",
    "aload_objects_dict",
    "aload_related_objects",
    "aquery_objects",
    "aquery_view",
    "atry_else_return_none_obj",
    "aview_rows",
    "dt2ts",
    "get_stale",
    "iter_objects",
    "load_objects",
    "load_objects_dict",
    "load_related_objects",
    "merge_fields",
    "parse_view_name",
    "query_objects",
    "query_view",
    "register_index",
    "register_merge",
    "retry_on_conflict",
    "st2dt",
    "try_else_return_none_obj",
    "view_rows",
]
