"""The gateway's two ports, and SYNC_GATEWAY_OPTIONS, checked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ImproperlyConfigured

#: The gateway's ports.
PUBLIC = "public"
ADMIN = "admin"
#: Options of the embedded gateway that are not the client's.
_OTHERS = frozenset(("cors", "hosts", "longpoll_timeout"))


@dataclass(frozen=True)
class Options:
    """The options of requests to a gateway; times are in seconds.

    ``timeout`` limits a connection, and each wait for data (a pair, or one number for both).
    ``deadline`` limits a whole call with its retries. ``retries`` is the number of further attempts
    of a read: the first at once, the others after pauses that begin with twice ``backoff`` and
    double. ``verify`` says whether certificates are checked; a path is a file of trusted ones.
    ``cert`` is the client's own certificate, a path or a pair (certificate, key). ``pool_size`` is
    the number of connections that are kept open for each address. ``max_bytes`` limits a response,
    unpacked.
    """

    timeout: tuple[float, float] = (5.0, 30.0)
    deadline: float = 60.0
    retries: int = 5
    backoff: float = 0.1
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    pool_size: int = 10
    max_bytes: int = 512 * 1024 * 1024

    @classmethod
    def known(cls) -> set[str]:
        """Return the names of the options, including those of the embedded gateway."""
        return {*cls.__dataclass_fields__, *_OTHERS}

    @classmethod
    def of(cls, setting: Any) -> Options:
        """Return the options of a setting. Raise ImproperlyConfigured if it is not valid."""
        if not isinstance(setting, Mapping):
            raise ImproperlyConfigured(
                f"SYNC_GATEWAY_OPTIONS is a dictionary, not {type(setting).__name__}."
            )
        check("SYNC_GATEWAY_OPTIONS", setting, cls.known(), CHECKS, MEANINGS)
        values = {name: value for name, value in setting.items() if name not in _OTHERS}
        if "timeout" in values and not isinstance(values["timeout"], (tuple, list)):
            values["timeout"] = (values["timeout"], values["timeout"])
        for name in ("timeout", "cert"):
            if isinstance(values.get(name), list):
                values[name] = tuple(values[name])
        return cls(**values)


def check(
    setting: str,
    values: Mapping[str, Any],
    known: Collection[str],
    checks: Mapping[str, Callable[[Any], bool]],
    meanings: Mapping[str, str],
) -> None:
    """Raise ImproperlyConfigured for options that are unknown, or have no value of theirs."""
    unknown = set(values) - set(known)
    if unknown:
        raise ImproperlyConfigured(
            f"{setting} has unknown options: {', '.join(sorted(map(str, unknown)))}. "
            f"Known are: {', '.join(sorted(known))}."
        )
    for name, value in values.items():
        if name in checks and not checks[name](value):
            raise ImproperlyConfigured(
                f"{setting}[{name!r}] cannot be {value!r}: {meanings[name]}."
            )


def is_seconds(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9


def _is_count(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _is_pair(value: Any) -> bool:
    return isinstance(value, (tuple, list)) and len(value) == 2


#: A check of each option's value.
CHECKS: dict[str, Callable[[Any], bool]] = {
    "timeout": lambda v: is_seconds(v) or (_is_pair(v) and all(map(is_seconds, v))),
    "deadline": is_seconds,
    "retries": lambda v: _is_count(v, 0),
    "backoff": lambda v: v == 0 or is_seconds(v),
    "verify": lambda v: isinstance(v, (bool, str)) and v != "",
    "cert": lambda v: (
        v is None
        or (isinstance(v, str) and v != "")
        or (_is_pair(v) and all(isinstance(path, str) for path in v))
    ),
    "pool_size": lambda v: _is_count(v, 1),
    "max_bytes": lambda v: _is_count(v, 1),
}
MEANINGS = {
    "timeout": "seconds, or a pair of them (to connect, to wait for data)",
    "deadline": "seconds for a whole call",
    "retries": "a whole number, 0 for none",
    "backoff": "seconds",
    "verify": "True, False, or the path of a file of trusted certificates",
    "cert": "the path of a certificate, or a pair of paths (certificate, key)",
    "pool_size": "a whole number, 1 at least",
    "max_bytes": "a whole number of bytes",
}
