"""Checks of admins of documents."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.sites import all_sites
from django.core.checks import CheckMessage, Tags, Warning, register

from django_cbtools.models import CouchbaseModel

from .layout import DocumentLayout


@register("cbtools", Tags.admin)
def check_admins(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Whether the admins of documents know about revisions."""
    admins: list[Any] = [admin for site in all_sites for admin in site._registry.values()]
    inlines = {(inline.model, inline) for admin in admins for inline in admin.inlines}
    classes = {(admin.model, type(admin)) for admin in admins} | inlines
    return [
        Warning(
            f"{found.__module__}.{found.__qualname__}, for {model._meta.label}, overwrites what "
            "phones save while its form is open, and cannot put new documents in a channel.",
            hint="Make it a django_cbtools.admin.CouchbaseModelAdmin, CouchbaseTabularInline or "
            "CouchbaseStackedInline.",
            obj=model,
            id="cbtools.W010",
        )
        for model, found in sorted(classes, key=repr)
        if issubclass(model, CouchbaseModel) and not issubclass(found, DocumentLayout)
    ]
