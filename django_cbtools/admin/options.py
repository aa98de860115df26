"""The ModelAdmin of documents."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import model_ngettext, unquote
from django.core.exceptions import PermissionDenied
from django.db import router, transaction
from django.http import HttpResponseNotAllowed, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayException,
)

from .addresses import address, page_name
from .attachments import ShownAttachments, without_attachments
from .deletion import softly_deleted
from .display import shown
from .filters import DeletedFilter, shows_deleted
from .history import history
from .layout import DocumentLayout
from .without_orm import WithoutORM

#: Exceptions of a save that are shown to the user.
FAILURES = (SyncGatewayException, CouchbaseModelError)
#: The attribute of a request with the exception, while its form is made once more.
_FAILURE = "_document_failure"
#: The attribute of a request with logged deletions, until they are done.
_DELETIONS = "_document_deletions"
_UNDELETED = gettext_lazy("Undeleted.")


class CouchbaseModelAdmin(
    ShownAttachments,
    DocumentLayout,
    WithoutORM,
    admin.ModelAdmin,  # type: ignore[type-arg]
):
    """A ModelAdmin of documents.

    Deletion is soft and can be undone; a filter of the list shows deleted documents. If somebody
    else has saved the document since the form was shown, the form shows both versions. Attachments
    are shown as links, and images as thumbnails.
    """

    change_form_template = "admin/django_cbtools/change_form.html"
    change_list_template = "admin/django_cbtools/change_list.html"
    delete_confirmation_template = "admin/django_cbtools/delete_confirmation.html"
    delete_selected_confirmation_template = "admin/django_cbtools/delete_selected_confirmation.html"
    object_history_template = "admin/django_cbtools/object_history.html"
    #: The number of revisions that the history shows.
    history_revisions = 20

    def __init__(self, model: Any, admin_site: Any) -> None:
        super().__init__(model, admin_site)
        if self.actions is not None and "undelete_selected" not in self.actions:
            self.actions = [*self.actions, "undelete_selected"]

    # ------------------------------------------------------------------ what is shown

    def get_queryset(self, request: Any) -> Any:
        queryset = super().get_queryset(request)
        if not shows_deleted(request):
            return queryset
        return self.all_documents(queryset.query.order_by)

    def get_list_display(self, request: Any) -> Any:
        """Return Django's columns, with a mark of deleted documents if the list shows them beside
        others."""
        declared = super().get_list_display(request)
        is_mixed = request.GET.get(DeletedFilter.parameter_name) == "all"
        return (
            [*declared, "deleted_mark"] if is_mixed and "st_deleted" not in declared else declared
        )

    @admin.display(description=gettext_lazy("deleted"), ordering="st_deleted")
    def deleted_mark(self, document: Any) -> Any:
        """Return a word that marks softly deleted documents in a list."""
        is_deleted = document.st_deleted is True
        return (
            format_html('<span class="cbtools-deleted">{}</span>', _("Deleted"))
            if is_deleted
            else ""
        )

    def get_list_filter(self, request: Any) -> Any:
        filters = [
            DeletedFilter if item == DeletedFilter.parameter_name else item
            for item in super().get_list_filter(request)
        ]
        return filters if DeletedFilter in filters else [*filters, DeletedFilter]

    def hidden_fields(self, request: Any, obj: Any = None) -> set[str]:
        if obj is None:
            return super().hidden_fields(request, obj)
        return set() if without_attachments(obj).extra else {"extra"}

    def render_change_form(self, request: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        document = kwargs.get("obj")
        if document is not None and document.st_deleted is True:
            url = address(self.admin_site, self.model, "undelete", document.pk)
            context.update(show_delete=False, is_deleted=True, undelete_url=url)
        response = super().render_change_form(request, context, *args, **kwargs)
        if document is not None:
            # Read-only fields show the form's instance, which is not saved any more. It may be a
            # new copy. The document has its revision, so that the copy does not load it.
            form = context["adminform"].form
            form.instance = shown(without_attachments(form.instance))
        return response

    def history_view(self, request: Any, object_id: str, extra_context: Any = None) -> Any:
        response = super().history_view(request, object_id, extra_context)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            uid = response.context_data["object"].pk
            try:
                found = {"revisions": history(self.model, uid, self.history_revisions)}
            except SyncGatewayException as error:
                found = {"failure": str(error)}  # type: ignore[dict-item]
            response.context_data.update(found)
        return response

    # ------------------------------------------------------------------ forms

    def get_form(self, request: Any, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        form.failure = getattr(request, _FAILURE, None)  # type: ignore[attr-defined]
        return form

    def get_changelist_form(self, request: Any, **kwargs: Any) -> Any:
        form: Any = super().get_changelist_form(request, **{"form": DocumentLayout.form, **kwargs})
        form.failure = getattr(request, _FAILURE, None)
        return form

    def save_model(self, request: Any, obj: Any, form: Any, change: bool) -> None:
        """Save as Django does, but write nothing if nothing has changed, and write a form that is
        sent twice only once."""
        save = super().save_model
        form.write(lambda: save(request, obj, form, change))

    def changeform_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        return self._telling_failures(request, super().changeform_view, *args, **kwargs)

    def changelist_view(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        response = self._telling_failures(request, super().changelist_view, *args, **kwargs)
        changelist = (getattr(response, "context_data", None) or {}).get("cl")
        if changelist is not None:
            # Forms in the list, if there are any, already have the documents themselves.
            names = frozenset(changelist.list_display)
            changelist.result_list = [shown(each, names) for each in changelist.result_list]
        return response

    def _telling_failures(
        self, request: Any, view: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Call a view whose forms show why they could not be saved."""
        for is_last in (False, False, True):
            try:
                return view(request, *args, **kwargs)
            except FAILURES as error:
                if request.method != "POST":
                    raise
                failure = error
            # A form handles a conflict with somebody who was faster.
            if is_last or not isinstance(failure, SyncGatewayConflict):
                setattr(request, _FAILURE, failure)
                break
        try:
            return view(request, *args, **kwargs)
        except FAILURES as error:
            self._tell(request, error)
            return HttpResponseRedirect(request.get_full_path())

    def _tell(self, request: Any, error: Exception) -> None:
        self.message_user(request, str(error), messages.ERROR)

    # ------------------------------------------------------------------ deleting

    def get_urls(self) -> Any:
        name = page_name(self.model, "undelete")
        view = self.admin_site.admin_view(self.undelete_view)
        return [path("<path:object_id>/undelete/", view, name=name), *super().get_urls()]

    def undelete_view(self, request: Any, object_id: str) -> Any:
        """Undo a soft deletion."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        document: Any = self.get_object(request, unquote(object_id))
        if not self.has_change_permission(request, document):
            raise PermissionDenied
        if document is None:
            missing: Any = self._get_obj_does_not_exist_redirect  # type: ignore[attr-defined]
            return missing(request, self.opts, object_id)
        try:
            self.undelete_model(request, document)
        except FAILURES as error:
            self._tell(request, error)
        else:
            self.log_change(request, document, str(_UNDELETED))
            text = _("The %(name)s “%(obj)s” was undeleted successfully.")
            shown_as = {"name": self.opts.verbose_name, "obj": document}
            self.message_user(request, text % shown_as, messages.SUCCESS)
        return HttpResponseRedirect(address(self.admin_site, self.model, "change", document.pk))

    def undelete_model(self, request: Any, document: Any) -> None:
        """Undo the soft deletion of a document."""
        if document.st_deleted is True:
            document.undelete()

    def undelete_queryset(self, request: Any, queryset: Any) -> None:
        """Undo the soft deletions of documents."""
        queryset.undelete()

    def delete_view(self, request: Any, object_id: str, extra_context: Any = None) -> Any:
        try:
            # Django logs a deletion before it is done.
            with self.log_transaction():
                return super().delete_view(request, object_id, extra_context)
        except FAILURES as error:
            self._tell(request, error)
            return HttpResponseRedirect(request.get_full_path())

    def log_transaction(self) -> AbstractContextManager[Any]:
        """Return a context that takes back log entries if a deletion fails."""
        from django.contrib.admin.models import LogEntry

        return transaction.atomic(using=router.db_for_write(LogEntry))

    def get_deleted_objects(self, objs: Any, request: Any) -> Any:
        return softly_deleted(list(objs), request, self.admin_site)

    def log_deletions(self, request: Any, queryset: Any) -> Any:
        from django.contrib.admin.models import DELETION, LogEntry

        # Django logs nothing here, since a deleted object has no page for its history.
        entries = LogEntry.objects.log_actions(
            request.user.pk, queryset, DELETION, change_message=_("Deleted.")
        )
        setattr(request, _DELETIONS, entries)
        return entries

    # ------------------------------------------------------------------ actions

    @admin.action(
        permissions=["change"],
        description=gettext_lazy("Undelete selected %(verbose_name_plural)s"),
    )
    def undelete_selected(self, request: Any, queryset: Any) -> None:
        """Undo soft deletions."""
        documents = list(queryset.filter(st_deleted=True))
        refused: Mapping[str, Exception] = {}
        try:
            self.undelete_queryset(request, queryset)
        except SyncGatewayBulkError as error:
            refused = error.errors
        done = [document for document in documents if document.uid not in refused]
        for document in done:
            self.log_change(request, document, str(_UNDELETED))
        if done:
            text = _("Successfully undeleted %(count)d %(items)s.")
            items = {"count": len(done), "items": model_ngettext(self.opts, len(done))}
            self.message_user(request, text % items, messages.SUCCESS)
        self._tell_all(request, refused)

    def response_action(self, request: Any, queryset: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().response_action(request, queryset, *args, **kwargs)
        except SyncGatewayBulkError as error:
            done = self._forget_deletions(request, error.errors)
            if done:
                text = _("Successfully deleted %(count)d %(items)s.")
                items = {"count": done, "items": model_ngettext(self.opts, done)}
                self.message_user(request, text % items, messages.SUCCESS)
            self._tell_all(request, error.errors)
        except FAILURES as error:
            self._forget_deletions(request, None)
            self._tell(request, error)
        return None

    def _forget_deletions(self, request: Any, refused: Mapping[str, Exception] | None) -> int:
        """Delete Django's log entries of refused deletions (None means all), since Django logs
        deletions before they are done. Return the number of the other entries."""
        entries = [entry for entry in getattr(request, _DELETIONS, ()) if entry.pk]
        gone = [entry for entry in entries if refused is None or entry.object_id in refused]
        for entry in gone:
            entry.delete()
        return len(entries) - len(gone)

    def _tell_all(self, request: Any, refused: Mapping[str, Exception]) -> None:
        for error in refused.values():
            self._tell(request, error)
