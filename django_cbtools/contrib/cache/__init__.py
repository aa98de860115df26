"""A Django cache in documents: ``CACHES = {"default": {"BACKEND":
"django_cbtools.contrib.cache.DocumentCache"}}``."""

from .backend import DocumentCache

__all__ = ["DocumentCache"]
