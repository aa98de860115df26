"""The REST API: the handlers of all paths of the public API and the admin API."""
