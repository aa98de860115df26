"""Couchbase Lite documents as Django models, saved through Sync Gateway."""

__version__ = "2.0.0"
