"""Generic views of documents. ``pk`` in the URL is the uid."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ObjectDoesNotExist
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.translation import gettext_lazy as _
from django.views import generic
from django.views.generic.detail import SingleObjectMixin

from django_cbtools.conflicts import retry_on_conflict
from django_cbtools.exceptions import SyncGatewayConflict
from django_cbtools.forms import DocumentForm, documentform_factory, seen
from django_cbtools.forms.factories import knowing_revisions
from django_cbtools.forms.guarded import GuardedForm
from django_cbtools.models import CouchbaseModel

_DELETED = _("It is deleted. What you have entered is on this page only.")
_EXISTS = _("There is one already, with the same key. Nothing has been saved.")
_BUSY = _("Others are saving this at the same time. Nothing has been saved. Save it again.")


class _DocumentMixin:
    """Loads the view's document by key, once for each request.

    A URL with a slug instead of a uid is looked up by a query, as in Django's views. If a view has
    a ``queryset``, overrides ``get_queryset()`` or passes a queryset to ``get_object()``, documents
    outside of it are not found. Checking that takes a query.
    """

    kwargs: dict[str, Any]
    model: Any
    pk_url_kwarg: str = "pk"

    def get_object(self, queryset: Any = None) -> Any:
        uid = self.kwargs.get(self.pk_url_kwarg)
        if uid is None:
            if isinstance(self, SingleObjectMixin):
                return super().get_object(queryset)  # type: ignore[misc]  # by the slug
            raise AttributeError(
                f"{type(self).__name__} must be called with the document's uid as "
                f"{self.pk_url_kwarg!r} in the URLconf."
            )
        try:
            document = (self.model or self.get_queryset().model)(uid)  # type: ignore[attr-defined]
        except ObjectDoesNotExist as error:
            raise Http404(str(error)) from error
        if document.st_deleted is True and not self._has_been_shown(document):
            raise Http404(f"Document {uid} is deleted.")
        if queryset is None and self._is_restricted():
            queryset = self.get_queryset()  # type: ignore[attr-defined]
        if queryset is not None and not queryset.filter(pk=document.pk).exists():
            raise Http404(f"Document {uid} is none of this view's.")
        return document

    def _is_restricted(self) -> bool:
        """Return whether the view has its own queryset."""
        own = getattr(type(self), "get_queryset", None)
        return getattr(self, "queryset", None) is not None or own not in (
            None,
            SingleObjectMixin.get_queryset,
        )

    def _has_been_shown(self, document: Any) -> bool:
        """Return whether the request goes on from the document, which has been deleted by now."""
        return False


class _ExtraDataMixin:
    def get_extra_data(self) -> dict[str, Any]:
        """Return values for the document that the form does not have."""
        return {}


class _ConflictMixin(_DocumentMixin):
    """Uses forms that know the revision that they were made from.

    So a form overwrites nothing that somebody else has saved since it was shown. A form without a
    revision is refused.
    """

    object: Any
    request: Any
    form_class: Any
    fields: Any

    def get_form_class(self) -> Any:
        if self.form_class is None and self.fields is not None and self.model is not None:
            return documentform_factory(self.model, fields=self.fields)
        return super().get_form_class()  # type: ignore[misc]

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(self._guarded(form_class or self.get_form_class()))  # type: ignore[misc]
        if form.is_bound and getattr(getattr(self, "object", None), "st_deleted", False) is True:
            form.add_error(None, _DELETED)
        return form

    def _guarded(self, form_class: Any) -> Any:
        if issubclass(form_class, forms.BaseModelForm):
            is_of_documents = issubclass(form_class._meta.model or object, CouchbaseModel)
            return knowing_revisions(form_class) if is_of_documents else form_class
        document = getattr(self, "object", None)
        if document is None:
            return form_class
        return type(form_class.__name__, (GuardedForm, form_class), {"document": document})

    def _has_been_shown(self, document: Any) -> bool:
        return seen.read(document, self._sent_revision()) is not None

    def _sent_revision(self) -> str | None:
        """Return the signed text that says what the form has shown, or None if it is missing."""
        prefix = self.get_prefix()  # type: ignore[attr-defined]
        found: str | None = self.request.POST.get(f"{prefix}-revision" if prefix else "revision")
        return found

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return self._post(request, *args, **kwargs)
        except SyncGatewayConflict:
            form = self.get_form()
            form.add_error(None, _EXISTS if self.object is None else _BUSY)
            return self.form_invalid(form)  # type: ignore[attr-defined,no-any-return]

    # On a second attempt, the form handles the conflict with somebody who was faster.
    @retry_on_conflict(attempts=2, delay=0)
    def _post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]
        return response


class _SaveFormMixin(_ConflictMixin, _ExtraDataMixin):
    """Saves the form's document with the extra data."""

    def form_valid(self, form: Any) -> HttpResponse:
        if isinstance(form, forms.BaseModelForm):
            document = form.instance
        else:
            document = self.object or self.model()
            document.from_cleaned_data(form.cleaned_data)
        document.from_dict(self.get_extra_data())
        if isinstance(form, DocumentForm):
            form.save()
        else:
            document.save()
        self.object = document
        return HttpResponseRedirect(self.get_success_url())  # type: ignore[attr-defined]


class CBListView(generic.ListView):  # type: ignore[type-arg]
    """A list of ``queryset``, of ``model.get_list(request)``, or of all documents of ``model``."""

    def get_queryset(self) -> Any:
        get_list = getattr(self.model, "get_list", None)
        if self.queryset is None and get_list is not None:
            found: Any = get_list(self.request)
        else:
            found = super().get_queryset()
        return found.all() if isinstance(found, models.Manager) else found


class CBDetailView(_DocumentMixin, generic.DetailView):  # type: ignore[type-arg]
    """A page of one document."""


class CBCreateView(_SaveFormMixin, generic.CreateView):  # type: ignore[type-arg]
    """A form for a new document. If the form is sent twice, one document is created."""


class CBUpdateView(_SaveFormMixin, generic.UpdateView):  # type: ignore[type-arg]
    """A form for an existing document. If ``form_class`` is a ModelForm, it becomes a DocumentForm.

    If somebody else has saved the document since the form was shown, both versions are shown.
    """


class CBDeleteView(_ConflictMixin, generic.DeleteView):  # type: ignore[type-arg]
    """A page that asks for confirmation, and then soft-deletes a document.

    If somebody else has saved the document since the page was shown, it asks again. Pages that do
    not send the revision, such as those of version 1.x, delete the document without this check.
    """

    def _guarded(self, form_class: Any) -> Any:
        is_guarded = self.request.method != "POST" or self._sent_revision() is not None
        return super()._guarded(form_class) if is_guarded else form_class

    def form_invalid(self, form: Any) -> HttpResponse:
        if self.object.st_deleted is True:
            return HttpResponseRedirect(self.get_success_url())  # it was sent twice
        return super().form_invalid(form)


class CBFormView(_DocumentMixin, _ExtraDataMixin, generic.FormView):  # type: ignore[type-arg]
    """A page of a document with any form."""
