"""Bound fields of form fields that consist of forms."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import Any

from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField
from django.forms.formsets import TOTAL_FORM_COUNT
from django.utils.functional import cached_property

from .locating import located
from .rows import Rows, form_errors
from .surroundings import surroundings


class Instead(Enum):
    """Markers that take the place of a field's data or value."""

    FORMS = "forms, which are asked what was sent"
    NOTHING = "nothing was sent"
    LATER = "blank forms in blank forms, and so on: there is an end to it"


FORMS, NOTHING, LATER = Instead


class Sent:
    """The data of a field that consists of forms. The forms are made when their initial value is
    known."""

    def __init__(self, bound: NestedBoundField) -> None:
        self._bound = bound

    def has_changed(self, initial: Any) -> bool:
        """Return whether the sent value differs from ``initial``."""
        return self._bound.is_changed(self._bound.sent_of(initial))


class NestedBoundField(BoundField):
    """A bound field that is shown as forms."""

    field: Any

    @property
    def data(self) -> Any:
        if surroundings(self.form).is_too_deep:
            return NOTHING
        found = super().data
        return Sent(self) if found is FORMS else found

    @cached_property
    def sent(self) -> Any:
        """The forms with the sent data."""
        return self._forms(self.initial, self.form.data, self.form.files)

    def sent_of(self, initial: Any) -> Any:
        """Return the forms with the sent data, for another initial value."""
        if initial is self.initial:
            return self.sent
        return self._forms(initial, self.form.data, self.form.files)

    def is_changed(self, sent: Any) -> bool:
        """Return whether the sent forms differ from their initial value."""
        return bool(sent.has_changed())

    @cached_property
    def first(self) -> Any:
        """The forms of the initial value."""
        return self._forms(self.initial)

    def _forms(self, value: Any, data: Any = None, files: Any = None) -> Any:
        raise NotImplementedError

    def cleaned(self) -> Any:
        """Return the value of the sent forms. Raise ValidationError if it is not valid."""
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
        """The errors of the whole value. Other errors are shown at the forms' fields."""
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


class NestedListBoundField(NestedBoundField):
    def _forms(self, value: Any, data: Any = None, files: Any = None) -> Any:
        elements = self.field.elements(value)
        around = surroundings(self.form)
        lists = sum(
            getattr(each, "mark", None) == TOTAL_FORM_COUNT for each in self.form.fields.values()
        )
        around = replace(around, budget=around.budget / max(lists, 1))
        options = self._options(data, files)
        return Rows(self.field, elements, around, **options)

    def cleaned(self) -> Any:
        rows = self.sent
        if not rows.has_changed():
            return self.initial
        if not rows.is_valid():
            raise ValidationError(rows.located_errors(self.name))
        return self.field.made_of(rows.value())
