"""The settings COUCHBASE_* as options of the SDK."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple

from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf

if TYPE_CHECKING:
    from couchbase.auth import Authenticator
    from couchbase.options import ClusterOptions

_SCHEMES = ("couchbase", "couchbases")
#: The endings of the names of options with durations.
_DURATIONS = ("_timeout", "_interval", "_floor", "_backoff")
_PATHS = ("trust_store_path", "cert_path", "key_path")
#: The threads for the SDK's reports of slow operations outlive a connection that fails. So the
#: reports are off unless the settings enable them.
_DEFAULTS = {"enable_metrics": False, "enable_tracing": False}


class Names(NamedTuple):
    """The names of a cluster's settings, for messages."""

    hosts: str
    bucket: str
    user: str
    password: str
    options: str


SETTINGS = Names(
    "COUCHBASE_HOSTS",
    "COUCHBASE_BUCKET",
    "COUCHBASE_USER",
    "COUCHBASE_PASSWORD",
    "COUCHBASE_OPTIONS",
)


@dataclass(frozen=True)
class Target:
    """A cluster, its bucket, and the options of the connection.

    ``address`` is the connection string. ``options`` are as in COUCHBASE_OPTIONS.
    """

    address: str
    bucket: str
    user: str
    password: str = field(repr=False)
    options: Mapping[str, Any] = field(hash=False)
    names: Names = SETTINGS


def of_settings() -> Target:
    """Return the cluster of the settings. Raise ImproperlyConfigured if they are not valid."""
    given = conf.get("COUCHBASE_OPTIONS")
    if not isinstance(given, Mapping):
        raise ImproperlyConfigured(
            f"COUCHBASE_OPTIONS is a dictionary, not {type(given).__name__}."
        )
    user, password = conf.get("COUCHBASE_USER") or "", conf.get("COUCHBASE_PASSWORD") or ""
    return Target(connection_string(), bucket_name(), str(user), str(password), dict(given))


def connection_string() -> str:
    """Return COUCHBASE_HOSTS, a text or a list, as ``couchbase://host,host``.

    Raises ImproperlyConfigured if it is not valid.
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
    """Return COUCHBASE_BUCKET, or else the name of the gateway's database."""
    return str(conf.get("COUCHBASE_BUCKET") or conf.get("SYNC_GATEWAY_BUCKET"))


def cluster_options(target: Target) -> ClusterOptions:
    """Return a cluster's options with its login. Raise ImproperlyConfigured if one is not valid.

    The options are those of the SDK's ClusterOptions and ClusterTimeoutOptions by name, with
    durations in seconds. ``cert_path`` and ``key_path`` are those of CertificateAuthenticator.
    """
    from couchbase.options import ClusterOptions

    given, name = target.options, target.names.options
    known = ClusterOptions.get_valid_options()
    del known["authenticator"]
    known["key_path"] = known["cert_path"]
    unknown = given.keys() - known.keys()
    if unknown:
        raise ImproperlyConfigured(
            f"{name} has unknown options: {', '.join(sorted(map(str, unknown)))}. "
            f"Known are: {', '.join(sorted(known))}."
        )
    values = {key: _value(f"{name}[{key!r}]", key, given[key], known[key]) for key in given}
    certificate, key = values.pop("cert_path", None), values.pop("key_path", None)
    return ClusterOptions(_authenticator(target, certificate, key), **{**_DEFAULTS, **values})


def _authenticator(target: Target, certificate: str | None, key: str | None) -> Authenticator:
    from couchbase.auth import CertificateAuthenticator, PasswordAuthenticator

    if certificate is None and key is None:
        if not target.user:
            raise ImproperlyConfigured(
                f"Set {target.names.user}: the user that the cluster knows this program as."
            )
        return PasswordAuthenticator(target.user, target.password)
    if certificate is None or key is None:
        raise ImproperlyConfigured(
            f"{target.names.options} has 'cert_path', a client certificate, and 'key_path', its "
            "key, or neither."
        )
    return CertificateAuthenticator(certificate, key)


def _value(shown: str, name: str, value: Any, checks: Mapping[str, Any]) -> Any:
    """Return the value of an option for the SDK, after the SDK's own checks."""
    from couchbase.exceptions import InvalidArgumentException

    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and name.endswith(_DURATIONS):
        if not 0 < value < 1e9:
            raise ImproperlyConfigured(f"{shown} cannot be {value!r}: it is a number of seconds.")
        value = timedelta(seconds=value)
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    try:
        for check in checks.values():
            check(value)
    except InvalidArgumentException as error:
        raise ImproperlyConfigured(f"{shown} cannot be {value!r}: {error.message}") from error
    if name in _PATHS:
        try:
            open(value, "rb").close()
        except OSError as error:
            raise ImproperlyConfigured(f"{shown} is a file that cannot be read: {error}") from error
    return value
