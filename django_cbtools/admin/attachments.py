"""The attachments of documents on their pages: links, sizes, and thumbnails of images."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.urls import path
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from django_cbtools.exceptions import SyncGatewayBadRequest
from django_cbtools.inert import is_inert
from django_cbtools.models.document import ATTACHMENTS
from django_cbtools.sync_gateway.calls.quoting import quote_place
from django_cbtools.transfers.views import serve_attachment

from .addresses import address, page_name

if TYPE_CHECKING:
    from django.contrib.admin import ModelAdmin

    _Base = ModelAdmin[Any]
else:
    _Base = object


class ShownAttachments(_Base):
    """The part of CouchbaseModelAdmin that shows attachments."""

    def get_urls(self) -> Any:
        view = self.admin_site.admin_view(require_safe(self.attachment_view))
        name = page_name(self.model, "attachment")
        return [path("attachment/", view, name=name), *super().get_urls()]

    def attachment_view(self, request: Any) -> Any:
        """Serve the attachment ``name`` of the document ``uid`` to users who may view the
        document."""
        document: Any = self.get_object(request, request.GET.get("uid", ""))
        if not self.has_view_permission(request, document):
            raise PermissionDenied
        if document is None:
            raise Http404("There is no such document.")
        return serve_attachment(request, document, request.GET.get("name", ""))

    def attachments_of(self, document: Any) -> list[dict[str, Any]]:
        """Return the attachments, as the page of a document shows them."""
        base = address(self.admin_site, self.model, "attachment")
        return [_shown(base, each) for each in document.attachments.values()]

    def render_change_form(self, request: Any, context: Any, *args: Any, **kwargs: Any) -> Any:
        document = kwargs.get("obj")
        if document is not None and document.rev:
            context["attachments"] = self.attachments_of(document)
        return super().render_change_form(request, context, *args, **kwargs)


def _shown(base: str, attachment: Any) -> dict[str, Any]:
    kind, url = attachment.content_type, None
    try:
        quote_place(attachment.document.uid, attachment.name)
    except SyncGatewayBadRequest:
        pass  # a phone has given it a name that no gateway has an address for
    else:
        query = urlencode({"uid": attachment.document.uid, "name": attachment.name})
        url = f"{base}?{query}"
    return {
        "name": attachment.name,
        "content_type": kind,
        "length": attachment.length,
        "url": url,
        "is_image": kind.startswith("image/") and is_inert(kind),
    }


def without_attachments(document: Any) -> Any:
    """Return the document, or a copy without attachments in ``extra``, as these are shown as
    links."""
    if ATTACHMENTS not in document.extra:
        return document
    found = copy.copy(document)
    found.extra = {key: document.extra[key] for key in document.extra if key != ATTACHMENTS}
    return found
