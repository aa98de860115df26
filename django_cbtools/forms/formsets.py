"""Formsets of documents. Some documents may leave the queryset before the formset is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet, BaseModelFormSet
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from . import seen

if TYPE_CHECKING:
    _Base = BaseModelFormSet[Any, Any]
    _InlineBase = BaseInlineFormSet[Any, Any, Any]
else:
    _Base, _InlineBase = object, BaseInlineFormSet

_ELSEWHERE = _(
    "This %(name)s is not one of these any more: somebody else has moved or deleted it since the "
    "page was opened. Nothing has been saved. Open the page again to see what is there now."
)


class KnowingElsewhere(_Base):
    """The part of a formset for documents that are no longer in its queryset.

    The form of such a document has an error if anything was entered in it. Django would ignore it
    silently.
    """

    model: Any

    @cached_property
    def _elsewhere(self) -> dict[str, Any]:
        """The documents as their forms have shown them, by uid. None if a form does not tell what
        it has shown."""
        return {}

    def _existing_object(self, pk: Any) -> Any:
        found = super()._existing_object(pk)  # type: ignore[misc]
        if found is None and pk:
            found = self._elsewhere[pk] = self._as_shown(pk)
        return found

    def _as_shown(self, uid: str) -> Any:
        name = self.model._meta.pk.name
        for i in range(self.initial_form_count()):
            prefix = self.add_prefix(i)
            if self.data.get(f"{prefix}-{name}") == uid:
                shown = seen.read(self.model(), self.data.get(f"{prefix}-revision"), uid)
                if shown is not None:
                    values = shown.values
                    return self.model._made_of(uid, shown.rev, values, values, None)
        return None

    def _is_elsewhere(self, form: Any) -> bool:
        return form.is_bound and self._sent_uid(form) in self._elsewhere

    def _sent_uid(self, form: Any) -> Any:
        return form.data.get(form.add_prefix(self.model._meta.pk.name))

    def get_queryset(self) -> Any:
        found = super().get_queryset()
        if self.__dict__.get("forms") and self._elsewhere:
            # The admin shows each form beside the document at the same place of this list.
            return [form.instance for form in self.initial_forms]
        return found

    def add_fields(self, form: Any, index: int | None) -> None:
        super().add_fields(form, index)
        if self._is_elsewhere(form):
            uid = self._sent_uid(form)
            form.fields[self.model._meta.pk.name] = forms.CharField(
                initial=uid, widget=forms.HiddenInput
            )

    def _should_delete_form(self, form: Any) -> bool:
        found: bool = super()._should_delete_form(form)  # type: ignore[misc]
        return found and not self._is_elsewhere(form)

    def full_clean(self) -> None:
        super().full_clean()
        for form in self.initial_forms if self.is_bound else ():
            if self._is_elsewhere(form) and form.has_changed():
                name = self.model._meta.verbose_name
                form.add_error(None, ValidationError(_ELSEWHERE, "elsewhere", {"name": name}))


class DocumentFormSet(KnowingElsewhere, BaseModelFormSet):  # type: ignore[type-arg]
    """A formset of documents, as Django's BaseModelFormSet."""


class DocumentInlineFormSet(KnowingElsewhere, _InlineBase):
    """A formset of documents with a ForeignKey to one object, as Django's BaseInlineFormSet."""
