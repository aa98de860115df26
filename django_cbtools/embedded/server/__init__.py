"""The gateway over HTTP: a server of its own, and Django views for a site's urls."""
