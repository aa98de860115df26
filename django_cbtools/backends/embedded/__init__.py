"""A Django database backend for documents in the embedded gateway's SQLite file."""
