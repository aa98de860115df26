"""Messages of a form if somebody else has saved the document since it was shown."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django import forms
from django.db import models
from django.template.loader import render_to_string
from django.utils.formats import localize
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

#: The text for a field without a value.
_EMPTY = "-"
#: The name of the check boxes by which the user chooses the version of somebody else.
TAKE = "take"

_CHANGED = _("Somebody else has changed this {} since you opened it. Nothing has been saved.")
_DELETED = _("It has been deleted meanwhile.")
_UNKNOWN = _(
    "The form does not say which revision of the {} it was made from. Nothing has been saved. (A "
    "template of your own has to show the form's hidden field “revision”.)"
)


class Row(NamedTuple):
    """A field with two versions."""

    name: str
    label: str
    #: The id of the field's input.
    field_id: str
    yours: str
    theirs: str


class Conflict:
    """The conflict because of which a form is shown again. ``rows`` are the fields with two
    versions.

    As a string, it is the template ``django_cbtools/conflict.html``, or a line of it if ``{%
    conflict form %}`` has shown the template already.
    """

    template_name = "django_cbtools/conflict.html"

    def __init__(
        self, form: Any, document: Any, names: Sequence[str] = (), *, is_known: bool, **about: bool
    ) -> None:
        self.form, self.document = form, document
        #: True if the form named the revision that it was made from.
        self.is_known = is_known
        self.is_deleted = about.get("is_deleted", False)
        self.rows = [self._row(name) for name in names]
        self.take = form.add_prefix(TAKE)
        self._is_shown = False

    def _row(self, name: str) -> Row:
        bound = self.form[name]
        theirs = self.form.get_initial_for_field(bound.field, name)
        yours = self.form.cleaned_data.get(name)
        versions = (shown(bound.field, value) for value in (yours, theirs))
        return Row(name, bound.label, bound.id_for_label, *versions)

    @property
    def reason(self) -> str:
        """The reason, in a sentence or two."""
        text = _CHANGED if self.is_known else _UNKNOWN
        found = format_html(str(text), self.document._meta.verbose_name)
        return format_html("{} {}", found, _DELETED) if self.is_deleted else found

    def render(self) -> SafeString:
        """Render the whole conflict. After that, only a line is shown among the form's errors."""
        self._is_shown = True
        return render_to_string(self.template_name, {"conflict": self, "form": self.form})

    def __str__(self) -> str:
        if self._is_shown:
            return self.reason
        found = self.render()
        self._is_shown = False
        return found


def shown(field: Any, value: Any) -> str:
    """Return the value of a form field as text for people."""
    if isinstance(field, forms.ModelChoiceField):
        return _related(field, value) or _EMPTY
    if isinstance(field, forms.ChoiceField):
        labels = _labels(field)
        values = value if isinstance(value, (list, tuple)) else [value]
        return ", ".join(labels.get(str(each), str(each)) for each in values if each) or _EMPTY
    value = None if value is None else getattr(field, "text_of", field.prepare_value)(value)
    if value in (None, "", [], {}):
        return _EMPTY
    if isinstance(value, bool):
        return str(_("Yes") if value else _("No"))
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return str(localize(value))


def _related(field: Any, value: Any) -> str:
    found = value
    if value and not isinstance(value, models.Model):
        found = field.queryset.filter(**{field.to_field_name or "pk": value}).first()
    return str(field.label_from_instance(found) if found else value or "")


def _labels(field: Any) -> dict[str, str]:
    """Return the labels of a field's choices, by value."""
    found: dict[str, str] = {}
    for value, label in field.choices:
        group = label if isinstance(label, (list, tuple)) else [(value, label)]
        found |= {str(each): str(called) for each, called in group}
    return found
