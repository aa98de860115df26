"""Functions that create form and formset classes for document classes."""

from __future__ import annotations

from typing import Any

from django.forms.models import inlineformset_factory, modelform_factory, modelformset_factory

from .documents import DocumentForm
from .formsets import DocumentFormSet, DocumentInlineFormSet


def documentform_factory(model: Any, form: Any = DocumentForm, **kwargs: Any) -> Any:
    """Return a DocumentForm class for a document class, as Django's ``modelform_factory()``."""
    return modelform_factory(model, form=form, **kwargs)


def documentformset_factory(
    model: Any, form: Any = DocumentForm, formset: Any = DocumentFormSet, **kwargs: Any
) -> Any:
    """Return a formset class of DocumentForms, as Django's ``modelformset_factory()``.

    Templates must show the hidden fields of each form: the revision is one of them.
    """
    return modelformset_factory(model, form=form, formset=formset, **kwargs)


def inlinedocumentformset_factory(
    parent_model: Any,
    model: Any,
    form: Any = DocumentForm,
    formset: Any = DocumentInlineFormSet,
    **kwargs: Any,
) -> Any:
    """Return an inline formset class of DocumentForms, as Django's ``inlineformset_factory()``.

    The documents have a ForeignKey to the parent, which is a document or a row.
    """
    return inlineformset_factory(parent_model, model, form=form, formset=formset, **kwargs)


def knowing_revisions(form: Any, base: Any = DocumentForm) -> Any:
    """Return a class of model forms of documents as a DocumentForm, with the same fields."""
    if issubclass(form, base):
        return form
    ours = DocumentForm.declared_fields
    declared = form.declared_fields.items()
    own = {name: field for name, field in declared if field is not ours.get(name)}
    return type(form.__name__, (base, form), own)
