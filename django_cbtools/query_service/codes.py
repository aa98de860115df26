"""The error codes of the query service, with exception classes and advice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import errors
from .errors import (
    DatabaseError,
    DataError,
    Error,
    IntegrityError,
    InterfaceError,
    InternalError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    about,
)

#: The largest request that the service reads.
LARGEST = 64 * 1024 * 1024
READ_ONLY = 1000
TIMEOUT = 1080
BAD_VALUE = 1040
DUPLICATE_KEY = 17012
#: The plan of a prepared statement is missing or belongs to another statement, or none can be made
#: (3000: EXPLAIN cannot be prepared).
NO_PLAN = frozenset((3000, 4040, 4050, 4060, 4070, 4080, 4090, 4091))
#: No index serves a statement, or a subquery of it.
NO_INDEX = frozenset((4000, 4100, 4120, 5370, 12004))
#: The service is too busy to begin with a request.
BUSY = frozenset((1180, 1181, 1182, 1191, 1192, 1199, 1201))

_LARGE = (
    "A statement with its parameters has 64 MiB at most: ask for fewer values at once (parts of "
    "the list that __in is given)."
)
_INDEX = (
    "No index serves it. Declare one (Meta.indexes, db_index, or COUCHBASE_INDEXES in settings) "
    "and run `manage.py create_cb_indexes`."
)
_KEYSPACE = (
    "Is NAME (the bucket, with bucket.scope.collection where documents are in one) right? Run "
    "`manage.py create_cb_indexes` when it is there."
)
_LOGIN = "Look at USER and PASSWORD, and at the roles of that user (query_select on the bucket)."
_READ_ONLY = (
    "The statement writes, and only reads are asked here: documents are written through "
    "the gateway. OPTIONS['read_only'] refuses indexes, too."
)
_TIME = (
    "It took longer than OPTIONS['timeout'] allows ({timeout:g} seconds). Does an index serve "
    "it (see explain())?"
)
_BUSY = "The query service is busy or going down: try again later."

#: The exception class and advice, by code.
_MEANINGS: dict[int, tuple[type[Error], str]] = {
    READ_ONLY: (NotSupportedError, _READ_ONLY),
    BAD_VALUE: (InterfaceError, ""),
    TIMEOUT: (OperationalError, _TIME),
    3230: (NotSupportedError, "It needs Couchbase Server's Enterprise Edition."),
    4125: (OperationalError, "The index is not online: wait, or build it."),
    4321: (NotSupportedError, ""),
    5010: (DataError, ""),
    5011: (DataError, ""),
    5030: (DataError, ""),
    5035: (DataError, ""),
    5037: (DataError, ""),
    5070: (DataError, ""),
    5078: (DataError, ""),
    **dict.fromkeys(NO_INDEX, (OperationalError, _INDEX)),
    5370: (OperationalError, f"In a subquery: {_INDEX}"),
    5416: (DataError, ""),
    5500: (OperationalError, "It takes more memory than the service gives to one request."),
    10000: (OperationalError, _LOGIN),
    12003: (ProgrammingError, _KEYSPACE),
    12009: (OperationalError, ""),
    12015: (OperationalError, _TIME),
    12020: (ProgrammingError, _KEYSPACE),
    12021: (ProgrammingError, _KEYSPACE),
    12037: (OperationalError, _LOGIN),
    13014: (OperationalError, _LOGIN),
    DUPLICATE_KEY: (IntegrityError, ""),
    17002: (NotSupportedError, ""),
    **dict.fromkeys(BUSY, (OperationalError, _BUSY)),
}
#: The exception classes of other codes, by thousands.
_RANGES: dict[int, type[Error]] = {
    1: InterfaceError,
    2: OperationalError,
    3: ProgrammingError,
    4: ProgrammingError,
    5: InternalError,
    10: ProgrammingError,
    11: OperationalError,
    12: OperationalError,
    13: OperationalError,
    14: OperationalError,
    17: OperationalError,
}
#: Codes of other ranges that mean a wrong statement.
_WRONG = frozenset((12005, 12013, 12016, 12035, 12038, 12039))
#: The message of code 4000 if an index is missing.
_NO_INDEX = "no index available"


def exception(found: Any, statement: str, timeout: float) -> Error:
    """Return the exception for the errors in a response: a list of objects with ``code`` and
    ``msg``."""
    said: Sequence[Any] = found if isinstance(found, list) else []
    first: Mapping[str, Any] = said[0] if said and isinstance(said[0], dict) else {}
    code = first.get("code")
    message = str(first.get("msg") or "The query service gave no reason").rstrip(".")
    reason = first.get("reason")
    why = reason.get("message") if isinstance(reason, dict) else None
    if isinstance(why, str) and why.rstrip(".") not in message:
        message += f": {why.rstrip('.')}"
    kind, advice = _meaning(code if isinstance(code, int) else 0, first, message)
    text = f"{message} (code {code})" if code is not None else message
    if len(said) > 1:
        text += f", and {len(said) - 1} more"
    advice = advice.format(timeout=timeout)
    return kind(
        about(f"{text}.{' ' if advice else ''}{advice}", statement),
        code=code if isinstance(code, int) else None,
        statement=statement,
        errors=said,
    )


def _meaning(code: int, first: Mapping[str, Any], message: str) -> tuple[type[Error], str]:
    if code == 4000 and _NO_INDEX not in message.lower():
        return ProgrammingError, ""
    if code == BAD_VALUE and "read body" in message:
        return InterfaceError, _LARGE
    if code == 12009 and _has_code(first.get("reason"), DUPLICATE_KEY):
        return IntegrityError, ""
    if code in _MEANINGS:
        return _MEANINGS[code]
    if code in _WRONG:
        return ProgrammingError, ""
    return _RANGES.get(code // 1000, DatabaseError), ""


def _has_code(reason: Any, code: int) -> bool:
    """Return whether an error's reason, or one of its causes, has the code."""
    while isinstance(reason, dict):
        if reason.get("code") == code:
            return True
        reason = reason.get("cause")
    return False


def too_large(size: int, statement: str) -> Error:
    """Return the exception for a request that is too large for the service."""
    return errors.InterfaceError(
        about(f"The request has {size / 1024 / 1024:.1f} MiB. {_LARGE}", statement),
        code=BAD_VALUE,
        statement=statement,
    )
