"""A check of ``on_delete`` in the relations of documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections, models

from django_cbtools import conf
from django_cbtools.models.registry import documents
from django_cbtools.query import parse_view_name
from django_cbtools.view_files import ViewFileError, design_documents

from .databases import place


@register("cbtools", Tags.models)
def check_deletion(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Check that ``on_delete`` can find the documents that point to a deleted one."""
    alias = place(conf.document_alias)
    if alias is None or _has_orm(alias):
        return []
    unseen = [
        Warning(
            f"on_delete={getattr(field.remote_field.on_delete, '__name__', 'SET(...)')} does "
            f"nothing here: there is no ORM for documents, which are in {alias!r}, to find those "
            "that point to what is deleted. They are left as they are.",
            hint="Name a view that has what it points to as its keys, in relation_views of the "
            "class; or say on_delete=models.DO_NOTHING, or silence this check: the program then "
            "sees to such documents itself.",
            obj=field,
            id="cbtools.W014",
        )
        for model in documents(app_configs)
        for field in model._meta.concrete_fields
        if isinstance(field, models.ForeignKey)
        and field.remote_field.on_delete is not models.DO_NOTHING
        and field.name not in model.relation_views
    ]
    return [*unseen, *_relation_views(app_configs)]


def _relation_views(app_configs: Sequence[AppConfig] | None) -> list[CheckMessage]:
    """Return errors for views that belong to no relation, or that the project does not have."""
    try:
        designs = design_documents()
    except ViewFileError:
        return []  # create_cb_views says so
    messages: list[CheckMessage] = []
    for model in documents(app_configs):
        relations = {
            field.name
            for field in model._meta.concrete_fields
            if isinstance(field, models.ForeignKey)
        }
        for name, path in model.relation_views.items():
            design, view = parse_view_name(path)
            if name in relations and view in designs.get(design, {"views": ()})["views"]:
                continue
            what = f"there is no view {path!r}" if name in relations else "it is no relation"
            messages.append(
                Error(
                    f"relation_views has {name!r}, but {what}.",
                    hint="It has the names of relations, and of views in folders couchbase_views: "
                    '{"owner": "shop/by_owner"} is shop/couchbase_views/by_owner.js.',
                    obj=model,
                    id="cbtools.E023",
                )
            )
    return messages


def _has_orm(alias: str) -> bool:
    try:
        return hasattr(connections[alias].ops, "reads_documents")
    except Exception:
        return True  # Django's own checks report such settings
