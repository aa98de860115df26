"""A Sync Gateway in process: documents in SQLite, views in V8.

It knows neither models nor database backends: only the REST contract, as recorded from a real
gateway (``tests/gateway/transcripts``), and a Django connection to SQLite.
"""
