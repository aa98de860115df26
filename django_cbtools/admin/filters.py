"""Filters of the list of documents."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import reverse_field_path
from django.core.exceptions import ValidationError
from django.db.models import Count, JSONField, Q
from django.utils.translation import gettext_lazy as _

from django_cbtools.form_fields.lines import in_order
from django_cbtools.models import ListField, SetField
from django_cbtools.models.fields.members import Members
from django_cbtools.models.fields.values import kind


class DeletedFilter(admin.SimpleListFilter):
    """A filter that lists soft-deleted documents. By default, they are not listed."""

    title = _("deleted")
    parameter_name = "st_deleted"

    def lookups(self, request: Any, model_admin: Any) -> list[tuple[str, Any]]:
        return [("only", _("Yes")), ("all", _("All"))]

    def choices(self, changelist: Any) -> Iterator[Any]:
        first, *others = super().choices(changelist)
        yield {**first, "display": _("No")}
        yield from others

    def queryset(self, request: Any, queryset: Any) -> Any:
        # If any value is given, the admin's queryset contains soft-deleted documents.
        return queryset.filter(st_deleted=True) if self.value() == "only" else queryset


def shows_deleted(request: Any) -> bool:
    """Return whether a request may show deleted documents: a list that asks for them, or the page
    of a document."""
    match = request.resolver_match
    return (match is not None and "object_id" in match.kwargs) or (
        request.GET.get(DeletedFilter.parameter_name) in ("only", "all")
    )


class ElementsFilter(admin.FieldListFilter):
    """A filter by the elements of a list field. ``list_filter = ["tags"]`` offers each existing
    tag."""

    def __init__(
        self, field: Any, request: Any, params: Any, model: Any, model_admin: Any, field_path: str
    ) -> None:
        self.lookup_kwarg = f"{field_path}__contains"
        self.base = getattr(field, "base_field", None) or JSONField()
        parent, _path = reverse_field_path(model, field_path)
        is_own = model == parent
        queryset = model_admin.get_queryset(request) if is_own else parent._default_manager.all()
        self.elements = dict(self._elements(queryset, field))
        super().__init__(field, request, params, model, model_admin, field_path)

    def _elements(self, queryset: Any, field: Any) -> Iterator[tuple[str, tuple[Any, str]]]:
        """Yield the choices: the parameter in URLs, the value, and its label."""
        if self.base.choices:
            for value, label in self.base.flatchoices:
                yield self._parameter(value), (value, str(label))
            return
        lists = queryset.order_by().values_list(field.name, flat=True).distinct()
        found = {}
        for items in lists:
            for item in items if isinstance(items, (list, set)) else ():
                if self._can_be_asked(item):
                    found[self._parameter(item)] = item
        for item in in_order(set(found.values())):
            yield self._parameter(item), (item, str(item))

    def _can_be_asked(self, item: Any) -> bool:
        """Return whether an element is a value of its field, and neither a list nor an object."""
        if item is None or isinstance(item, (list, dict, set)):
            return False
        try:
            kind(self.base).read(item)
        except ValueError:  # a phone wrote another type
            return False
        return True

    def _parameter(self, item: Any) -> str:
        # For elements of any JSON, the URL has to distinguish 1 from "1".
        return json.dumps(item) if type(self.base) is JSONField else str(item)

    def expected_parameters(self) -> list[str | None]:
        return [self.lookup_kwarg]

    def has_output(self) -> bool:
        return bool(self.elements)

    def queryset(self, request: Any, queryset: Any) -> Any:
        chosen: Any = self.used_parameters.get(self.lookup_kwarg, [])
        try:
            conditions = [self._condition(self._value(parameter)) for parameter in chosen]
            return queryset.filter(reduce(or_, conditions)) if conditions else queryset
        except (ValueError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error

    def _value(self, parameter: str) -> Any:
        is_json = type(self.base) is JSONField
        return json.loads(parameter) if is_json else self.base.to_python(parameter)

    def _condition(self, item: Any) -> Q:
        return Q((self.lookup_kwarg, [item]))

    def get_facet_counts(self, pk_attname: str, filtered_qs: Any) -> dict[str, Any]:
        return {
            f"{i}__c": Count(pk_attname, filter=self._condition(item))
            for i, (item, _label) in enumerate(self.elements.values())
        }

    def choices(self, changelist: Any) -> Iterator[Any]:
        counts = self.get_facet_queryset(changelist) if changelist.add_facets else None
        chosen: Any = self.used_parameters.get(self.lookup_kwarg, [])
        yield {
            "selected": not chosen,
            "query_string": changelist.get_query_string(remove=[self.lookup_kwarg]),
            "display": _("All"),
        }
        for i, (parameter, (_item, label)) in enumerate(self.elements.items()):
            yield {
                "selected": parameter in chosen,
                "query_string": changelist.get_query_string({self.lookup_kwarg: parameter}),
                "display": f"{label} ({counts[f'{i}__c']})" if counts else label,
            }


def lists_elements(field: Any) -> bool:
    """Return whether the field is a list or set field with values that can be choices."""
    is_list = isinstance(field, (ListField, SetField))
    return is_list and not isinstance(getattr(field, "base_field", None), Members)


admin.FieldListFilter.register(lists_elements, ElementsFilter, take_priority=True)
