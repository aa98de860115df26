"""A cache of Django's in documents: ``CACHES = {"default": {"BACKEND":
"django_cbtools.contrib.cache.DocumentCache"}}``."""

from .backend import DocumentCache

__all__ = ["DocumentCache"]
