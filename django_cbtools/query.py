"""View queries: rows by key and range, reduces, and the documents of the rows."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import nullcontext
from datetime import timedelta
from itertools import islice
from typing import Any, NamedTuple, Protocol, TypeVar

from asgiref.sync import sync_to_async
from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from django_cbtools import cluster, conf
from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway.calls.client import ADMIN, load_rows, quote_name, request
from django_cbtools.sync_gateway.calls.matching import check_view
from django_cbtools.sync_gateway.deadline import within
from django_cbtools.sync_gateway.documents.documents import BULK_COUNT, batches
from django_cbtools.sync_gateway.facade import gateway_of
from django_cbtools.sync_gateway.keyspaces import of_class

logger = logging.getLogger(__name__)

#: Read the index as it is.
STALE_OK = "ok"
#: Read the index as it is, and update it afterwards.
STALE_UPDATE_AFTER = "update_after"
#: Update the index first.
STALE_UPDATE_BEFORE = "false"

DEFAULT_DESIGN = "django_cbtools"

_JSON_PARAMETERS = ("key", "keys", "startkey", "endkey")
#: The names of parameters in the old SDK, or in SDK 4's ViewOptions.
_SYNONYMS = {
    "order": "descending",
    "scan_consistency": "stale",
    "start_key": "startkey",
    "end_key": "endkey",
    "start_key_doc_id": "startkey_docid",
    "end_key_doc_id": "endkey_docid",
    "startkey_doc_id": "startkey_docid",
    "endkey_doc_id": "endkey_docid",
}
_PARAMETERS = frozenset(
    (
        *_JSON_PARAMETERS, "startkey_docid", "endkey_docid", "inclusive_end", "descending",
        "limit", "skip", "reduce", "group", "group_level", "stale",
    )
)  # fmt: skip


class Loadable(Protocol):
    """A document class that can be loaded, which is a CouchbaseModel."""

    @property
    def uid(self) -> str | None: ...

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Any: ...


T = TypeVar("T", bound=Loadable)


#: Words in a gateway's errors if the functions of a view fail, or a parameter is wrong. Other
#: errors with these statuses mean that the gateway itself failed.
_OF_VIEWS = ("reduce", "number", "function", "parameter", "was stopped")


class ViewRow(NamedTuple):
    """A row of a view. ``id`` is '' after a reduce."""

    id: str
    key: Any
    value: Any


class Query:
    """The parameters of a view query.

    Keyword arguments are ``key``, ``keys``, ``startkey``, ``endkey`` (any JSON value),
    ``startkey_docid``, ``endkey_docid``, ``inclusive_end``, ``descending``, ``limit``, ``skip``,
    ``reduce``, ``group``, ``group_level``, ``stale``, and those of the old SDK: ``mapkey_single``,
    ``mapkey_multi`` and ``mapkey_range=[a, b]``. ``timeout`` (seconds or a timedelta) limits how
    long to wait for the rows.

    Raises TypeError for other keyword arguments.
    """

    def __init__(self, *, timeout: float | timedelta | None = None, **parameters: Any) -> None:
        found: dict[str, Any] = {}
        for name, value in parameters.items():
            if name == "mapkey_single":
                found["key"] = value
            elif name == "mapkey_multi":
                found["keys"] = value
            elif name == "mapkey_range":
                found["startkey"], found["endkey"] = value
            elif _SYNONYMS.get(name, name) in _PARAMETERS:
                found[_SYNONYMS.get(name, name)] = value
            else:
                raise TypeError(f"Query has no parameter {name!r}.")
        self.parameters = found
        self.timeout = timeout
        #: Options of the SDK's ViewOptions that only the cluster understands.
        self.options: dict[str, Any] = {}

    @classmethod
    def of(cls, query: Query | Mapping[str, Any]) -> Query:
        """Return ``query`` if it is a Query, or convert it from the SDK's ViewOptions."""
        if isinstance(query, Query):
            return query
        known = {
            name: getattr(value, "value", value)
            for name, value in query.items()
            if _SYNONYMS.get(name, name) in _PARAMETERS
        }
        if "order" in known:
            known["order"] = known["order"] in (1, "true", True, "descending")
        asked = cls(timeout=query.get("timeout"), **known)
        asked.options = {
            name: value for name, value in query.items() if name not in (*known, "timeout")
        }
        return asked

    def values(self, **defaults: Any) -> dict[str, Any]:
        """Return the parameters that are set, named as in the REST API, on top of ``defaults``."""
        parameters = {**defaults, **self.parameters}
        if "stale" in parameters:
            parameters["stale"] = stale_text(parameters["stale"])
        return {
            name: value
            for name, value in parameters.items()
            if value is not None or name in _JSON_PARAMETERS
        }

    def query_string(self, **defaults: Any) -> dict[str, str]:
        """Return the parameters as :meth:`values` does, encoded for the query string of a URL."""
        return {
            name: json.dumps(value) if name in _JSON_PARAMETERS else _plain(value)
            for name, value in self.values(**defaults).items()
        }


