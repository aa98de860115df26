"""Checks of admins of documents."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import ModelAdmin
from django.contrib.admin.sites import all_sites
from django.contrib.admin.utils import NotRelationField, get_fields_from_path
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.core.exceptions import FieldDoesNotExist, FieldError, ValidationError
from django.db.models import JSONField

from django_cbtools.models import CouchbaseModel
from django_cbtools.models.fields.members import Members

from .filters import lists_elements
from .layout import DocumentLayout


@register("cbtools", Tags.admin)
def check_admins(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that admins of documents detect changes since their form was opened."""
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


@register("cbtools", Tags.admin)
def check_searches(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Check that the fields in ``search_fields`` and ``list_filter`` of documents can be
    searched."""
    admins: list[Any] = [
        admin
        for site in all_sites
        for model, admin in site._registry.items()
        if issubclass(model, CouchbaseModel)
    ]
    searches = [
        Error(
            f"The value of 'search_fields' refers to {name!r}, which cannot be searched: {problem}",
            hint="Name a list of texts, or a member of an object: 'tags', 'address__city', "
            "'payments__title'.",
            obj=type(admin),
            id="cbtools.E020",
        )
        for admin in admins
        for name in admin.search_fields
        if (problem := _search_problem(admin, str(name)))
    ]
    filters = [
        Error(
            f"The value of 'list_filter' refers to {name!r}, which is a "
            f"{type(field).__name__}: there is no list of its values to choose from.",
            hint="Write a SimpleListFilter whose queryset() asks for a member, as in "
            f"queryset.filter({name}__...=self.value()).",
            obj=type(admin),
            id="cbtools.E021",
        )
        for admin in admins
        for name, field in _filtered(admin)
        if isinstance(field, (Members, JSONField)) and not lists_elements(field)
    ]
    return [*searches, *filters]


def _search_problem(admin: Any, name: str) -> str:
    """Return the error of a search in a field, or an empty string if it can be searched."""

    class Admin:
        opts = admin.opts

        def get_search_fields(self, request: Any) -> list[str]:
            return [name]

    search: Any = ModelAdmin.get_search_results
    try:
        search(Admin(), None, admin.model._default_manager.all(), "x")
    except FieldError as error:
        return str(error)
    except (ValueError, TypeError, ValidationError):
        return "it is compared with other values than texts."
    return ""


def _filtered(admin: Any) -> list[tuple[str, Any]]:
    """Return the names and fields in ``list_filter`` for which Django finds a filter."""
    found = []
    for name in admin.list_filter:
        if isinstance(name, str):
            try:
                *_, field = get_fields_from_path(admin.model, name)
            except (NotRelationField, FieldDoesNotExist):
                continue  # Django's own checks say so
            found.append((name, field))
    return found
