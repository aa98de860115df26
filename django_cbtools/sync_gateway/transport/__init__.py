"""The transport of requests: addresses, connections, certificates, and calls in process."""