def _plain(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def stale_text(stale: Any) -> str:
    """Return a staleness for the REST API: from the library's constants, True, False, or an SDK's
    enum."""
    text = {True: STALE_OK, False: STALE_UPDATE_BEFORE, "not_bounded": STALE_OK,
            "request_plus": STALE_UPDATE_BEFORE}.get(stale, stale)  # fmt: skip
    if text not in (STALE_OK, STALE_UPDATE_AFTER, STALE_UPDATE_BEFORE):
        raise ValueError(f"stale cannot be {stale!r}: see STALE_OK and its neighbours.")
    return str(text)


def get_stale() -> Any:
    """Return the staleness of view queries: the setting COUCHBASE_STALE.

    Without the setting, it is False (rows are up to date) with the embedded gateway, and STALE_OK
    with a real one.
    """
    stale = conf.get("COUCHBASE_STALE")
    if stale is None:
        return STALE_OK if conf.uses_cluster() or not conf.uses_embedded_gateway() else False
    return stale


def parse_view_name(view_name: str) -> tuple[str, str]:
    """Return the design document and the view that a name stands for.

    The name is ``"design/view"``, or ``"view"`` in the design document ``django_cbtools``.
    """
    design, slash, view = str(view_name).partition("/")
    return (design, view) if slash else (DEFAULT_DESIGN, design)


def view_rows(view_name: str, query: Query | Mapping[str, Any] | None = None) -> list[ViewRow]:
    """Return the rows of a view, as ViewRow instances. Use it to read a reduce.

    Raises SyncGatewayNotFound if the view is not deployed (``manage.py create_cb_views``).
    """
    return _view_rows(view_name, Query.of(query or Query()))


def _view_rows(view_name: str, query: Query, **defaults: Any) -> list[ViewRow]:
    """Return the rows of a view: by SQL++ or from the cluster if the settings say so, else from the
    gateway."""
    design, view = parse_view_name(view_name)
    defaults["stale"] = get_stale()
    if conf.uses_sqlpp_views():
        return _rows_by_sqlpp(design, view, query, query.values(**defaults))
    if conf.uses_cluster():
        return _rows_of_cluster(design, view, query, query.values(**defaults))
    return _rows_of_gateway(design, view, query, query.query_string(**defaults))


def _rows_by_sqlpp(
    design: str, view: str, query: Query, parameters: dict[str, Any]
) -> list[ViewRow]:
    connection: Any = connections[conf.document_alias()]
    timeout = None if query.timeout is None else _seconds(query.timeout)
    rows = connection.ops.view_rows(connection, design, view, parameters, timeout)
    return [ViewRow(*row) for row in rows]


def _rows_of_cluster(
    design: str, view: str, query: Query, parameters: dict[str, Any]
) -> list[ViewRow]:
    if query.timeout is not None:
        parameters["timeout"] = query.timeout
    rows = cluster.view_rows(design, view, {**parameters, **query.options})
    return [ViewRow(row.id or "", row.key, row.value) for row in rows]


def _rows_of_gateway(
    design: str, view: str, query: Query, parameters: dict[str, str]
) -> list[ViewRow]:
    path = ("_design", quote_name(design, "design document"), "_view", quote_name(view, "view"))
    try:
        with nullcontext() if query.timeout is None else within(_seconds(query.timeout)):
            response = request(ADMIN, "GET", *path, query=parameters)
            rows = load_rows(response)["rows"]
            check_view(response, rows, parameters)
    except SyncGatewayNotFound as error:
        raise SyncGatewayNotFound(
            f"There is no view {design}/{view} in the gateway: deploy it by "
            f"`manage.py create_cb_views`. ({error})",
            status=error.status,
            error=error.error,
            reason=error.reason,
        ) from error
    except SyncGatewayUnavailable as error:
        if error.status != 500 or not any(word in error.reason for word in _OF_VIEWS):
            raise
        raise SyncGatewayBadRequest(
            f"View {design}/{view} cannot be computed: {error.reason}. Look at what its map "
            "function emits: a number that a document has as a text, such as a decimal, is "
            "parseFloat(doc.cost).",
            status=error.status,
            error=error.error,
            reason=error.reason,
        ) from error
    return [ViewRow(row.get("id") or "", row["key"], row["value"]) for row in rows]


def _seconds(duration: float | timedelta) -> float:
    return duration.total_seconds() if isinstance(duration, timedelta) else duration


def query_view(
    view_name: str, query_key: Any, query: Query | Mapping[str, Any] | None = None
) -> list[str]:
    """Return the uids of the rows of a view with the key ``query_key``.

    If ``query`` is given, it is used instead of ``query_key``.
    """
    asked = Query(key=query_key) if query is None else Query.of(query)
    return [row.id for row in _view_rows(view_name, asked, reduce=False)]


def query_objects(
    view_name: str,
    query_key: Any,
    class_name: type[T],
    query: Query | Mapping[str, Any] | None = None,
) -> list[T]:
    """Return the documents of the rows of a view with the key ``query_key``.

    If ``query`` is given, it is used instead of ``query_key``. The documents are instances of
    ``class_name``, in the order of the rows. Raises ImproperlyConfigured if the class is in another
    keyspace than the views.
    """
    keyspace = of_class(class_name)
    if keyspace is not None:
        raise ImproperlyConfigured(
            f"{class_name.__name__} is in the keyspace {keyspace!r}, and views have documents of "
            "the default collection only. Ask a QuerySet, or load documents by uid."
        )
    return load_objects(query_view(view_name, query_key, query), class_name)


def iter_objects(
    keys: Iterable[str] | None, class_name: type[T], chunk_size: int | None = None
) -> Iterator[T]:
    """Load documents by uid, as an iterator that loads ``chunk_size`` (1,000) in a request.

    ``keys`` may be a generator, which is read chunk by chunk. Otherwise as :func:`load_objects`.
    """
    for chunk in batches(_listed(keys), chunk_size):
        for row in gateway_of(class_name).bulk_get(chunk):
            try:
                found = class_name.from_row(row)
            except SyncGatewayException as error:
                logger.warning("Left out: %r", str(error))
            else:
                yield found


def load_objects(keys: Iterable[str] | None, class_name: type[T]) -> list[T]:
    """Load documents by uid, 1,000 in a request, and return them in the order of ``keys``.

    Documents that do not exist are left out, with a warning.
    """
    return list(iter_objects(keys, class_name))


def load_objects_dict(keys: Iterable[str] | None, class_name: type[T]) -> dict[str, T]:
    """Load documents as :func:`load_objects`, and return a dictionary of them by uid."""
    return {loaded.uid: loaded for loaded in load_objects(keys, class_name) if loaded.uid}


# For async code, the same.
aview_rows = sync_to_async(view_rows)
aquery_view = sync_to_async(query_view)
aquery_objects = sync_to_async(query_objects)
aload_objects = sync_to_async(load_objects)
aload_objects_dict = sync_to_async(load_objects_dict)


async def aiter_objects(
    keys: Iterable[str] | None, class_name: type[T], chunk_size: int | None = None
) -> AsyncIterator[T]:
    """Async version of :func:`iter_objects`, for ``async for``."""
    found = iter_objects(keys, class_name, chunk_size)
    take = sync_to_async(lambda: list(islice(found, chunk_size or BULK_COUNT)))
    while some := await take():
        for each in some:
            yield each


def _listed(keys: Iterable[str] | None) -> Iterable[str]:
    return [keys] if isinstance(keys, str) and keys else keys or ()
