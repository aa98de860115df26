"""The expiry of documents: the special property `_exp`, as the gateway reads and shows it."""

from __future__ import annotations

import re
import time
from datetime import datetime, timezone
from typing import Any

from . import canonical

#: Numbers up to this one are a time to live in seconds; larger ones are seconds since 1970. This is
#: memcached's rule.
MAX_TTL = 30 * 24 * 60 * 60
_MAX = (1 << 32) - 1
_MAX_INT32 = 1 << 31
_MAX_INT64 = 1 << 63
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


def parse(value: Any) -> int | None:
    """Return the time (seconds since 1970) at which a document with this `_exp` expires.

    None means never. Raises ValueError if the value is invalid, with the message of a real gateway
    (06-doc-expiry.json).
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise _invalid("Unrecognized expiry format")
    seconds = _of_text(value) if isinstance(value, str) else _of_number(value)
    if not 0 <= seconds <= _MAX:
        raise _invalid(f"Expiry value is not within valid range: {seconds}")
    return seconds + int(time.time()) if 0 < seconds <= MAX_TTL else seconds or None


def _of_number(value: float) -> int:
    if isinstance(value, int) and -_MAX_INT64 <= value < _MAX_INT64:
        return value
    why = "value out of range" if isinstance(value, int) else "invalid syntax"
    raise _invalid(f'strconv.ParseInt: parsing "{canonical.dumps(value)}": {why}')


def _of_text(text: str) -> int:
    """Return the number in a text if it fits into 32 bits; else parse the text as a date."""
    if re.fullmatch(r"[+-]?[0-9]{1,10}", text) and -_MAX_INT32 <= int(text) < _MAX_INT32:
        return int(text)
    return _date(text)


def _date(text: str) -> int:
    try:
        if not _DATE.fullmatch(text):
            raise ValueError
        seconds = re.sub(r"[.,]\d+", "", text).replace("Z", "+00:00")
        return int(datetime.fromisoformat(seconds).timestamp())
    except ValueError:
        raise _invalid(
            f"Unable to parse expiry {text} as either numeric or date expiry: "
            f'parsing time "{text}" as "2006-01-02T15:04:05Z07:00": '
            f'cannot parse "{text}" as "2006"'
        ) from None


def _invalid(why: str) -> ValueError:
    return ValueError(f"Invalid expiry: {why}")


def shown(expires: int) -> str:
    """Return a time (seconds since 1970) in the format of answers: ``2030-01-31T12:00:00Z``."""
    return datetime.fromtimestamp(expires, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
