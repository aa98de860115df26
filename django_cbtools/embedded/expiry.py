"""When documents come to their end: `_exp`, and what is done with those whose time is over."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import Any

from .database import Database
from .errors import GatewayError, bad_request
from .purge import purge

#: Up to here (seconds) a number is a time to live, beyond it a time since 1970; memcached's rule.
MAX_TTL = 30 * 24 * 60 * 60
_MAX = (1 << 32) - 1
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def parse(value: Any) -> int | None:
    """The time (seconds since 1970) that `_exp` stands for, None for no end.

    Raises a 400 GatewayError with a real gateway's words (06-doc-expiry.json).
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _invalid("Unrecognized expiry format")
    if isinstance(value, str):
        value = int(value) if re.fullmatch(r"[+-]?\d{1,18}", value) else _date(value)
    if not 0 <= value <= _MAX:
        raise _invalid(f"Expiry value is not within valid range: {value:.0f}")
    seconds = int(value)
    return seconds + int(time.time()) if 0 < seconds <= MAX_TTL else seconds or None


def _date(text: str) -> int:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        seconds = re.sub(r"\.\d+", "", text).replace("Z", "+00:00")
        return int(datetime.fromisoformat(seconds).timestamp())
    except ValueError:
        raise _invalid(
            f"Unable to parse expiry {text} as either numeric or date expiry: "
            f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": '
            f'cannot parse "{text}" as "2006"'
        ) from None


def _invalid(why: str) -> GatewayError:
    return bad_request(f"Invalid expiry: {why}")


def shown(expires: int) -> str:
    """As a date, in the form that answers have."""
    return datetime.fromtimestamp(expires, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def end_documents(database: Database) -> None:
    """Remove the documents whose time is over, without a trace, as Couchbase Server does."""
    over = "keyspace = %s AND expires <= %s"
    params = [database.keyspace, int(time.time())]
    if database.value(f"SELECT 1 FROM cbtools_documents WHERE {over} LIMIT 1", params):
        rows = database.rows(f"SELECT uid FROM cbtools_documents WHERE {over}", params)
        purge(database, [uid for (uid,) in rows], over, params)
