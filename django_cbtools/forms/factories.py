"""Classes of forms, and of sets of forms, made of document classes."""

from __future__ import annotations

from typing import Any

from django.forms.models import inlineformset_factory, modelform_factory, modelformset_factory

from .documents import DocumentForm
from .formsets import DocumentFormSet, DocumentInlineFormSet


def documentform_factory(model: Any, form: Any = DocumentForm, **kwargs: Any) -> Any:
    """A class of DocumentForms, as Django's ``modelform_factory`` makes one of ModelForms."""
    return modelform_factory(model, form=form, **kwargs)


def documentformset_factory(
    model: Any, form: Any = DocumentForm, formset: Any = DocumentFormSet, **kwargs: Any
) -> Any:
    """A class of sets of DocumentForms, as Django's ``modelformset_factory`` makes one. Show the
    hidden fields of each form: its revision is one."""
    return modelformset_factory(model, form=form, formset=formset, **kwargs)


def inlinedocumentformset_factory(
    parent_model: Any,
    model: Any,
    form: Any = DocumentForm,
    formset: Any = DocumentInlineFormSet,
    **kwargs: Any,
) -> Any:
    """A class of sets of DocumentForms, of documents with a ForeignKey to a document or a row, as
    Django's ``inlineformset_factory`` makes one."""
    return inlineformset_factory(parent_model, model, form=form, formset=formset, **kwargs)


def knowing_revisions(form: Any, base: Any = DocumentForm) -> Any:
    """A class of ModelForms of documents as one of DocumentForms, with the same fields."""
    if issubclass(form, base):
        return form
    ours = DocumentForm.declared_fields
    declared = form.declared_fields.items()
    own = {name: field for name, field in declared if field is not ours.get(name)}
    return type(form.__name__, (base, form), own)
