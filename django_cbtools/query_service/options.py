"""Reads a DATABASES entry: the address of the query service, and the options of queries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from django_cbtools.sync_gateway import options as gateway

#: The scan consistencies: update the indexes before a query, or use them as they are.
REQUEST_PLUS, NOT_BOUNDED = "request_plus", "not_bounded"
_REST, _SDK = {"http": 8093, "https": 18093}, ("couchbase", "couchbases")
_EXAMPLES = (
    "'https://first.example.com:18093,https://second.example.com:18093' (the query service) or "
    "'couchbases://first.example.com,second.example.com' (the cluster)"
)


@dataclass(frozen=True)
class Options:
    """The options of queries at the query service; times are in seconds.

    ``urls`` has the addresses of the services (by HTTP), or of the single cluster (by the SDK),
    without a login. ``bucket`` is the bucket that the SDK opens. ``timeout`` limits a whole query,
    with its rows and its retries. ``connect_timeout`` limits a connection. ``scan_consistency`` is
    REQUEST_PLUS to find all documents that were written before, or NOT_BOUNDED to find those in the
    indexes. ``read_only`` refuses statements that write. ``retries``, ``backoff``, ``verify``,
    ``cert`` and ``pool_size`` are as in SYNC_GATEWAY_OPTIONS; the last one is for HTTP only.
    """

    urls: tuple[str, ...]
    bucket: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 75.0
    connect_timeout: float = 5.0
    scan_consistency: str = REQUEST_PLUS
    read_only: bool = False
    retries: int = 5
    backoff: float = 0.1
    verify: bool | str = True
    cert: str | tuple[str, str] | None = None
    pool_size: int = 10

    @property
    def by_sdk(self) -> bool:
        return self.urls[0].startswith(_SDK)

    @classmethod
    def of(cls, entry: Mapping[str, Any]) -> Options:
        """Return the options in an entry of DATABASES. Raise ImproperlyConfigured if one is not
        valid."""
        given = entry.get("OPTIONS", {})
        if not isinstance(given, Mapping):
            raise ImproperlyConfigured(f"OPTIONS is a dictionary, not {type(given).__name__}.")
        gateway.check("OPTIONS", given, _CHECKS.keys(), _CHECKS, _MEANINGS)
        values = dict(given)
        if isinstance(values.get("cert"), list):
            values["cert"] = tuple(values["cert"])
        return cls(
            _urls(entry.get("HOST") or "", entry.get("PORT") or ""),
            str(entry.get("NAME") or "").partition(".")[0],
            str(entry.get("USER") or ""),
            str(entry.get("PASSWORD") or ""),
            **values,
        )


def keyspace(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the bucket that an entry of DATABASES names, or its bucket, scope and collection.

    Raises ImproperlyConfigured if it names none.
    """
    name = str(entry.get("NAME") or "")
    parts = tuple(name.split("."))
    if len(parts) not in (1, 3) or not all(part.strip() for part in parts) or "\0" in name:
        found = f"cannot be {name!r}" if name else "is not set"
        raise ImproperlyConfigured(
            f"NAME {found}: it says what documents are in, as 'bucket' or "
            "'bucket.scope.collection'."
        )
    return parts


def _urls(hosts: Any, port: Any) -> tuple[str, ...]:
    """Return HOST and PORT as URLs. Without a port, the service's own port is used."""
    if not isinstance(hosts, str):
        hosts = ",".join(map(str, hosts))
    found = [text.strip() for text in hosts.split(",") if text.strip()]
    if not found:
        raise ImproperlyConfigured(f"HOST is not set: it says where documents are, as {_EXAMPLES}.")
    scheme = found[0].partition("://")[0] if "://" in found[0] else _SDK[0]
    if any("@" in text for text in found):
        raise ImproperlyConfigured("HOST has no place for a login: USER and PASSWORD have.")
    if scheme in _SDK:
        rest = [text.removeprefix(f"{scheme}://") for text in found]
        if any("://" in text or text.split() != [text] for text in rest):
            raise ImproperlyConfigured(f"HOST cannot be {hosts!r}: it is as {_EXAMPLES}.")
        if port:
            rest = [text if ":" in text else f"{text}:{port}" for text in rest]
        return (f"{scheme}://{','.join(rest)}",)
    return tuple(_url(text, port, hosts) for text in found)


def _url(text: str, port: Any, hosts: str) -> str:
    try:
        parts = urlsplit(text)
        default = _REST[parts.scheme]
        if not parts.hostname or parts.query or parts.fragment:
            raise ValueError
        netloc = parts.netloc if parts.port else f"{parts.netloc.rstrip(':')}:{port or default}"
    except (ValueError, KeyError):
        raise ImproperlyConfigured(f"HOST cannot be {hosts!r}: it is as {_EXAMPLES}.") from None
    return f"{parts.scheme}://{netloc}{parts.path.rstrip('/')}"


_OURS = ("retries", "backoff", "verify", "cert", "pool_size")
_CHECKS = {
    **{name: gateway.CHECKS[name] for name in _OURS},
    "timeout": gateway.is_seconds,
    "connect_timeout": gateway.is_seconds,
    "scan_consistency": lambda value: value in (REQUEST_PLUS, NOT_BOUNDED),
    "read_only": lambda value: isinstance(value, bool),
}
_MEANINGS = {
    **{name: gateway.MEANINGS[name] for name in _OURS},
    "timeout": "seconds for a whole query",
    "connect_timeout": "seconds for a connection",
    "scan_consistency": f"{REQUEST_PLUS!r} or {NOT_BOUNDED!r}",
    "read_only": "True or False",
}
