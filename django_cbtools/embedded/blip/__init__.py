"""Couchbase Lite's replication protocol: BLIP messages, and the replicator's server side.

Nothing here reads or writes a socket.
"""
