"""An admin site without SQL: without a log and without content types."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.db import router
from django.db.models.base import ModelBase

from django_cbtools import conf

if TYPE_CHECKING:
    _Admin = admin.ModelAdmin[Any]
else:
    _Admin = object


class WithoutLog(_Admin):
    """A part of each ModelAdmin of :class:`DocumentAdminSite` that logs nothing.

    Django's log consists of rows that refer to content types and users. The revisions of documents
    are a history without it.
    """

    def log_addition(self, request: Any, obj: Any, message: Any) -> Any:
        return None

    def log_change(self, request: Any, obj: Any, message: Any) -> Any:
        return None

    def log_deletion(self, request: Any, obj: Any, object_repr: Any) -> Any:
        return None

    def log_deletions(self, request: Any, queryset: Any) -> Any:
        return []

    def log_transaction(self) -> AbstractContextManager[Any]:
        """Return a context that does nothing, as there are no log entries to take back."""
        return nullcontext()

    def get_paginator(self, request: Any, queryset: Any, *args: Any, **kwargs: Any) -> Any:
        # The history page uses this method to read the log.
        if _is_log(queryset):
            queryset = []
        return super().get_paginator(request, queryset, *args, **kwargs)

    def get_view_on_site_url(self, obj: Any = None) -> Any:
        # Django's own method uses the content type.
        if obj is not None and self.view_on_site is True and hasattr(obj, "get_absolute_url"):
            return obj.get_absolute_url()
        return super().get_view_on_site_url(obj)

    def render_change_form(self, *args: Any, **kwargs: Any) -> Any:
        know_content_type(self.model)
        return super().render_change_form(*args, **kwargs)

    def history_view(self, *args: Any, **kwargs: Any) -> Any:
        know_content_type(self.model)
        return super().history_view(*args, **kwargs)


class DocumentAdminSite(admin.AdminSite):
    """An admin site of documents only.

    With ``"django_cbtools.contrib.auth.apps.DocumentAdminConfig"`` in INSTALLED_APPS, in place of
    ``"django.contrib.admin"``, it is ``admin.site``. Django's own groups, which are rows, are left
    out.
    """

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: Any) -> None:
        from django.contrib.auth.models import Group

        is_one = isinstance(model_or_iterable, ModelBase)
        models = [model_or_iterable] if is_one else model_or_iterable
        base = admin_class or admin.ModelAdmin
        if not issubclass(base, WithoutLog):
            base = type(base.__name__, (WithoutLog, base), {"__module__": base.__module__})
        super().register([model for model in models if model is not Group], base, **options)

    def get_log_entries(self, request: Any) -> Any:
        return NoEntries()


class NoEntries(list[Any]):
    """An empty log in place of a QuerySet, for the index page."""

    def filter(self, **conditions: Any) -> NoEntries:
        return self


def _is_log(queryset: Any) -> bool:
    from django.contrib.admin.models import LogEntry

    return getattr(queryset, "model", None) is LogEntry


def know_content_type(model: Any) -> None:
    """Add a model's content type to Django's cache if there is no table of content types. The
    admin's pages look it up, although none of them shows its number."""
    from django.contrib.contenttypes.models import ContentType

    alias = router.db_for_read(ContentType)
    if not conf.is_dummy_alias(alias):
        return
    opts = model._meta
    known = ContentType(pk=0, app_label=opts.app_label, model=opts.model_name)
    manager: Any = ContentType.objects
    manager._add_to_cache(manager.db, known)
