"""Django's ``dumpdata``, with the documents of the apps, which ``apps.get_models()`` leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.core.management.commands import dumpdata
from django.db import connections

from django_cbtools.models.registry import documents
from django_cbtools.models.sql import holds_documents


class Command(dumpdata.Command):
    """An app stands for all of its models then, documents included, where they can be queried.

    Those that are deleted softly are dumped with ``--all``.
    """

    def handle(self, *app_labels: str, **options: Any) -> None:
        if holds_documents(connections[options["database"]]):
            app_labels = tuple(_labels(app_labels))
        super().handle(*app_labels, **options)


def _labels(app_labels: Sequence[str]) -> Iterator[str]:
    """The models of each app that has documents; all else as it is."""
    for label in app_labels or apps.app_configs:
        config = apps.app_configs.get(label)
        models = _models_with_documents(config) if config else []
        yield from (model._meta.label for model in models) if models else [label]


def _models_with_documents(config: AppConfig) -> list[Any]:
    """An app's models, documents included; nothing where it has none.

    Of classes that share a doc_type, and so their documents, it is the first one.
    """
    by_type: dict[str, Any] = {}
    for model in documents([config]):
        by_type.setdefault(model.type_name(), model)
    return [*config.get_models(), *by_type.values()] if by_type else []
