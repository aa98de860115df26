"""Forms of the elements of a list or an object."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.formsets import DELETION_FIELD_NAME, ORDERING_FIELD_NAME
from django.forms.widgets import ChoiceWidget
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from .surroundings import Surroundings, surroundings
from .unread import UNREADABLE, UnreadField, as_text, unread_of
from .untouched import is_changed

#: The name of the field that identifies the form's element. Every form sends it.
ELEMENT = "ELEMENT"
#: The fields that do not belong to the element.
_MARKS = (ELEMENT, ORDERING_FIELD_NAME, DELETION_FIELD_NAME)

if TYPE_CHECKING:
    _Form = forms.Form
else:
    _Form = object


class Row(_Form):
    """The part of a form that knows its element and the element's place."""

    #: True if the element existed when the form was made.
    is_there: bool
    #: The element at that time.
    element: Any
    #: The element's place in the list, if it was in one.
    source: int | None = None
    number: int | None = None

    def mark(self, token: str, can_delete: bool) -> None:
        """Add the fields that name the element, and that remove it."""
        self.fields[ELEMENT] = forms.CharField(
            required=False, initial=token, widget=forms.HiddenInput
        )
        if can_delete:
            self.fields[DELETION_FIELD_NAME] = forms.BooleanField(required=False, label=_("Remove"))

    def mark_order(self, order: int | None) -> None:
        """Add the field with the element's place."""
        self.fields[ORDERING_FIELD_NAME] = forms.IntegerField(
            required=False, initial=order, label=_("Order")
        )

    @property
    def is_removed(self) -> bool:
        return self.is_bound and bool(self._marked(DELETION_FIELD_NAME))

    @property
    def order(self) -> int | None:
        """The number that was entered for the element's place. If none was sent, or no number, that
        of its present place."""
        found = self._marked(ORDERING_FIELD_NAME)
        try:
            number: int | None = forms.IntegerField(required=False).clean(found)
        except ValidationError:
            found = None
        if found is None:
            return None if self.source is None else self.source + 1
        return number

    def _marked(self, name: str) -> Any:
        field = self.fields.get(name)
        if field is None:
            return None
        return field.widget.value_from_datadict(self.data, self.files, self.add_prefix(name))

    @cached_property
    def changed_data(self) -> list[str]:
        return [
            name
            for name, bound in self._bound_items()  # type: ignore[attr-defined]
            if name not in _MARKS and is_changed(bound)
        ]

    def _untouched(self) -> list[str]:
        """Return the names of fields that are unchanged. They are not validated."""
        if not self.is_there:
            return []
        return [name for name in self.fields if name not in self.changed_data]

    def _clean_fields(self) -> None:
        super()._clean_fields()  # type: ignore[misc]
        for name in self._untouched():
            self.errors.pop(name, None)

    @property
    def is_blank(self) -> bool:
        """True if the row is a new one with nothing entered."""
        return not self.is_there and not (self.is_bound and self.has_changed())

    def shown_fields(self) -> list[Any]:
        return [bound for bound in self.visible_fields() if bound.name not in _MARKS]

    def number_of_inputs(self) -> int:
        """Return the number of inputs that a browser sends."""
        return sum(
            bound.number_of_inputs() if hasattr(bound, "number_of_inputs") else _inputs(bound)
            for bound in self
        )

    def value(self) -> Any:
        """Return the element with its changes."""
        raise NotImplementedError


