"""Documents in Django's ORM, by SQL++ at Couchbase Server's query service."""
