"""Django's system checks for documents and for the library's settings.

Each message has an id. docs/checks.rst explains each, with what to do. The checks only read
settings and classes. None uses a database, a gateway or a cluster, and none fails, whatever the
settings contain.
"""

from .changes import check_changes
from .databases import check_place, check_router, check_time_zone
from .deletion import check_deletion
from .documents import (
    check_bases,
    check_doc_types,
    check_documents,
    check_migrated,
    check_relations,
    check_tables,
)
from .embedded import check_admin_urls, check_debug, check_javascript, check_sqlite
from .indexes import check_indexes
from .keyspaces import check_keyspaces, check_scopes
from .names import check_attributes, check_names
from .passwords import check_passwords
from .queries import check_orm, check_query_service
from .security import check_addresses, check_admin_address, check_verification
from .views import check_answers, check_views
from .without_sql import check_stores, check_sync_function

__all__ = [
    "check_addresses",
    "check_admin_address",
    "check_admin_urls",
    "check_answers",
    "check_attributes",
    "check_bases",
    "check_changes",
    "check_debug",
    "check_deletion",
    "check_doc_types",
    "check_documents",
    "check_indexes",
    "check_javascript",
    "check_keyspaces",
    "check_migrated",
    "check_names",
    "check_orm",
    "check_passwords",
    "check_place",
    "check_query_service",
    "check_relations",
    "check_router",
    "check_scopes",
    "check_sqlite",
    "check_stores",
    "check_sync_function",
    "check_tables",
    "check_time_zone",
    "check_verification",
    "check_views",
]
