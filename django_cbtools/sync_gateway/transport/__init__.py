"""Where requests go: addresses, pooled connections, certificates, and the call in process."""
