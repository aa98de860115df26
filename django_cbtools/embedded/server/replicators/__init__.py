"""Replications that this process runs with other gateways, each over WebSockets that it opens."""
