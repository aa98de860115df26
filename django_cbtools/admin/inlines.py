"""Inlines of documents on the admin page of the object that they refer to."""

from __future__ import annotations

from django.contrib import admin

from django_cbtools.forms.formsets import DocumentInlineFormSet

from .layout import DocumentLayout


class CouchbaseStackedInline(DocumentLayout, admin.StackedInline):  # type: ignore[type-arg]
    """A stacked inline of documents with a ForeignKey to the object of the page."""

    formset = DocumentInlineFormSet


class CouchbaseTabularInline(DocumentLayout, admin.TabularInline):  # type: ignore[type-arg]
    """A tabular inline of documents with a ForeignKey to the object of the page."""

    formset = DocumentInlineFormSet
