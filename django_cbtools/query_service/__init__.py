"""A client of Couchbase Server's query service (SQL++)."""

from .rows import Rows
from .service import Service, connect

__all__ = ["Rows", "Service", "connect"]
