"""A Sync Gateway that runs in process, with documents in SQLite and views in V8.

This package does not depend on this project's models or database backends. It implements the REST
API as recorded from a real gateway (``tests/gateway/transcripts``), on a Django connection to
SQLite.
"""
