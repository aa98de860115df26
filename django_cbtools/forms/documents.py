"""Forms of documents that know the revision that they were made from.

Somebody else, mostly a phone, may save a document while its form is open. The form does not
overwrite their changes. It shows both versions of fields that both sides have changed, and merges
the rest.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import ModelFormMetaclass, model_to_dict
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_cbtools.form_fields.unread import as_text, unread_of
from django_cbtools.models.fields import values

from . import seen
from .fields import ChannelsField, RevisionField
from .saving import SavingForm

#: The form always records whether the document was deleted softly, although it has no field for it.
_ALWAYS_SEEN = frozenset(("st_deleted",))

_CHOSEN = _("Where there are none, they are chosen when the document is saved.")
_GONE = _("{} It refers to {}, which is not there. It stays so unless another one is chosen.")
_UNTOLD = _("{} What is stored cannot be shown here: {}. It stays so unless you enter another one.")
#: Form fields whose inputs cannot show any text.
_TIMES = (forms.DateField, forms.DateTimeField, forms.SplitDateTimeField, forms.TimeField)


class _DocumentFormType(ModelFormMetaclass):
    """The metaclass of document forms. It handles ``channels`` in ``Meta.fields``, which Django's
    forms of models cannot edit."""

    def __new__(mcs, name: str, bases: Any, attrs: dict[str, Any]) -> Any:
        meta: Any = attrs.get("Meta")
        if "channels" in (getattr(meta, "fields", None) or ()):
            exclude = [*(getattr(meta, "exclude", None) or ()), "channels"]
            attrs = {**attrs, "Meta": type("Meta", (meta,), {"exclude": exclude})}
        return super().__new__(mcs, name, bases, attrs)


class DocumentForm(SavingForm, metaclass=_DocumentFormType):
    """A ModelForm of a document that knows the revision that it was made from.

    Only changed fields are saved; without changes, nothing is. If somebody else has saved the
    document since the form was shown, fields that only they have changed keep their values. A field
    that both have changed has an error with the code "conflict", and :attr:`conflict` has both
    versions. The form shows what was entered, and saves it when it is sent again.

    If ``Meta.fields`` includes ``channels``, the form has a required field for them.
    """

    channels = ChannelsField(label=_("Channels"))
    revision = RevisionField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.has_channels() or type(self.instance).default_channels is None:
            self.fields.pop("channels", None)
        self.is_new = self.instance._state.adding
        if not self.is_new:
            self.start()
            return
        self._show_default_channels()
        if not self.empty_permitted:  # as one of many, of which each is copied by scripts
            self.initial["revision"] = lambda: seen.sign_uid(self.instance)

    def has_channels(self) -> bool:
        """Return whether the form has the field for channels, if documents of the class are in
        channels."""
        declared = type(self).declared_fields.get("channels")
        is_own = declared is not DocumentForm.declared_fields["channels"]
        return is_own or "channels" in (self._meta.fields or ())

    def start(self) -> None:
        """Begin with the stored document. A view's ``initial`` is only shown."""
        super().start()
        self.outdated = set()
        shown = self.values_of(self.instance)
        if not self.is_bound:
            unread = unread_of(self.instance)
            shown = {
                name: value
                for name, value in shown.items()
                if name in unread or name not in self.initial
            }
        # The values are computed now, since the instance and the form's fields may change before
        # the form is shown.
        document, stored = self.instance, self.instance.fields_as_json()
        self.initial.update(
            shown,
            revision=lambda: seen.sign(
                document, self._seen_of({**stored, **self.unmerged}), self.older
            ),
        )
        self._offer_related()
        self._offer_choices()
        for name in shown:
            self.fields[name].show_hidden_initial = False  # the revision has it
        self._make_room_for_unread()

    def values_of(self, document: Any) -> dict[str, Any]:
        """Return the values that the form's fields show of a document. A value that a phone wrote
        in another type is shown as text if the field can show text, else as empty."""
        found = model_to_dict(document, self._meta.fields, self._meta.exclude)
        found["channels"] = document.channels
        for name, raw in unread_of(document).items():
            if name in found:
                found[name] = as_text(raw) if _takes_texts(self.fields.get(name)) else None
        return {name: value for name, value in found.items() if name in self.fields}

    def _show_default_channels(self) -> None:
        """Show the channels that the class gives new documents, unless a function of the document
        decides."""
        document: Any = self.instance
        default = type(document).default_channels
        if not callable(default):
            self.initial.setdefault("channels", document.channels or list(default or ()))
        elif "channels" in self.fields:
            field = self.fields["channels"]
            field.required = False
            field.help_text = format_html("{} {}", field.help_text, _CHOSEN)

    def _make_room_for_unread(self) -> None:
        """Make unreadable values visible. Inputs for numbers cannot show other texts, so they
        become inputs for text. Inputs for times show them in the help text."""
        for name, raw in unread_of(self.instance).items():
            field: Any = self.fields.get(name)
            if isinstance(field, _TIMES) and not self.is_bound:
                field.help_text = format_html(str(_UNTOLD), field.help_text, as_text(raw))
            if _takes_texts(field) and isinstance(field.widget, forms.NumberInput):
                field.widget = forms.TextInput(field.widget.attrs)

    def _seen_of(self, stored: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON of the fields that the form shows and can change, by key."""
        keys = {
            values.json_key(field)
            for field in self._meta.model._meta.concrete_fields
            if field.name in _ALWAYS_SEEN
            or (field.name in self.fields and not self.fields[field.name].disabled)
        }
        return {key: value for key, value in stored.items() if key in keys}

    def _offer_related(self) -> None:
        """Let a relation keep its document, even if the document is deleted softly or gone."""
        fields: dict[str, Any] = self.fields
        for name, field in fields.items():
            queryset, uid = getattr(field, "queryset", None), self.initial.get(name)
            everything = getattr(getattr(queryset, "model", None), "all_objects", None)
            if everything is None or not uid:
                continue
            field.queryset = queryset | everything.filter(pk=uid)
            if not self.prefix and not self.is_bound and _is_gone(field, uid):
                field.help_text = format_html(str(_GONE), field.help_text, uid)

    def _offer_choices(self) -> None:
        """Let a choice keep its value, even if that is no longer among the choices."""
        for name, value in self.values_of(self.instance).items():
            field: Any = self.fields[name]
            is_choice = isinstance(field, forms.ChoiceField) and not isinstance(
                field, (forms.ModelChoiceField, forms.MultipleChoiceField)
            )
            if is_choice and value not in field.empty_values and not field.valid_value(value):
                field.choices = [*field.choices, (value, value)]
                self.outdated.add(name)


def _is_gone(field: Any, uid: Any) -> bool:
    """Return whether the chosen object does not exist."""
    try:
        field.to_python(uid)
    except ValidationError:
        return True
    return False


def _takes_texts(field: Any) -> bool:
    """Return whether a form field can show any text."""
    return isinstance(field, (forms.CharField, forms.IntegerField)) and not isinstance(
        field, forms.JSONField
    )
