"""Paths of a real gateway that are not supported here. They answer 501 and name the feature."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import not_implemented
from ..http.answers import Answer
from ..http.messages import ADMIN_PORT, PUBLIC_PORT, Call

_BOTH = (PUBLIC_PORT, ADMIN_PORT)
_ADMIN = (ADMIN_PORT,)

_OIDC = "OpenID Connect"
_CLUSTER = "clusters of gateways"
_LOGGING = "logging by its API: Django's setting LOGGING does"
_PROFILES = "profiles"

#: Paths (as in the table of routes), their ports and methods, and the name of the feature.
LEFT_OUT: list[tuple[str, tuple[str, ...], str, str]] = [
    ("/{db}/_oidc", _BOTH, "GET", _OIDC),
    ("/{db}/_oidc_callback", _BOTH, "GET", _OIDC),
    ("/{db}/_oidc_refresh", _BOTH, "GET", _OIDC),
    ("/{db}/_oidc_challenge", _BOTH, "GET", _OIDC),
    ("/{db}/_oidc_testing/{page}", _BOTH, "GET POST", _OIDC),
    ("/{db}/_oidc_testing/.well-known/openid-configuration", _BOTH, "GET", _OIDC),
    ("/{db}/_config/audit", _ADMIN, "GET POST PUT", "auditing"),
    ("/{db}/_index_init", _ADMIN, "GET POST", "indexes of Couchbase Server"),
    ("/{db}/_attachment_migration", _ADMIN, "GET POST", "migrations of attachments"),
    ("/{db}/_metadata_migration", _ADMIN, "GET POST", "migrations of metadata"),
    ("/_config", _ADMIN, "GET PUT", "a server's configuration: Django's settings do"),
    ("/_logging", _ADMIN, "GET POST PUT", _LOGGING),
    ("/_cluster_info", _ADMIN, "GET", _CLUSTER),
    ("/_cluster_compat_version", _ADMIN, "GET", _CLUSTER),
    ("/_cluster_compat_version/freeze", _ADMIN, "POST", _CLUSTER),
    ("/_cluster_compat_version/unfreeze", _ADMIN, "POST", _CLUSTER),
    ("/_post_upgrade", _ADMIN, "POST", "upgrades of a cluster"),
    ("/_sgcollect_info", _ADMIN, "GET POST DELETE", "the collection of logs (sgcollect)"),
    ("/_stats", _ADMIN, "GET", "statistics"),
    ("/_expvar", _ADMIN, "GET", "statistics"),
    ("/_profile", _ADMIN, "POST", _PROFILES),
    ("/_profile/{name}", _ADMIN, "POST", _PROFILES),
    ("/_heap", _ADMIN, "POST", _PROFILES),
    ("/_debug/{name}", _ADMIN, "GET POST", _PROFILES),
    ("/_debug/pprof/{name}", _ADMIN, "GET POST", _PROFILES),
]


def refusal(what: str) -> Callable[[Call], Answer]:
    """Return a handler that raises a 501 GatewayError: the feature ``what`` is not supported."""

    def refuse(call: Call) -> Answer:
        raise not_implemented(what)

    return refuse
