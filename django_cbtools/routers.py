"""A router for documents that are not in the default database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import router

from django_cbtools import conf


class DocumentRouter:
    """A database router that sends queries of documents to the alias that holds them.

    ``DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]``
    """

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        return _alias(router.db_for_read, model, **hints)

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        return _alias(router.db_for_write, model, **hints)

    def allow_relation(self, obj1: Any, obj2: Any, **hints: Any) -> bool | None:
        """Allow relations to documents from any database, since they are followed by key."""
        return True if _is_document(obj1) or _is_document(obj2) else None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """Keep ordinary tables out of a database that only holds documents, and let fixtures load
        documents there."""
        try:
            alias = conf.document_alias()
        except ImproperlyConfigured:
            return None  # a system check reports it, and checks ask routers, too
        if "model" in hints and _is_document(hints["model"]):
            return db == alias
        return False if db != "default" and db == alias else None


def _alias(
    asked: Callable[[Any], str], model: Any, instance: Any = None, **hints: Any
) -> str | None:
    if _is_document(model):
        return conf.document_alias()
    # By default, Django puts an ordinary row into the database of the document that it refers to.
    return asked(model) if instance is not None and _is_document(instance) else None


def _is_document(model: Any) -> bool:
    from django_cbtools.models import CouchbaseModel

    cls = model if isinstance(model, type) else type(model)
    return issubclass(cls, CouchbaseModel)
