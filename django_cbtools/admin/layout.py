"""The fields that admin pages and inlines of documents show."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.contrib.admin.utils import flatten_fieldsets

from django_cbtools.form_fields.nested import NestedFormField
from django_cbtools.forms.factories import knowing_revisions

from .forms import DocumentForm

if TYPE_CHECKING:
    from django.contrib.admin.options import BaseModelAdmin

    _Base = BaseModelAdmin[Any]
else:
    _Base = object

#: Fields that are shown but not edited.
SHOWN = ("uid", "rev", "created", "updated", "extra")


class DocumentLayout(_Base):
    """The part of CouchbaseModelAdmin, and of inlines, that chooses forms and fields."""

    form: Any = DocumentForm

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.form = knowing_revisions(self.form, DocumentForm)

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        if issubclass(getattr(db_field, "form_class", object), NestedFormField):
            # The forms of nested objects use the admin's widgets, too.
            kwargs = {
                "formfield_callback": partial(self.formfield_for_dbfield, request=request),
                "fields_template": "admin/django_cbtools/nested/fields.html",
                **kwargs,
            }
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: Any, obj: Any = None) -> Any:
        declared = super().get_readonly_fields(request, obj)
        return [*declared, *(name for name in SHOWN if name not in declared)]

    def get_exclude(self, request: Any, obj: Any = None) -> Any:
        # The model's channels cannot be edited, the form's can.
        declared = super().get_exclude(request, obj) or self.form._meta.exclude or ()
        return [*declared, "channels"]

    def get_fields(self, request: Any, obj: Any = None) -> Any:
        if self.fields:
            return super().get_fields(request, obj)
        hidden = {"revision", *(self.exclude or ())} | self.hidden_fields(request, obj)
        if self.model.default_channels is None:
            hidden.add("channels")
        return [name for name in super().get_fields(request, obj) if name not in hidden]

    def hidden_fields(self, request: Any, obj: Any = None) -> set[str]:
        """Return the fields that are only shown if ``fields`` names them."""
        declared = super().get_readonly_fields(request, obj)
        return {name for name in SHOWN if name not in declared}

    def get_fieldsets(self, request: Any, obj: Any = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if not self.has_change_permission(request, obj) or "revision" in flatten_fieldsets(
            fieldsets
        ):
            return fieldsets
        (name, options), *others = fieldsets
        return [(name, {**options, "fields": [*options["fields"], "revision"]}), *others]
