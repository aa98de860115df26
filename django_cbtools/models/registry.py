"""The document classes of a project."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.apps import AppConfig, apps

from django_cbtools.sync_gateway.keyspaces import of_class

from .base import CouchbaseModel, CouchbaseNestedModel


def documents(
    app_configs: Iterable[AppConfig] | None = None, *, nested: bool = False
) -> list[type[CouchbaseModel]]:
    """Return the document classes of the apps (by default, of all apps), without proxies. With
    ``nested``, classes of nested models are included."""
    return [
        model
        for config in (apps.get_app_configs() if app_configs is None else app_configs)
        for model in config.get_models(include_auto_created=nested)
        if issubclass(model, CouchbaseModel)
        and (nested or not issubclass(model, CouchbaseNestedModel))
        and not model._meta.proxy
    ]


def document_class(doc_type: Any, keyspace: str | None = None) -> type[CouchbaseModel] | None:
    """Return the class of documents with this ``doc_type`` in a keyspace, or None if there is
    none."""
    found = (
        model
        for model in documents()
        if model.type_name() == doc_type and of_class(model) == keyspace
    )
    return next(found, None)
