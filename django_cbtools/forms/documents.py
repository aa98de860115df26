"""Forms of documents that know which revision they were made from.

Somebody else, a phone mostly, may save a document while its form is open. Nothing of his is
overwritten then: the form comes back on top of what is stored now, with both versions in its error.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from django import forms
from django.contrib.admin.utils import display_for_value
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.models import ModelFormMetaclass
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from django_cbtools.models.fields import values

from .fields import ChannelsField, RevisionField

#: Whether a document is deleted is shown where it has been, though no form changes it.
_ALWAYS_SEEN = frozenset(("st_deleted",))


class _DocumentFormType(ModelFormMetaclass):
    """Takes ``channels`` among the fields of a form: of the model's, no form can change them."""

    def __new__(mcs, name: str, bases: Any, attrs: dict[str, Any]) -> Any:
        meta: Any = attrs.get("Meta")
        if "channels" in (getattr(meta, "fields", None) or ()):
            exclude = [*(getattr(meta, "exclude", None) or ()), "channels"]
            attrs = {**attrs, "Meta": type("Meta", (meta,), {"exclude": exclude})}
        return super().__new__(mcs, name, bases, attrs)


class DocumentForm(forms.ModelForm, metaclass=_DocumentFormType):  # type: ignore[type-arg]
    """A ModelForm of a document, which knows the revision that it was made from.

    Only what is changed in it is written. ``channels`` is a field of it, and required, where
    ``Meta.fields`` names it.
    """

    channels = ChannelsField(label=_("Channels"))
    revision = RevisionField()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.has_channels() or type(self.instance).default_channels is None:
            self.fields.pop("channels", None)
        self._loaded = self._json()
        if self.instance._state.adding:
            self._show_default_channels()
        else:
            self.initial.setdefault("channels", self.instance.channels)
            self.initial["revision"] = {"rev": self.instance.rev, "seen": self._seen()}
            self._offer_related()
            self._show_unread()

    def has_channels(self) -> bool:
        """Whether the channels can be edited, where documents of the class are in some."""
        declared = type(self).declared_fields.get("channels")
        is_own = declared is not DocumentForm.declared_fields["channels"]
        return is_own or "channels" in (self._meta.fields or ())

    def _json(self) -> str | None:
        """The instance's JSON; None of what is not stored yet."""
        is_new = self.instance._state.adding
        return None if is_new else json.dumps(self.instance.to_dict(), sort_keys=True)

    def is_as_loaded(self) -> bool:
        """Whether saving the instance would write what it was when the form was made."""
        return self._loaded is not None and self._loaded == self._json()

    def _show_default_channels(self) -> None:
        """Show what the class says new documents are in; a function of theirs cannot know yet."""
        document: Any = self.instance
        default = type(document).default_channels
        if not callable(default):
            self.initial.setdefault("channels", document.channels or list(default or ()))
        elif "channels" in self.fields:
            field = self.fields["channels"]
            field.required = False
            field.help_text = format_html("{} {}", field.help_text, _CHOSEN)

    def _show_unread(self) -> None:
        """Show what a phone wrote in another type as a text where that can be done, else not at
        all. Nothing is written over it where nobody touches the field."""
        for name, raw in self.instance.unread().items():
            field = self.fields.get(name)
            is_text = isinstance(field, (forms.CharField, forms.IntegerField)) and not isinstance(
                field, forms.JSONField
            )
            text = raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False)
            if name in self.initial:
                self.initial[name] = text if is_text else None
            widget = getattr(field, "widget", None)
            if is_text and isinstance(widget, forms.NumberInput):  # browsers show no other texts
                field.widget = forms.TextInput(widget.attrs)  # type: ignore[union-attr]

    def _seen(self) -> dict[str, Any]:
        """The JSON of what the form shows, by key."""
        keys = {
            values.json_key(field)
            for field in self._meta.model._meta.concrete_fields
            if field.name in self.fields or field.name in _ALWAYS_SEEN
        }
        stored = self.instance.fields_as_json()
        return {key: value for key, value in stored.items() if key in keys}

    def _offer_related(self) -> None:
        """Let a relation stay as it is: to a document that has been deleted softly, or is gone."""
        fields: dict[str, Any] = self.fields
        for name, field in fields.items():
            queryset, uid = getattr(field, "queryset", None), self.initial.get(name)
            everything = getattr(getattr(queryset, "model", None), "all_objects", None)
            if everything is None or not uid:
                continue
            field.queryset = queryset | everything.filter(pk=uid)
            if not self.prefix and self._is_gone(name):
                field.help_text = format_html(str(_GONE), field.help_text, uid)

    def _is_gone(self, name: str) -> bool:
        """Whether a choice is shown as empty because what is chosen is not there."""
        field: Any = self.fields[name]
        widget = getattr(field.widget, "widget", field.widget)
        uid, queryset = self.initial.get(name), getattr(field, "queryset", None)
        return (
            bool(uid)
            and queryset is not None
            and isinstance(widget, forms.widgets.ChoiceWidget)
            and not queryset.filter(pk=uid).exists()
        )

    # --------------------------------------------------------------- validation

    def _post_clean(self) -> None:
        document: Any = self.instance
        if not document._state.adding and not self.errors:
            self.changed_data = [
                name
                for name in self.changed_data
                if self.cleaned_data.get(name) is not None or not self._is_gone(name)
            ]
            self._check_revision()
        document._state.is_form_current = True
        unchanged = {
            field.attname: getattr(document, field.attname)
            for field in document._meta.concrete_fields
            if field.name in self.fields
            and field.name not in self.changed_data
            and not document._state.adding
        }
        if self.cleaned_data.get("channels") and "channels" in self.changed_data:
            document.channels = self.cleaned_data["channels"]
        super()._post_clean()  # type: ignore[misc]
        # Forms round: what was not changed is written as it was read.
        for attname, value in unchanged.items():
            setattr(document, attname, value)

    def _check_revision(self) -> None:
        """Add an error where somebody else has changed what the form shows, since it was made."""
        made_from: Any = self.cleaned_data.get("revision")
        if not _is_revision(made_from):
            self.add_error(None, ValidationError(_NO_REVISION, code="revision"))
            return
        if made_from["rev"] == self.instance.rev:
            return
        was = self._meta.model()
        was.from_dict(made_from["seen"])
        was._state.adding = False
        mine = type(self)(self.data, self.files, instance=was, prefix=self.prefix).changed_data
        differing = self.changed_data
        kept = [name for name in differing if name in mine]
        self._continue_from_stored(kept)
        if not kept and (self.prefix or not differing):
            self.changed_data = []
            return
        is_deleted = self.instance.st_deleted and not was.st_deleted
        rows = [self._versions(name, name in kept) for name in differing]
        context = {"rows": rows, "is_deleted": is_deleted, "opts": self._meta.model._meta}
        message = render_to_string("django_cbtools/conflict.html", context)
        self.add_error(None, ValidationError(message, code="conflict"))

    def _continue_from_stored(self, kept: Sequence[str]) -> None:
        """Have the form show what is stored now, but for the fields that are kept."""
        fields: dict[str, Any] = self.fields
        for name, field in fields.items():
            if name not in kept:
                field.bound_data = _stored

    def _versions(self, name: str, is_kept: bool) -> dict[str, Any]:
        """A row of the table of differences."""
        bound = self[name]
        sides = {"yours": self.cleaned_data.get(name), "theirs": bound.initial}
        shown = {side: _shown(value) for side, value in sides.items()}
        return {"label": bound.label, "is_kept": is_kept, **shown}


_CHOSEN = _("Where there are none, they are chosen when the document is saved.")
_GONE = _("{} It refers to {}, which is not there. It stays so unless another one is chosen.")
_NO_REVISION = _(
    "The form does not say which revision of the document it was made from. Open it again. (A "
    "template of your own has to show the form's hidden field “revision”.)"
)


def _is_revision(value: Any) -> bool:
    return isinstance(value, dict) and "rev" in value and isinstance(value.get("seen"), dict)


def _stored(data: Any, initial: Any) -> Any:
    """In place of a field's ``bound_data``, which is what somebody has entered."""
    return initial


def _shown(value: Any) -> str:
    if isinstance(value, models.Model):
        value = value.pk
    if isinstance(value, dict) or (
        isinstance(value, (list, tuple)) and not all(isinstance(item, str) for item in value)
    ):
        return json.dumps(value, ensure_ascii=False, indent=1, default=str)
    return str(display_for_value(value, "-"))
