"""Filters of the list of documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.utils.translation import gettext_lazy as _


class DeletedFilter(admin.SimpleListFilter):
    """Whether documents that are deleted softly are listed: they are not, unless asked for."""

    title = _("deleted")
    parameter_name = "st_deleted"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("only", _("Yes")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("No")}
        yield from others

    def queryset(self, request: Any, queryset: Any) -> Any:
        # The admin's queryset has them where any value is asked for.
        return queryset.filter(st_deleted=True) if self.value() == "only" else queryset


def shows_deleted(request: Any) -> bool:
    """Whether a request may see deleted documents: it asks for them in a list, or it is about one
    that its address names."""
    match = request.resolver_match
    return (match is not None and "object_id" in match.kwargs) or (
        request.GET.get(DeletedFilter.parameter_name) in ("only", "all")
    )
