"""Checks of the databases that hold documents.

They only look at settings. So they do not have the tag of Django's database checks, which are not
run by default.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.core.exceptions import ImproperlyConfigured
from django.db import router

from django_cbtools import conf
from django_cbtools.models.registry import documents

T = TypeVar("T")


def place(ask: Callable[[], T]) -> T | None:
    """Return the result of a question about the settings of documents, or None if they are wrong.
    :func:`check_place` reports the error."""
    try:
        return ask()
    except ImproperlyConfigured:
        return None


@register("cbtools")
def check_place(**kwargs: Any) -> list[CheckMessage]:
    """Check that the settings name exactly one place for documents."""
    try:
        alias = conf.document_alias()
    except ImproperlyConfigured as error:
        hint = "Without COUCHBASE_DATABASE it is 'couchbase' where there is one, else 'default'."
        return [Error(str(error), hint=hint, id="cbtools.E003")]
    messages: list[CheckMessage] = []
    for ask in (conf.uses_embedded_gateway, conf.uses_cluster):
        try:
            ask()
        except ImproperlyConfigured as error:
            if conf.is_embedded_alias(alias):
                messages.append(Error(str(error), id="cbtools.E002"))
            elif conf.is_couchbase_alias(alias):
                messages.append(Error(str(error), id="cbtools.E015"))
            else:
                messages.append(Warning(str(error), id="cbtools.W002"))
    return messages


@register("cbtools")
def check_time_zone(**kwargs: Any) -> list[CheckMessage]:
    """Check that the database compares times in UTC, in which documents store them."""
    alias = place(conf.document_alias)
    if alias is None or not (conf.is_embedded_alias(alias) or conf.is_couchbase_alias(alias)):
        return []
    zone = conf.entry(alias).get("TIME_ZONE")
    if not settings.USE_TZ or zone in (None, "UTC"):
        return []
    return [
        Error(
            f"DATABASES[{alias!r}] has the TIME_ZONE {zone!r}: times in documents would be taken "
            "for others.",
            hint="Leave it out. The program's own time zone is the setting TIME_ZONE.",
            id="cbtools.E012",
        )
    ]


@register("cbtools")
def check_router(**kwargs: Any) -> list[CheckMessage]:
    """Check that the routers send queries of documents to the alias that holds them."""
    alias = place(conf.document_alias)
    if alias in (None, "default"):
        return []
    for model in documents(nested=True):
        try:
            asked = router.db_for_read(model)
        except Exception as error:
            found = f"DATABASE_ROUTERS cannot be asked: {type(error).__name__}: {error}"
        else:
            if asked == alias:
                continue
            found = f"queries of {model._meta.label} go to {asked!r}"
        return [
            Warning(
                f"Documents are in {alias!r}, but {found}.",
                hint="Set DATABASE_ROUTERS = ['django_cbtools.routers.DocumentRouter'], before "
                "other routers.",
                id="cbtools.W001",
            )
        ]
    return []
