"""Generic views of documents; ``pk`` in the URL is the uid."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.views import generic

from django_cbtools.exceptions import SyncGatewayConflict

#: The hidden field of forms with the revision that they were made from.
REVISION = "_rev"


class _DocumentMixin:
    """Loads the view's document by key, once a request."""

    kwargs: dict[str, Any]
    model: Any
    pk_url_kwarg: str = "pk"

    def get_object(self, queryset: Any = None) -> Any:
        uid = self.kwargs.get(self.pk_url_kwarg)
        if uid is None:
            raise AttributeError(
                f"{type(self).__name__} must be called with the document's uid as "
                f"{self.pk_url_kwarg!r} in the URLconf."
            )
        try:
            document = self.model(uid)
        except ObjectDoesNotExist as error:
            raise Http404(str(error)) from error
        if document.st_deleted:
            raise Http404(f"Document {uid} is deleted.")
        return document


class _ExtraDataMixin:
    def get_extra_data(self) -> dict[str, Any]:
        """Values that the document needs and the form does not have."""
        return {}


class _ConflictMixin:
    """Shows a conflict as an error of the form.

    A form for a document that is there carries its revision in a hidden field: whoever has the
    page open while somebody else saves the document gets a conflict, and overwrites nothing.
    """

    object: Any
    request: Any

    def get_form(self, form_class: Any = None) -> Any:
        form = super().get_form(form_class)  # type: ignore[misc]
        revision = getattr(getattr(self, "object", None), "rev", None)
        if revision:
            form.fields[REVISION] = forms.CharField(
                widget=forms.HiddenInput, required=False, initial=revision
            )
            if isinstance(form, forms.BaseModelForm):
                form.instance._state.is_form_current = bool(
                    form.data.get(form.add_prefix(REVISION))
                )
        return form

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response: HttpResponse = super().post(request, *args, **kwargs)  # type: ignore[misc]
        except SyncGatewayConflict:
            form = self.get_form()
            form.add_error(
                None, "Somebody else has changed this in the meantime. Load the page again."
            )
            response = self.form_invalid(form)  # type: ignore[attr-defined]
        return response

    def check_revision(self, form: Any) -> None:
        """Raise SyncGatewayConflict where the form was made from another revision."""
        given = form.cleaned_data.get(REVISION)
        if given and given != self.object.rev:
            raise SyncGatewayConflict(
                f"Document {self.object.uid} is at revision {self.object.rev}, the form at "
                f"{given}.",
                status=409,
                uid=self.object.uid,
            )


class _SaveFormMixin(_ConflictMixin, _ExtraDataMixin):
    """Saves the form's document, with the extra data."""

    model: Any

    def form_valid(self, form: Any) -> HttpResponse:
        self.check_revision(form)
        if isinstance(form, forms.BaseModelForm):
            document = form.instance
        else:
            document = self.object or self.model()
            document.from_cleaned_data(form.cleaned_data)
        document.from_dict(self.get_extra_data())
        document.save()
        self.object = document
        return HttpResponseRedirect(self.get_success_url())  # type: ignore[attr-defined]


class CBListView(generic.ListView):  # type: ignore[type-arg]
    """Rows of ``queryset``, or of ``model.get_list(request)``, or all of the model's documents."""

    def get_queryset(self) -> Any:
        if self.queryset is not None:
            queryset: Any = self.queryset
            return queryset.all() if hasattr(queryset, "all") else queryset
        if self.model is None:
            raise ImproperlyConfigured(
                f"{type(self).__name__} has no rows: define model, queryset or get_queryset()."
            )
        get_list = getattr(self.model, "get_list", None)
        return get_list(self.request) if get_list else self.model._default_manager.all()


class CBDetailView(_DocumentMixin, generic.DetailView):  # type: ignore[type-arg]
    """One document."""


class CBCreateView(_SaveFormMixin, generic.CreateView):  # type: ignore[type-arg]
    """A form for a new document."""


class CBUpdateView(_DocumentMixin, _SaveFormMixin, generic.UpdateView):  # type: ignore[type-arg]
    """A form for a document that is there."""


class CBDeleteView(_DocumentMixin, _ConflictMixin, generic.DeleteView):  # type: ignore[type-arg]
    """Asks, and deletes a document softly."""

    def form_valid(self, form: Any) -> HttpResponse:
        self.check_revision(form)
        return super().form_valid(form)


class CBFormView(_DocumentMixin, _ExtraDataMixin, generic.FormView):  # type: ignore[type-arg]
    """Any form beside a document."""
