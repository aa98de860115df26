"""Couchbase Server's query service (SQL++): statements, and the rows that answer them."""

from .rows import Rows
from .service import Service, connect

__all__ = ["Rows", "Service", "connect"]
