"""Couchbase Server by its SDK: views and their design documents.

If COUCHBASE_HOSTS is set, the cluster itself answers views, otherwise the gateway does. The SDK is
imported when the cluster is first used.
"""

from .connection import close, connected
from .views import deploy, view_rows

__all__ = ["close", "connected", "deploy", "view_rows"]
