"""SQL++ by the SDK, which finds the cluster's query services."""

from __future__ import annotations

import json
from collections.abc import Generator, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from .connection import connected
from .options import Target

if TYPE_CHECKING:
    from couchbase.exceptions import CouchbaseException


class Query(NamedTuple):
    """A statement with its options. ``timeout`` is in seconds."""

    statement: str
    args: Sequence[Any]
    readonly: bool
    scan_consistency: str
    timeout: float
    context_id: str


class QueryFailed(Exception):
    """The SDK returned no rows, or stopped returning them.

    ``errors`` are the query service's, objects with ``code`` and ``msg``, if it gave any. ``name``
    is the class of the SDK's exception. ``status`` is the HTTP status, or None.
    """

    def __init__(self, name: str, errors: list[Any], status: int | None) -> None:
        super().__init__(name)
        self.name = name
        self.errors = errors
        self.status = status


def query_rows(target: Target, asked: Query, members: dict[str, Any]) -> Generator[Any]:
    """Yield the rows of a response. After the last one, ``members`` gets its warnings and metrics.

    The SDK reads on while rows are used. Closing the generator waits for the last row. No plan is
    kept. Raises QueryFailed. Raises ImproperlyConfigured or exceptions of
    :mod:`django_cbtools.exceptions` if there is no connection.
    """
    with connected(target) as (cluster, _):
        from couchbase.exceptions import CouchbaseException
        from couchbase.options import QueryOptions

        from .rows import RowSerializer

        serializer = RowSerializer()
        options = QueryOptions(
            positional_parameters=list(asked.args),
            read_only=asked.readonly,
            scan_consistency=_consistency(asked.scan_consistency),
            timeout=timedelta(seconds=asked.timeout),
            # With an SDK plan, version 4.6 waits for ever if the service has forgotten it (codes
            # 4040 and 4050).
            adhoc=True,
            client_context_id=asked.context_id,
            metrics=True,
            serializer=serializer,
        )
        failed = None
        try:
            result = cluster.query(asked.statement, options)
            rows = result.rows()
            try:
                yield from rows
            except GeneratorExit:
                # If rows are left unread, version 4.6 aborts the process when the cluster is
                # closed.
                serializer.skips = True
                for _ in rows:
                    pass
                raise
            answer = result.metadata()
        except CouchbaseException as error:
            failed = _failed(error)
        if failed is not None:
            # Not raised with a cause: the SDK's exception contains the parameters.
            raise failed
        raw = answer._raw if answer is not None else {}
        members["warnings"] = raw.get("warnings") or []
        metrics = raw.get("metrics") or {}
        members["metrics"] = {_camel(name): value for name, value in metrics.items()}
        members["status"] = raw.get("status")


def _camel(name: str) -> str:
    """Return the service's own name of a metric."""
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _consistency(name: str) -> Any:
    from couchbase.n1ql import QueryScanConsistency

    return QueryScanConsistency(name)


def _failed(error: CouchbaseException) -> QueryFailed:
    context = error.error_context
    errors: list[Any] = []
    with suppress(ValueError, AttributeError):
        errors = json.loads(getattr(context, "response_body", None) or "{}").get("errors") or []
    code = getattr(context, "first_error_code", None)
    if not errors and code:
        errors = [{"code": code, "msg": getattr(context, "first_error_message", "")}]
    status = getattr(context, "response_code", None) or None
    return QueryFailed(type(error).__name__, errors, status)
