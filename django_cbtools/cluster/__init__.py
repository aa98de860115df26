"""Couchbase Server by its SDK: views, and the design documents that they are in.

Where COUCHBASE_HOSTS is set, views are asked of the cluster itself; otherwise of the gateway.
The SDK is imported when the cluster is first used.
"""

from .connection import close, connected
from .views import deploy, view_rows

__all__ = ["close", "connected", "deploy", "view_rows"]
