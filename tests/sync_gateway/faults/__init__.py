"""Connections that break, at random or on purpose, and who writes through them."""
