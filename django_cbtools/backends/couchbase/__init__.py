"""A Django database backend for documents, by SQL++ at Couchbase Server's query service."""
