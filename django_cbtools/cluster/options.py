"""The COUCHBASE_* settings, as the SDK takes them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf

if TYPE_CHECKING:
    from couchbase.auth import Authenticator
    from couchbase.options import ClusterOptions

_SCHEMES = ("couchbase", "couchbases")
#: How the names of options end that are durations.
_DURATIONS = ("_timeout", "_interval", "_floor", "_backoff")
_PATHS = ("trust_store_path", "cert_path", "key_path")
#: The SDK's reports of slow operations are made by threads that outlive a connection which fails:
#: who wants them turns them on.
_DEFAULTS = {"enable_metrics": False, "enable_tracing": False}


def connection_string() -> str:
    """COUCHBASE_HOSTS, a text or a list, as ``couchbase://host,host``.

    Raises ImproperlyConfigured for what cannot be one.
    """
    hosts = conf.require("COUCHBASE_HOSTS", "the cluster's hosts, or its connection string")
    text = hosts if isinstance(hosts, str) else ",".join(map(str, hosts))
    if "@" in text:
        raise ImproperlyConfigured(
            "COUCHBASE_HOSTS has no place for a login: COUCHBASE_USER and COUCHBASE_PASSWORD have."
        )
    scheme, separator, rest = text.rpartition("://")
    if (separator and scheme not in _SCHEMES) or not rest or rest.split() != [rest]:
        raise ImproperlyConfigured(
            f"COUCHBASE_HOSTS cannot be {hosts!r}: it is a host, a list of them, or a connection "
            "string such as 'couchbases://first.example.com,second.example.com'."
        )
    return f"{scheme or _SCHEMES[0]}://{rest}"


def bucket_name() -> str:
    """COUCHBASE_BUCKET, or else the gateway's database."""
    return str(conf.get("COUCHBASE_BUCKET") or conf.get("SYNC_GATEWAY_BUCKET"))


def cluster_options() -> ClusterOptions:
    """COUCHBASE_OPTIONS with the login; raises ImproperlyConfigured for what cannot be one.

    The options are the SDK's ClusterOptions and ClusterTimeoutOptions by name, durations in
    seconds; ``cert_path`` and ``key_path`` are CertificateAuthenticator's.
    """
    from couchbase.options import ClusterOptions

    given = conf.get("COUCHBASE_OPTIONS")
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(
            f"COUCHBASE_OPTIONS is a dictionary, not {type(given).__name__}."
        )
    known = ClusterOptions.get_valid_options()
    del known["authenticator"]
    known["key_path"] = known["cert_path"]
    unknown = given.keys() - known.keys()
    if unknown:
        raise ImproperlyConfigured(
            f"COUCHBASE_OPTIONS has unknown options: {', '.join(sorted(map(str, unknown)))}. "
            f"Known are: {', '.join(sorted(known))}."
        )
    values = {name: _value(name, value, known[name]) for name, value in given.items()}
    authenticator = _authenticator(values.pop("cert_path", None), values.pop("key_path", None))
    return ClusterOptions(authenticator, **{**_DEFAULTS, **values})


def _authenticator(certificate: str | None, key: str | None) -> Authenticator:
    from couchbase.auth import CertificateAuthenticator, PasswordAuthenticator

    if certificate is None and key is None:
        user = conf.require("COUCHBASE_USER", "the user that the cluster knows this program as")
        return PasswordAuthenticator(str(user), str(conf.get("COUCHBASE_PASSWORD") or ""))
    if certificate is None or key is None:
        raise ImproperlyConfigured(
            "COUCHBASE_OPTIONS has 'cert_path', a client certificate, and 'key_path', its key, or "
            "neither."
        )
    return CertificateAuthenticator(certificate, key)


def _value(name: str, value: Any, checks: Mapping[str, Any]) -> Any:
    """An option's value as the SDK takes it, after the SDK's own checks."""
    from couchbase.exceptions import InvalidArgumentException

    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and name.endswith(_DURATIONS):
        if not 0 < value < 1e9:
            raise ImproperlyConfigured(
                f"COUCHBASE_OPTIONS[{name!r}] cannot be {value!r}: it is a number of seconds."
            )
        value = timedelta(seconds=value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    try:
        for check in checks.values():
            check(value)
    except InvalidArgumentException as error:
        raise ImproperlyConfigured(
            f"COUCHBASE_OPTIONS[{name!r}] cannot be {value!r}: {error.message}"
        ) from error
    if name in _PATHS:
        try:
            open(value, "rb").close()
        except OSError as error:
            raise ImproperlyConfigured(
                f"COUCHBASE_OPTIONS[{name!r}] is a file that cannot be read: {error}"
            ) from error
    return value
