"""Views and their design documents, by the SDK."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django_cbtools.exceptions import SyncGatewayBadRequest

from .connection import connected
from .errors import translated

if TYPE_CHECKING:
    from couchbase.management.views import View
    from couchbase.views import ViewRow

logger = logging.getLogger(__name__)

#: The prefix of design documents that Couchbase indexes only in part.
_DEVELOPMENT = "dev_"
#: This timeout also applies to design documents, which belong to the view service.
_TIMEOUT = "COUCHBASE_OPTIONS['views_timeout']"


def view_rows(design: str, view: str, parameters: Mapping[str, Any]) -> list[ViewRow]:
    """Return the rows of a view.

    ``parameters`` are those of the REST API (as values, not as texts) and others of the SDK's
    ViewOptions. Raises the exceptions of :mod:`django_cbtools.exceptions`.
    """
    timeout = "the query's own timeout" if "timeout" in parameters else _TIMEOUT
    with connected() as (_, bucket):
        started = time.perf_counter()
        with translated(f"View {design}/{view} in bucket {bucket.name!r}", timeout):
            rows = list(bucket.view_query(design, view, **view_options(parameters)).rows())
    logger.debug(
        "view %s/%s: %d rows in %.1f ms",
        design, view, len(rows), (time.perf_counter() - started) * 1000,
    )  # fmt: skip
    return rows


def view_options(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters as keyword arguments of the SDK's ``view_query``. Its ViewOptions would
    drop a None."""
    from couchbase.management.views import DesignDocumentNamespace
    from couchbase.views import ViewOrdering

    found = {"namespace": DesignDocumentNamespace.PRODUCTION, **parameters}
    if isinstance(found.get("keys"), tuple):
        found["keys"] = list(found["keys"])
    if "descending" in found:
        descends = found.pop("descending")
        found["order"] = ViewOrdering.DESCENDING if descends else ViewOrdering.ASCENDING
    if "stale" in found:
        # SDK 4.6 does not send its own scan_consistency, so the rows would be out of date.
        found["raw"] = {"stale": found.pop("stale"), **found.get("raw", {})}
    if "timeout" in found:
        found["timeout"] *= _unit()
    return found


@functools.cache
def _unit() -> float:
    """Return the factor that a view's timeout has to be multiplied by.

    SDK 4.6 passes microseconds to a core that expects milliseconds, while 4.3 was right. This only
    concerns views, so the ratio to the timeout of SQL++ tells the core's unit.
    """
    from couchbase.n1ql import N1QLQuery
    from couchbase.views import ViewQuery

    query, view = N1QLQuery(""), ViewQuery("", "", "")
    query.timeout = view.timeout = timedelta(seconds=1)
    return float(query.params["timeout"] / view.as_encodable()["timeout"])


def deploy(design: str, views: Mapping[str, Mapping[str, str]]) -> bool:
    """Replace a design document. Return False if the deployed one is the same.

    ``views`` maps names to ``{"map": ..., "reduce": ...}``. Raises the exceptions of
    :mod:`django_cbtools.exceptions`.
    """
    from couchbase.exceptions import DesignDocumentNotFoundException
    from couchbase.management.views import DesignDocument, DesignDocumentNamespace, View

    if design.startswith(_DEVELOPMENT):
        raise SyncGatewayBadRequest(
            f"Design document {design} cannot be deployed: names that begin with {_DEVELOPMENT!r} "
            "are Couchbase's for views under development. Give the app another label."
        )
    wanted = {name: View(view["map"], view.get("reduce")) for name, view in views.items()}
    production = DesignDocumentNamespace.PRODUCTION
    with (
        connected() as (_, bucket),
        translated(f"Design document {design} in bucket {bucket.name!r}", _TIMEOUT),
    ):
        manager = bucket.view_indexes()
        try:
            found = manager.get_design_document(design, production).views
        except DesignDocumentNotFoundException:
            found = {}
        if _texts(found) == _texts(wanted):
            return False
        manager.upsert_design_document(DesignDocument(design, wanted), production)
    return True


def _texts(views: Mapping[str, View]) -> dict[str, tuple[str, str | None]]:
    return {name: (view.map, view.reduce or None) for name, view in views.items()}
