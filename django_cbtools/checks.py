"""Django's checks of models, for documents: ``apps.get_models()`` leaves these out.

* cbtools.E001: a document has a many-to-many field
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks

from django_cbtools.models.base import CouchbaseModel


def check_documents(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Check all document classes of the apps (all apps: None)."""
    messages: list[checks.CheckMessage] = []
    for config in apps.get_app_configs() if app_configs is None else app_configs:
        for model in config.get_models(include_auto_created=True):
            if issubclass(model, CouchbaseModel):
                messages += _many_to_many(model)
                if model._meta.auto_created:
                    messages += model.check(**kwargs)
    return messages


def _many_to_many(model: type[CouchbaseModel]) -> list[checks.CheckMessage]:
    return [
        checks.Error(
            "A document cannot have a many-to-many field.",
            hint="Keep the uids of the other documents in a ListField.",
            obj=field,
            id="cbtools.E001",
        )
        for field in model._meta.local_many_to_many
    ]
