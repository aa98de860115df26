"""Django's constructs over known documents: their SQL++, and the rows that the service gave.

Each has the name of an entry of a reference of SQL++, which was verified against Couchbase Server
7.6 over the same documents; the reference's rows are in ``rows.jsonl``.
"""
