"""A form field for an object with any keys, with a row for each key."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from .nested import NestedListFormField
from .subforms import Row
from .surroundings import Surroundings
from .unread import as_text

#: The largest number of keys with rows. An object with more keys is edited as JSON.
MOST = 50
_TEXT, _JSON = "text", "json"


class Pair(NamedTuple):
    """A key of an object, which identifies the pair, and its value."""

    uid: str
    value: Any


class PairForm(Row, forms.Form):
    """The form of a key and its value. A value that is no text is JSON."""

    key = forms.CharField(label=_("Key"), strip=False)
    text = forms.CharField(
        label=_("Value"), required=False, strip=False, widget=forms.Textarea({"rows": 1})
    )
    kind = forms.ChoiceField(
        label=_("Kind"), choices=[(_TEXT, _("Text")), (_JSON, _("JSON"))], initial=_TEXT
    )

    def __init__(
        self, *args: Any, element: Pair | None, surroundings: Surroundings, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.is_there, self.element = element is not None, element
        self.surroundings, self.cleaned_data = surroundings, {}
        if element is not None:
            kind = _TEXT if isinstance(element.value, str) else _JSON
            self.initial = {"key": element.uid, "text": as_text(element.value), "kind": kind}

    def clean(self) -> Any:
        text = self.cleaned_data.get("text", "")
        if self._is_value_kept():
            self.cleaned_data["value"] = self.element.value
        elif self.cleaned_data.get("kind") == _JSON:
            try:
                self.cleaned_data["value"] = json.loads(text)
            except ValueError:
                self.add_error("text", ValidationError(_("Enter a valid JSON."), "invalid_json"))
        else:
            self.cleaned_data["value"] = text.replace("\r\n", "\n")
        return self.cleaned_data

    def _is_value_kept(self) -> bool:
        return self.is_there and not {"text", "kind"} & set(self.changed_data)

    def value(self) -> Pair:
        value = self.element.value if self._is_value_kept() else self.cleaned_data.get("value")
        is_key_kept = self.is_there and "key" not in self.changed_data
        key = self.element.uid if is_key_kept else self.cleaned_data.get("key", "")
        return Pair(key, value)


class ObjectFormField(NestedListFormField):
    """A form field for an object with any keys. It has a row for each key, and ``extra`` blank
    rows."""

    can_order = False
    form_class = PairForm
    pairs_template = "django_cbtools/nested/pair.html"

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.fields_template = self.pairs_template

    @property
    def model(self) -> Any:
        return PairForm

    @property
    def title(self) -> Any:
        return _("key")

    def make_form(self, element: Any, is_there: bool, **kwargs: Any) -> Any:
        return PairForm(element=element, **kwargs)

    def as_json(self, element: Pair) -> Any:
        return list(element)

    def is_for_forms(self, value: Any) -> bool:
        return value is None or (isinstance(value, dict) and len(value) <= MOST)

    def check_forms(self, forms: list[Any]) -> None:
        """Add errors to forms with the key of another one."""
        seen = set()
        for form in sorted(forms, key=lambda form: form.is_bound):
            key = form.value().uid if form.is_valid() else None
            if key in seen:
                form.add_error("key", ValidationError(_("This key is there already."), "unique"))
            if key is not None:
                seen.add(key)

    def elements(self, value: Any) -> list[Any]:
        return [Pair(key, each) for key, each in (value or {}).items()]

    def made_of(self, elements: list[Any]) -> Any:
        return dict(elements)
