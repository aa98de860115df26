"""Serves the gateway over HTTP, by its own server or by views in a Django site's URLconf."""
