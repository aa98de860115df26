"""Form fields of nested objects and of lists of them, as forms in the form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from enum import Enum
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.forms.formsets import TOTAL_FORM_COUNT
from django.forms.models import modelform_factory
from django.template.loader import render_to_string
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from .lines import MembersFormField
from .locating import located
from .rows import Rows, form_errors
from .subforms import ELEMENT, NestedForm, RawForm
from .surroundings import surroundings

_SAVE_FIRST = _("Save this first; then there is a form for it.")


class _Instead(Enum):
    """What is in place of what was sent, or is to be shown."""

    FORMS = "forms, which are asked what was sent"
    NOTHING = "nothing was sent"
    LATER = "blank forms in blank forms, and so on: there is an end to it"


FORMS, NOTHING, LATER = _Instead


class NestedWidget(forms.Widget):
    """Shows forms; or JSON, where that is what there is."""

    use_fieldset = True
    template_name: str
    field: NestedFormField

    def __init__(self, template_name: str, mark: str) -> None:
        self.template_name, self.mark = template_name, mark
        super().__init__()

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        if f"{name}-{self.mark}" in data:
            return FORMS
        return data.get(name, NOTHING)

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
    """What is common to an object and a list of them.

    ``field`` is the model's field. ``subform`` is a NestedForm, where the form of an object is to
    be another than all of its fields; ``formfield_callback`` is what Django's
    ``modelform_factory()`` takes. ``fields_template`` shows the fields of one form.
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
        """The model's field of one object."""
        return self.field

    @property
    def title(self) -> Any:
        """What one object is called."""
        return self.nested.nested_model._meta.verbose_name

    @property
    def form_class(self) -> Any:
        """The class of an object's form. It is made late: a class may have its own in it."""
        if "form" not in self._made:
            subform, model = self.subform, self.nested.nested_model
            if subform._meta.model is None:
                subform = modelform_factory(
                    model,
                    form=subform,
                    fields="__all__",
                    formfield_callback=self.formfield_callback,
                )
            self._made["form"] = subform
        return self._made["form"]

    def form_of(self, element: Any, is_there: bool, **kwargs: Any) -> Any:
        """The form of an object, or of what is there instead of one."""
        if is_there and not isinstance(element, self.nested.nested_model):
            form: Any = RawForm(nested=self.nested, element=element, **kwargs)
        else:
            instance = element if is_there else None
            form = self.form_class(instance=instance, is_there=is_there, **kwargs)
        if self.disabled:
            for each in form.fields.values():
                each.disabled = True
        return form

    def as_json(self, element: Any) -> Any:
        return self.nested.shown(element)

    def prepare_value(self, value: Any) -> Any:
        is_shown = isinstance(value, (_Instead, Sent)) or self.is_for_forms(value)
        return value if is_shown else self.text_of(value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {}

    def is_for_forms(self, value: Any) -> bool:
        """Whether forms can show it."""
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


class Sent:
    """What was sent, as a field's data: forms, which are made when it is known of what."""

    def __init__(self, bound: NestedBoundField) -> None:
        self._bound = bound

    def has_changed(self, initial: Any) -> bool:
        """Whether it is another value than this one."""
        return self._bound.is_changed(self._bound.sent_of(initial))


class NestedBoundField(BoundField):
    """A field that is shown by forms."""

    field: Any

    @property
    def data(self) -> Any:
        if surroundings(self.form).is_too_deep:
            return NOTHING
        found = super().data
        return Sent(self) if found is FORMS else found

    @cached_property
    def sent(self) -> Any:
        """The forms as they were sent."""
        return self._forms(self.initial, self.form.data, self.form.files)

    def sent_of(self, initial: Any) -> Any:
        """The forms as they were sent, of another value than what is there now."""
        if initial is self.initial:
            return self.sent
        return self._forms(initial, self.form.data, self.form.files)

    def is_changed(self, sent: Any) -> bool:
        """Whether forms that were sent say something else than what they are of."""
        return bool(sent.has_changed())

    @cached_property
    def first(self) -> Any:
        """The forms of what is there."""
        return self._forms(self.initial)

    def _forms(self, value: Any, data: Any = None, files: Any = None) -> Any:
        raise NotImplementedError

    def cleaned(self) -> Any:
        """What the forms that were sent say; ValidationError."""
        raise NotImplementedError

    def value(self) -> Any:
        if surroundings(self.form).is_too_deep:
            return LATER
        value: Any = super().value()
        if isinstance(value, Sent):
            return self.sent
        if value is NOTHING:
            value = self.field.prepare_value(self.initial)
        return self.first if self.field.is_for_forms(value) else value

    def number_of_inputs(self) -> int:
        count = getattr(self.value(), "number_of_inputs", None)
        return 1 if count is None else count()

    @property
    def errors(self) -> Any:
        """What is wrong with the whole; the rest is shown at the fields of the forms."""
        if self.form.is_bound and isinstance(self.data, Sent) and self.has_own_errors():
            return self.form.error_class(renderer=self.form.renderer)
        return super().errors

    def has_own_errors(self) -> bool:
        return not self.sent.is_valid()

    def _options(self, data: Any, files: Any) -> dict[str, Any]:
        return {
            "data": data,
            "files": files,
            "prefix": self.html_name,
            "auto_id": self.form.auto_id,
            "error_class": self.form.error_class,
            "renderer": self.form.renderer,
        }


# ------------------------------------------------------------------------- an object


class NestedObjectFormField(NestedFormField):
    """An object, as a form of its fields; None where it is left blank, or is removed."""

    template_name = "django_cbtools/nested/object.html"
    mark = ELEMENT

    def get_bound_field(self, form: Any, field_name: str) -> Any:
        return NestedObjectBoundField(form, self, field_name)

    def is_for_forms(self, value: Any) -> bool:
        return value is None or isinstance(value, (self.nested.nested_model, dict))


class NestedObjectBoundField(NestedBoundField):
    def _forms(self, value: Any, data: Any = None, files: Any = None) -> Any:
        if isinstance(value, dict):
            value = self.field.nested.convert(value)
        around, is_there = surroundings(self.form), value is not None
        form = self.field.form_of(
            value,
            is_there,
            surroundings=around if is_there else replace(around, blank=around.blank + 1),
            empty_permitted=is_there or not self.field.required,
            use_required_attribute=False,
            **self._options(data, files),
        )
        form.mark("1", is_there and not self.field.required)
        return form

    def is_changed(self, sent: Any) -> bool:
        return bool(sent.is_there if sent.is_removed else sent.has_changed())

    def has_own_errors(self) -> bool:
        return not self.sent.is_removed and not self.sent.is_valid()

    def cleaned(self) -> Any:
        form = self.sent
        if form.is_removed:
            return None
        if not form.has_changed() and (form.is_there or not self.field.required):
            return self.initial
        if not form.is_valid():
            raise ValidationError([located(self.name, each) for each in form_errors(form)])
        return form.value()


# --------------------------------------------------------------------------- a list


class NestedListFormField(NestedFormField):
    """A list of objects, each as a form of its fields, and ``extra`` blank ones."""

    template_name = "django_cbtools/nested/list.html"
    mark = TOTAL_FORM_COUNT

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


class NestedListBoundField(NestedBoundField):
    def _forms(self, value: Any, data: Any = None, files: Any = None) -> Any:
        nested = self.field.nested
        elements = [
            nested.convert(each) if isinstance(each, dict) else each for each in value or ()
        ]
        around = surroundings(self.form)
        lists = sum(isinstance(each, NestedListFormField) for each in self.form.fields.values())
        around = replace(around, budget=around.budget / max(lists, 1))
        options = self._options(data, files)
        return Rows(self.field, elements, around, **options)

    def cleaned(self) -> Any:
        rows = self.sent
        if not rows.has_changed():
            return self.initial
        if not rows.is_valid():
            raise ValidationError(rows.located_errors(self.name))
        return rows.value()


def leaves(field: Any, seen: Any = ()) -> Iterator[forms.Field]:
    """The fields of the forms that a field shows, and of those in these."""
    model = field.nested.nested_model
    if model in seen:
        return
    for each in field.form_class.base_fields.values():
        if isinstance(each, NestedFormField):
            yield from leaves(each, (*seen, model))
        else:
            yield each