class NestedForm(Row, forms.ModelForm):  # type: ignore[type-arg]
    """The form of a nested object. Subclass it for a form of your own.

    Unchanged values of an existing object are kept as they are, and not validated, since a phone
    may have written them.
    """

    def __init__(
        self,
        *args: Any,
        is_there: bool = False,
        surroundings: Surroundings | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.is_there, self.element = is_there, self.instance
        if surroundings is not None:
            self.surroundings = surroundings
        if is_there:
            self._show_unread()
        self._share_choices()

    def _show_unread(self) -> None:
        for name, raw in unread_of(self.instance).items():
            field = self.fields.get(name)
            if field is not None and not isinstance(field, forms.FileField):
                self.fields[name] = UnreadField(field, raw)
                self.initial[name] = raw

    def _share_choices(self) -> None:
        """Query choices once for a whole list. A chosen value that no longer exists is kept."""
        known = surroundings(self).choices
        fields: dict[str, Any] = self.fields
        for name, field in fields.items():
            widget = getattr(field.widget, "widget", field.widget)  # the admin wraps it
            if not hasattr(field, "choices") or not _is_choice_of_one(widget):
                continue
            key = type(self), name
            if key not in known:
                known[key] = list(field.choices)
            chosen, offered = self.initial.get(name), known[key]
            if self.is_there and chosen not in (None, "") and not _is_offered(chosen, offered):
                offered = [*offered, (chosen, as_text(chosen))]
            field.widget.choices = offered
            widget.choices = offered

    # ------------------------------------------------------------------ validation

    def full_clean(self) -> None:
        if self.is_bound and self.is_there and self.has_changed():
            # The code that made the form has the object, too.
            self.instance = copy.deepcopy(self.element)
        super().full_clean()

    def _get_validation_exclusions(self) -> set[str]:
        found: set[str] = super()._get_validation_exclusions()  # type: ignore[misc]
        return found | set(self._untouched())

    def _post_clean(self) -> None:
        names = set(self._untouched())
        kept = {
            field.attname: getattr(self.instance, field.attname)
            for field in self.instance._meta.concrete_fields
            if field.name in names
        }
        super()._post_clean()  # type: ignore[misc]
        for attname, value in kept.items():
            setattr(self.instance, attname, value)

    def validate_unique(self) -> None:
        """Do nothing: a nested object is a part of a document."""

    def value(self) -> Any:
        token = surroundings(self).token
        if token and not self.is_there:
            # If a form is sent twice, it creates one object.
            self.instance._choose_uid(f"{token} {self.prefix}")
        return self.instance


class RawForm(Row, forms.Form):
    """The form of an element of another type, as JSON. ``nested`` is the elements' field."""

    JSON = forms.CharField(
        required=False,
        label=_("Value"),
        strip=False,
        help_text=UNREADABLE,
        widget=forms.Textarea(attrs={"rows": 2}),
    )

    def __init__(
        self,
        *args: Any,
        nested: Any,
        element: Any,
        surroundings: Surroundings,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.is_there, self.element, self.nested = True, element, nested
        self.surroundings = surroundings
        self.initial["JSON"] = json.dumps(element, ensure_ascii=False)

    def clean_JSON(self) -> Any:
        return from_json(self.nested, self.cleaned_data["JSON"])

    def value(self) -> Any:
        return self.cleaned_data["JSON"] if self.has_changed() else self.element


def from_json(field: Any, text: str) -> Any:
    """Return the value of a model field for entered JSON. Raise ValidationError if it is not
    valid."""
    try:
        raw = json.loads(text)
    except ValueError:
        raise ValidationError(_("Enter a valid JSON."), code="invalid_json") from None
    value = field.convert(raw)
    found = list(field.problems(value))
    if found:
        raise ValidationError(found)
    return value


def _is_choice_of_one(widget: Any) -> bool:
    """Return whether a widget offers a choice of one, by Django's own way to make options."""
    is_own = isinstance(widget, ChoiceWidget) and not widget.allow_multiple_selected
    return is_own and type(widget).optgroups is ChoiceWidget.optgroups


def _inputs(bound: Any) -> int:
    widgets = getattr(bound.field.widget, "widgets", (None,))
    return len(widgets) * (2 if bound.field.show_hidden_initial else 1)


def _is_offered(chosen: Any, choices: Any) -> bool:
    for value, label in choices:
        if isinstance(label, (list, tuple)):
            if _is_offered(chosen, label):
                return True
        elif str(value) == str(chosen):
            return True
    return False
