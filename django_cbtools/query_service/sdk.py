"""A client of a cluster's query services, by the SDK."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from django_cbtools.cluster.options import Names, Target
from django_cbtools.cluster.queries import Query, QueryFailed, query_rows
from django_cbtools.exceptions import SyncGatewayException, SyncGatewayNotFound
from django_cbtools.sync_gateway import deadline

from . import codes
from .asked import Asked
from .errors import Error, OperationalError, ProgrammingError, about
from .options import Options
from .repeating import BUSY, Failed, repeated
from .rows import Rows

#: The SDK's exception for a response that breaks off.
_CUT = "RequestCanceledException"
_NAMES = Names("HOST", "NAME", "USER", "PASSWORD", "OPTIONS")


class Sdk:
    """The query services of the cluster at ``options.urls``."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._target = Target(
            options.urls[0], options.bucket, options.user, options.password, _sdk(options), _NAMES
        )

    def query(self, asked: Asked) -> Rows:
        """Run a statement, and return its rows. Raise the exceptions of :mod:`.errors`."""
        asked.body(asked.timeout, statement=asked.statement)  # parameters are refused here too
        return repeated(lambda: self._ask(asked), self._options, asked.timeout)

    def _ask(self, asked: Asked) -> Rows:
        members: dict[str, Any] = {}
        try:
            return Rows(self._rows(asked, members), members)
        except Error as error:
            failed = error.__cause__
            is_busy = isinstance(failed, QueryFailed) and (
                error.code in codes.BUSY or failed.status in BUSY or failed.name == _CUT
            )
            raise Failed(error, asked.readonly and is_busy) from failed

    def _rows(self, asked: Asked, members: dict[str, Any]) -> Generator[Any]:
        query = Query(
            asked.statement,
            asked.args,
            asked.readonly,
            asked.scan_consistency,
            # A repeated query has less time.
            max(min(asked.timeout, deadline.remaining()), 0.001),
            asked.context_id,
        )
        try:
            yield from query_rows(self._target, query, members)
        except QueryFailed as failed:
            raise _exception(failed, asked) from failed
        except SyncGatewayException as error:
            kind = ProgrammingError if isinstance(error, SyncGatewayNotFound) else OperationalError
            raise kind(about(str(error), asked.statement), statement=asked.statement) from error
        if members["status"] != "success":
            text = f"The query service ended with status {members['status']!r}."
            raise OperationalError(about(text, asked.statement), statement=asked.statement)


def _sdk(options: Options) -> Mapping[str, Any]:
    """Return the options for the SDK."""
    found: dict[str, Any] = {"bootstrap_timeout": options.connect_timeout}
    if isinstance(options.verify, str):
        found["trust_store_path"] = options.verify
    elif not options.verify:
        found["tls_verify"] = "none"
    if options.cert is not None:
        both = options.cert if isinstance(options.cert, tuple) else (options.cert, options.cert)
        found["cert_path"], found["key_path"] = both
    return found


def _exception(failed: QueryFailed, asked: Asked) -> Error:
    if failed.errors:
        return codes.exception(failed.errors, asked.statement, asked.timeout)
    if "Timeout" in failed.name:
        return codes.exception(
            [{"code": codes.TIMEOUT, "msg": f"No answer in {asked.timeout:g} seconds"}],
            asked.statement,
            asked.timeout,
        )
    advice = "Look at USER and PASSWORD" if "Authentication" in failed.name else "Is HOST right?"
    status = f", HTTP {failed.status}" if failed.status else ""
    text = f"The cluster gave no rows: {failed.name}{status}. {advice}"
    return OperationalError(about(text, asked.statement), statement=asked.statement)
