"""Protection against requests from other sites' web pages (CSRF) and against DNS rebinding.

A browser sends a site's cookie even with requests from another site's pages. An attacker can also
let a host name resolve to this machine's address (DNS rebinding); to a browser, the attacker's page
then has the same origin as the gateway.

``SYNC_GATEWAY_OPTIONS["hosts"]`` lists the host names of the gateway's own server in addition to
those of the local machine, in the format of Django's ALLOWED_HOSTS. If the gateway is mounted in a
site, ALLOWED_HOSTS applies instead.
"""

from __future__ import annotations

import ipaddress

from django.core.exceptions import ImproperlyConfigured
from django.http.request import split_domain_port, validate_host

from django_cbtools import conf

from ..database import Database
from ..errors import GatewayError, bad_request
from . import cors
from .messages import ADMIN_PORT, Call

_LOCAL = (".localhost", "localhost")
_SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


def is_known(host: str) -> bool:
    """Return whether a Host header, with or without a port, names the gateway's own server.

    Raises ImproperlyConfigured if the setting ``hosts`` is not a list.
    """
    domain, _ = split_domain_port(host)
    if not domain:
        return False
    try:
        if ipaddress.ip_address(domain.strip("[]")).is_loopback:
            return True
    except ValueError:
        pass
    hosts = conf.get("SYNC_GATEWAY_OPTIONS").get("hosts") or ()
    if not isinstance(hosts, (list, tuple)):
        raise ImproperlyConfigured(
            f"SYNC_GATEWAY_OPTIONS['hosts'] is a list of host names, not {hosts!r}."
        )
    return validate_host(domain, (*_LOCAL, *hosts))


def check_admin(call: Call) -> None:
    """Raise a 403 GatewayError if a request to the admin port may come from a web page.

    The admin API asks for no password, so a page in a developer's browser must not reach it.
    """
    if "origin" in call.headers:
        raise GatewayError(403, "The admin API is not for web pages")
    if call.host is None and call.headers.get("host") and not is_known(call.headers["host"]):
        raise GatewayError(
            403,
            f"The admin API does not go by the host {call.headers['host']}: "
            "list it in SYNC_GATEWAY_OPTIONS['hosts']",
        )


def check_login(call: Call) -> None:
    """Raise a 400 GatewayError if a web page of another site tries to log in and may not."""
    if _is_foreign(call) and not cors.matched(
        cors.of(call.database).get("login_origin", ()), call.headers.get("origin", "")
    ):
        raise bad_request("No CORS")


def check_write(call: Call, database: Database) -> None:
    """Raise a 403 GatewayError if a web page of another site makes a browser write.

    This concerns requests whose credentials the browser may have added by itself, and all requests
    for a WebSocket: browsers let any page read what comes over one, and not all of them say that
    they are browsers. Pages that the CORS rules allow are not refused.
    """
    is_safe = call.method in _SAFE_METHODS and not call.is_socket
    if call.port == ADMIN_PORT or call.trusted is not None or is_safe:
        return
    has_cookie = call.session_id is not None
    # Other programs may send an Origin header too, but only browsers send Sec-Fetch-Site.
    has_password = call.credentials() is not None and "sec-fetch-site" in call.headers
    is_concerned = has_cookie or has_password or call.is_socket
    if not is_concerned or not _is_foreign(call):
        return
    allowed, origin = cors.of(database).get("origin", ()), call.headers.get("origin", "")
    # "*" does not cover requests with cookies. Browsers do not let such requests through either.
    if origin not in allowed and (has_cookie or "*" not in allowed):
        raise GatewayError(
            403, "This web page is of another site: list its origin in the database's cors.origin"
        )


def _is_foreign(call: Call) -> bool:
    """Return whether a request comes from another site's web page, by what the browser tells."""
    origin = call.headers.get("origin")
    if origin is None:
        return call.headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    scheme, _, host = origin.lower().partition("://")
    if call.is_secure and scheme != "https":
        return True
    own = call.host
    if own is None:
        own = call.headers.get("host", "")
        own = own if is_known(own) else ""
    port = _DEFAULT_PORTS.get(scheme, "")
    return not host or host.removesuffix(port) != own.lower().removesuffix(port)
