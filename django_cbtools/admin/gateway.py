"""A page about the gateway: its documents by type and channel, its users, and its latest
changes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db import DatabaseError
from django.db.models import Count
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch
from django.utils.translation import gettext as _

from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.models.document import DOC_TYPE
from django_cbtools.models.registry import document_class, documents
from django_cbtools.models.sql import CannotBeQueried
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.keyspaces import of_class, of_settings
from django_cbtools.transfers.views import view_permission

from .addresses import address

#: The largest numbers of channels, users and changes that the page shows.
_MOST_CHANNELS = 30
_MOST_USERS = 100
_MOST_CHANGES = 20


def gateway_page(site: admin.AdminSite | None = None) -> Callable[..., Any]:
    """Return a view about the gateway, for the staff of an admin site (default: ``admin.site``).

    ::

        path("admin/gateway/", gateway_page(), name="gateway"),  # in front of the admin's own
        path("admin/", admin.site.urls),

    The page shows the documents and the last changes of the types that the user may view. It shows
    the users of the gateway to users who may view the project's users. It takes a query for each
    type, and three requests to the gateway.
    """
    of_site = admin.site if site is None else site

    def page(request: Any) -> TemplateResponse:
        seen = [model for model in documents() if _may_view(of_site, request, model)]
        database = _asked(SyncGateway.get_database)
        last = database.get("found", {}).get("update_seq")
        context = {
            **of_site.each_context(request),
            "title": _("Gateway"),
            "database": database,
            "stored": _asked(lambda: _stored(of_site, seen)),
            "changes": database
            if "failure" in database
            else _asked(lambda: list(_changes(of_site, request, seen, last))),
        }
        if request.user.has_perm(view_permission(get_user_model())):
            context["users"] = _asked(_users)
        request.current_app = of_site.name
        return TemplateResponse(request, "admin/django_cbtools/gateway.html", context)

    return of_site.admin_view(page)


def _may_view(site: admin.AdminSite, request: Any, model: Any) -> bool:
    if site.is_registered(model):
        return site.get_model_admin(model).has_view_permission(request)
    return bool(request.user.has_perm(view_permission(model)))


def _asked(ask: Callable[[], Any]) -> dict[str, Any]:
    """Return the answer as ``found``, or the error as ``failure``, which the page shows."""
    try:
        return {"found": ask()}
    except (SyncGatewayException, DatabaseError, CannotBeQueried) as error:
        return {"failure": str(error)}


def _stored(site: admin.AdminSite, seen: list[Any]) -> dict[str, Any]:
    """Return the number of documents of each type, and in each channel."""
    types, channels = [], Counter[str]()
    for model in seen:
        counts: Counter[bool] = Counter()
        rows = model.all_objects.order_by().values_list("channels", "st_deleted")
        for names, is_deleted, count in rows.annotate(count=Count("pk")):
            counts[is_deleted is True] += count
            for name in {str(name) for name in names} if isinstance(names, list) else ():
                channels[name] += count
        types.append(
            {
                "name": model.type_name(),
                "label": model._meta.verbose_name_plural,
                "url": _url(site, model, "changelist"),
                "keyspace": of_class(model) or "",
                "count": counts[False],
                "deleted": counts[True],
            }
        )
    return {
        "types": types,
        "channels": channels.most_common(_MOST_CHANNELS),
        "more": max(0, len(channels) - _MOST_CHANNELS),
    }


def _users() -> dict[str, Any]:
    names = sorted(SyncGateway.get_users())
    return {"names": names[:_MOST_USERS], "more": max(0, len(names) - _MOST_USERS)}


def _changes(
    site: admin.AdminSite, request: Any, seen: list[Any], last: Any
) -> Iterator[dict[str, Any]]:
    """Yield the latest changes of documents that the user may see, the newest first. ``last`` is
    the position of the last one."""
    since = max(0, last - _MOST_CHANGES) if isinstance(last, int) else 0
    for keyspace in of_settings():
        gateway = SyncGateway.in_keyspace(keyspace)
        feed = gateway.changes(since, include_docs=True, limit=_MOST_CHANGES)
        for change in reversed(list(feed)):
            document = change.doc or {}
            model = document_class(document.get(DOC_TYPE), keyspace)
            if model not in seen if model else not request.user.is_superuser:
                continue
            yield {
                "uid": change.uid,
                "seq": change.seq,
                "rev": change.rev,
                "type": document.get(DOC_TYPE),
                "is_gone": change.deleted,
                "is_deleted": document.get("st_deleted") is True,
                "url": None if change.deleted else _url(site, model, "change", change.uid),
            }


def _url(site: admin.AdminSite, model: Any, page: str, uid: str | None = None) -> str | None:
    """Return the URL of a page of a class, or of one of its documents, in the admin. None if there
    is none."""
    if model is None or not site.is_registered(model):
        return None
    try:
        return address(site, model, page, uid)
    except NoReverseMatch:
        return None
