"""Creates content types and permissions of documents after ``migrate``.

Django creates them for the models in migrations, which do not include documents.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from django.apps import AppConfig
from django.apps import apps as global_apps
from django.contrib.auth.management import create_permissions
from django.contrib.contenttypes.management import create_contenttypes

from django_cbtools.models import CouchbaseModel


def create_document_permissions(
    app_config: AppConfig, *, apps: Any = global_apps, **kwargs: Any
) -> None:
    """Create missing content types and permissions of an app's documents. A receiver of
    ``post_migrate``.

    Django's own functions create them, so ``using``, routers, ``verbosity`` and missing apps are
    handled as usual.
    """
    found = [
        model
        for model in app_config.get_models()
        if issubclass(model, CouchbaseModel) and not model.in_migrations
    ]
    if found:
        with_documents: Any = _Apps(apps, _App(app_config.label, found))
        create_contenttypes(app_config, apps=with_documents, **kwargs)
        create_permissions(app_config, apps=with_documents, **kwargs)


class _App(NamedTuple):
    """The attributes of an app's configuration that Django's functions use."""

    label: str
    models: list[Any]

    def get_models(self) -> list[Any]:
        return self.models


class _Apps(NamedTuple):
    """The registry of apps after a migration, with the documents of one app added."""

    migrated: Any
    app: _App

    def get_app_config(self, label: str) -> _App:
        return self.app

    def get_model(self, *names: str) -> Any:
        return self.migrated.get_model(*names)
