"""A check of what happens to documents when what they point to is deleted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import connections, models

from django_cbtools import conf
from django_cbtools.models.registry import documents

from .databases import place


@register("cbtools", Tags.models)
def check_deletion(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Whether documents can be found by what they point to, where their classes count on it."""
    alias = place(conf.document_alias)
    if alias is None or _has_orm(alias):
        return []
    return [
        Warning(
            f"on_delete={getattr(field.remote_field.on_delete, '__name__', 'SET(...)')} does "
            f"nothing here: there is no ORM for documents, which are in {alias!r}, to find those "
            "that point to what is deleted. They are left as they are.",
            hint="Say on_delete=models.DO_NOTHING, or silence this check; the program then sees "
            "to such documents itself.",
            obj=field,
            id="cbtools.W014",
        )
        for model in documents(app_configs)
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.remote_field.on_delete is not models.DO_NOTHING
    ]


def _has_orm(alias: str) -> bool:
    try:
        return hasattr(connections[alias].ops, "reads_documents")
    except Exception:
        return True  # Django's own checks say what is wrong with such settings
