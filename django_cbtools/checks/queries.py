"""Checks of the settings for queries of documents with a real gateway."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf
from django_cbtools.models.registry import documents

from .databases import place


@register("cbtools", deploy=True)
def check_orm(**kwargs: Any) -> list[CheckMessage]:
    """Check that the documents of a real gateway have an ORM."""
    alias = place(conf.document_alias)
    has_orm = alias is None or conf.is_embedded_alias(alias) or conf.is_couchbase_alias(alias)
    if has_orm or not conf.get("SYNC_GATEWAY_URL") or not any(documents()):
        return []
    own = "an alias 'couchbase'" if alias == "default" else f"DATABASES[{alias!r}]"
    return [
        Warning(
            f"Documents cannot be queried: DATABASES[{alias!r}] has an ENGINE that cannot ask for "
            "them. Managers such as `objects`, querysets of views and of REST framework, dumpdata "
            "and on_delete do not work. The admin lists documents by a view (manage.py "
            "create_cb_views), and does not search, filter or sort them; form fields take a uid "
            "where they would offer documents.",
            hint=f"Give {own} the ENGINE {conf.COUCHBASE_ENGINE!r}, which asks Couchbase Server's "
            "query service. Silence this check where views and loading by uid are all you need.",
            id="cbtools.W015",
        )
    ]


@register("cbtools")
def check_query_service(**kwargs: Any) -> list[CheckMessage]:
    """Check that the documents' alias names a query service and a keyspace."""
    alias = place(conf.document_alias)
    if alias is None or not conf.is_couchbase_alias(alias):
        return []
    # Without a query service, its client is not imported.
    from django_cbtools.query_service.options import Options, keyspace

    entry = conf.entry(alias)
    asks: list[Callable[[Any], Any]] = [Options.of, keyspace]
    messages: list[CheckMessage] = []
    for ask in asks:
        try:
            ask(entry)
        except ImproperlyConfigured as error:
            messages.append(Error(f"DATABASES[{alias!r}]: {error}", id="cbtools.E016"))
    if alias == "default":
        messages.append(
            Error(
                "DATABASES['default'] has documents alone, and nothing for ordinary models.",
                hint="Have documents in an alias of their own, as 'couchbase', and set "
                "DATABASE_ROUTERS = ['django_cbtools.routers.DocumentRouter'].",
                id="cbtools.E017",
            )
        )
    return messages
