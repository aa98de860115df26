"""Form fields for nested objects and lists of them, which are shown as forms within the form."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.forms.formsets import TOTAL_FORM_COUNT
from django.forms.models import modelform_factory
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from .bound import (
    FORMS,
    LATER,
    NOTHING,
    Instead,
    NestedListBoundField,
    NestedObjectBoundField,
    Sent,
)
from .lines import MembersFormField
from .subforms import ELEMENT, NestedForm, RawForm

_SAVE_FIRST = _("Save this first; then there is a form for it.")


class NestedWidget(forms.Widget):
    """A widget that shows forms, or JSON if the value is JSON."""

    use_fieldset = True
    template_name: str
    field: NestedFormField

    def __init__(self, template_name: str, mark: str) -> None:
        self.template_name, self.mark = template_name, mark
        super().__init__()

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        if name in data:  # JSON, of a page or a program
            return data[name]
        return FORMS if f"{name}-{self.mark}" in data else NOTHING

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return self.value_from_datadict(data, files, name) is NOTHING

    def id_for_label(self, id_: str | None) -> str:
        return ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        if value is LATER:
            return format_html('<p class="help">{}</p>', _SAVE_FIRST)
        if value is None or isinstance(value, str):
            return forms.Textarea({"rows": 8}).render(name, value, attrs, renderer)
        context = {"value": value, "attrs": attrs or {}, "field": self.field}
        return render_to_string(self.template_name, context)

    @property
    def needs_multipart_form(self) -> bool:  # type: ignore[override]
        return any(each.widget.needs_multipart_form for each in leaves(self.field))

    @property
    def media(self) -> forms.Media:
        found = forms.Media(
            css={"all": ["django_cbtools/nested.css"]}, js=["django_cbtools/nested.js"]
        )
        for each in leaves(self.field):
            found += each.widget.media
        return found


class NestedFormField(MembersFormField):
    """The base class of form fields for a nested object and for a list of nested objects.

    ``field`` is the model's field. ``subform`` is a NestedForm, to replace the form with all fields
    of an object. ``formfield_callback`` is as in Django's ``modelform_factory()``.
    ``fields_template`` shows the fields of one form.
    """

    template_name: str
    mark: str
    fields_template = "django_cbtools/nested/fields.html"
    json_help = ""

    def __init__(
        self,
        *,
        field: Any,
        subform: type[NestedForm] | None = None,
        formfield_callback: Any = None,
        fields_template: str | None = None,
        **kwargs: Any,
    ) -> None:
        self.subform, self.formfield_callback = subform or NestedForm, formfield_callback
        if fields_template:
            self.fields_template = fields_template
        self._made: dict[str, Any] = {}  # copies of the field share it
        super().__init__(
            field=field, **{**kwargs, "widget": NestedWidget(self.template_name, self.mark)}
        )
        widget: Any = self.widget
        widget.field = self

    @property
    def nested(self) -> Any:
        """The model field of a single object."""
        return self.field

    @property
    def model(self) -> Any:
        """The class of the objects."""
        return self.nested.nested_model

    @property
    def title(self) -> Any:
        """The name of an object."""
        return self.model._meta.verbose_name

    @property
    def form_class(self) -> Any:
        """The class of an object's form. It is created when it is needed, since a nested model may
        contain its own class."""
        if "form" not in self._made:
            subform = self.subform
            if subform._meta.model is None:
                subform = modelform_factory(
                    self.model,
                    form=subform,
                    fields="__all__",
                    formfield_callback=self.formfield_callback,
                )
            self._made["form"] = subform
        return self._made["form"]

    def make_form(self, element: Any, is_there: bool, **kwargs: Any) -> Any:
        """Return the form of an element. An element that is no object gets a form with its JSON."""
        if is_there and not isinstance(element, self.model):
            return RawForm(nested=self.nested, element=element, **kwargs)
        instance = element if is_there else None
        return self.form_class(instance=instance, is_there=is_there, **kwargs)

    def form_of(self, element: Any, is_there: bool, **kwargs: Any) -> Any:
        """Return :meth:`make_form`, disabled if the field is."""
        form = self.make_form(element, is_there, **kwargs)
        if self.disabled:
            for each in form.fields.values():
                each.disabled = True
        return form

    def as_json(self, element: Any) -> Any:
        return self.nested.shown(element)

    def prepare_value(self, value: Any) -> Any:
        is_shown = isinstance(value, (Instead, Sent)) or self.is_for_forms(value)
        return value if is_shown else self.text_of(value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}

    def is_for_forms(self, value: Any) -> bool:
        """Return whether forms can show the value."""
        raise NotImplementedError

    def has_changed(self, initial: Any, data: Any) -> bool:
        if self.disabled or data is NOTHING:
            return False
        if isinstance(data, Sent):
            return data.has_changed(initial)
        return super().has_changed(initial, data)

    def _clean_bound_field(self, bound: Any) -> Any:
        if not self.disabled and isinstance(bound.data, Sent):
            return self._checked(bound, bound.cleaned())
        if self.disabled or bound.data is NOTHING:
            return self._checked(bound, bound.initial)
        return super()._clean_bound_field(bound)


# ------------------------------------------------------------------------- an object


class NestedObjectFormField(NestedFormField):
    """A form field of an object, with a form of its fields. A blank or removed object is None."""

    template_name = "django_cbtools/nested/object.html"
    mark = ELEMENT

    def get_bound_field(self, form: Any, field_name: str) -> Any:
        return NestedObjectBoundField(form, self, field_name)

    def is_for_forms(self, value: Any) -> bool:
        return value is None or isinstance(value, (self.model, dict))


# --------------------------------------------------------------------------- a list


class NestedListFormField(NestedFormField):
    """A form field of a list of objects, with a form for each, and ``extra`` blank forms."""

    template_name = "django_cbtools/nested/list.html"
    mark = TOTAL_FORM_COUNT
    can_order = True

    def __init__(self, *, extra: int = 1, **kwargs: Any) -> None:
        self.extra = extra
        super().__init__(**kwargs)

    @property
    def nested(self) -> Any:
        return self.field.base_field

    def get_bound_field(self, form: Any, field_name: str) -> Any:
        return NestedListBoundField(form, self, field_name)

    def is_for_forms(self, value: Any) -> bool:
        return value is None or isinstance(value, (list, tuple))

    def elements(self, value: Any) -> list[Any]:
        """Return the elements that have forms."""
        return [
            self.nested.convert(each) if isinstance(each, dict) else each for each in value or ()
        ]

    def made_of(self, elements: list[Any]) -> Any:
        """Return the value with these elements."""
        return elements

    def check_forms(self, forms: list[Any]) -> None:
        """Add errors to forms whose values repeat those of others."""


def leaves(field: Any, seen: Any = ()) -> Iterator[forms.Field]:
    """Yield the fields of the forms that a field shows, and of the forms in these."""
    model = field.model
    if model in seen:
        return
    for each in field.form_class.base_fields.values():
        if isinstance(each, NestedFormField):
            yield from leaves(each, (*seen, model))
        else:
            yield each
