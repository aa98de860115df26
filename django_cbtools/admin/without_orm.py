"""Methods of the admin for documents without an ORM."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import router

from django_cbtools import conf
from django_cbtools.models import CouchbaseModel
from django_cbtools.models.unique import can_be_asked

from .by_view import Listed

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _Base = ModelAdmin[Any]
else:
    _Base = object


def has_transactions(model: Any) -> bool:
    """Return whether writes of a class can be in a transaction, which Django's views open. There
    are no transactions if ``default`` is Django's dummy database, and the gateway has none."""
    return not conf.is_dummy_alias(router.db_for_write(model))


class WithoutORM(_Base):
    """The part of CouchbaseModelAdmin for sites without an ORM for documents.

    Lists come from a view, with the last change first. They can be filtered by soft deletion, but
    not searched, sorted, edited or filtered otherwise. There are no inlines of documents.
    """

    def get_queryset(self, request: Any) -> Any:
        return super().get_queryset(request) if can_be_asked() else Listed(self.model)

    def all_documents(self, ordering: Any) -> Any:
        """Return the documents, including those that are deleted softly."""
        if not can_be_asked():
            return Listed(self.model, None)
        everything: Any = self.model.all_objects.get_queryset()
        return everything.order_by(*ordering)

    def get_list_filter(self, request: Any) -> Any:
        return super().get_list_filter(request) if can_be_asked() else ()

    def get_search_fields(self, request: Any) -> Any:
        return super().get_search_fields(request) if can_be_asked() else ()

    def get_sortable_by(self, request: Any) -> Any:
        return super().get_sortable_by(request) if can_be_asked() else ()

    def get_inline_instances(self, request: Any, obj: Any = None) -> Any:
        inlines = super().get_inline_instances(request, obj)
        if can_be_asked():
            return inlines
        return [inline for inline in inlines if not issubclass(inline.model, CouchbaseModel)]

    def get_changelist_instance(self, request: Any) -> Any:
        changelist = super().get_changelist_instance(request)
        if not can_be_asked():
            changelist.date_hierarchy, changelist.list_editable = None, ()
            # Filters count their choices by aggregates, which need an ORM.
            changelist.add_facets = changelist.is_facets_optional = False
        return changelist

    def changeform_view(
        self,
        request: Any,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        view: Any = super().changeform_view
        if not has_transactions(self.model):
            view = self._changeform_view  # type: ignore[attr-defined]
        return view(request, object_id, form_url, extra_context)

    def delete_view(self, request: Any, object_id: str, extra_context: Any = None) -> Any:
        view: Any = super().delete_view
        if not has_transactions(self.model):
            view = self._delete_view  # type: ignore[attr-defined]
        return view(request, object_id, extra_context)
