"""The objects that are deleted together with documents, for the admin's confirmation page."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import NestedObjects
from django.utils.html import format_html
from django.utils.text import capfirst

from django_cbtools.models.writing.deletion import DocumentCollector, is_document

from .addresses import address


class SoftlyDeleted(NestedObjects, DocumentCollector):
    """Django's tree of objects to delete, for a soft deletion."""

    def __init__(self, origin: Any) -> None:
        super().__init__(origin, hard=False)

    def collect(self, objs: Any, *args: Any, **kwargs: Any) -> None:
        if objs and is_document(type(objs[0])):
            super().collect(objs, *args, **kwargs)


def softly_deleted(documents: list[Any], request: Any, site: Any) -> Any:
    """Return the same as Django's ``get_deleted_objects()``: a nested list, the number of objects
    of each class, the classes that the user may not delete, and the objects that prevent the
    deletion."""
    collector = SoftlyDeleted(documents)
    collector.collect(documents)
    lacking: set[str] = set()

    def shown(document: Any) -> str:
        opts = document._meta
        name = capfirst(opts.verbose_name)
        if not site.is_registered(type(document)):
            return f"{name}: {document}"
        if not site.get_model_admin(type(document)).has_delete_permission(request, document):
            lacking.add(opts.verbose_name)
        url = address(site, type(document), "change", document.pk)
        return format_html('{}: <a href="{}">{}</a>', name, url, document)

    found: dict[Any, Any] = collector.model_objs
    counts = {model._meta.verbose_name_plural: len(objs) for model, objs in found.items()}
    nested = collector.nested(shown)
    return nested, counts, lacking, [shown(document) for document in collector.protected]
