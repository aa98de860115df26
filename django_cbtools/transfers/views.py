"""A view that serves documents' attachments to users who may view the documents."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_permission_codename
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.utils.module_loading import import_string
from django.views.decorators.http import require_safe

from django_cbtools import conf
from django_cbtools.models.registry import document_class, documents
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.keyspaces import of_class

from .api import serve_file


def view_permission(model: Any) -> str:
    """Return Django's permission to view instances of a class, ``"app.codename"``."""
    return f"{model._meta.app_label}.{get_permission_codename('view', model._meta)}"


def may_view(request: Any, document: Any, name: str) -> bool:
    """Return whether a user has Django's permission to view documents of the class.

    The setting ATTACHMENT_PERMISSION names another function.
    """
    user = getattr(request, "user", None)
    return user is not None and bool(user.has_perm(view_permission(document)))


@require_safe
def attachment(request: Any) -> Any:
    """Serve the attachment ``name`` of the document ``uid``. Both are query parameters, and so is
    ``keyspace`` if it is not the default one.

    The status is 404 if there is no such attachment, or if the document is deleted softly, and 403
    if ATTACHMENT_PERMISSION does not allow it. With ``save`` in the query, browsers save the file.
    """
    uid, name = request.GET.get("uid", ""), request.GET.get("name", "")
    keyspace = request.GET.get("keyspace")
    if not uid or keyspace not in {of_class(each) for each in documents()} | {None}:
        raise Http404("There is no such document.")
    (row,) = SyncGateway.in_keyspace(keyspace).bulk_get([uid])
    model: Any = document_class(row.get("doc", {}).get("doc_type"), keyspace)
    if model is None:
        raise Http404("There is no such document.")
    document = model.from_row(row)
    is_allowed = import_string(conf.require("ATTACHMENT_PERMISSION", "it says who may see files"))
    if not is_allowed(request, document, name):
        raise PermissionDenied
    if document.st_deleted is True:
        raise Http404("The document has been deleted.")
    return serve_attachment(request, document, name)


def serve_attachment(request: Any, document: Any, name: str) -> Any:
    """Return a response with an attachment of a document. Raise Http404 if it has none with the
    name."""
    found = document.attachments.get(name)
    if found is None:
        raise Http404("The document has no such attachment.")
    return serve_file(request, found, save_as="save" in request.GET)
