"""Keeps the gateway's users up to date with Django's: their channels, roles and sessions."""
