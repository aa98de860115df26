"""The addresses of a session, and the options of requests to them.

The environment (proxies, trusted certificates, netrc) is read once, here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import requests
from django.core.exceptions import ImproperlyConfigured
from requests.auth import HTTPBasicAuth
from requests.structures import CaseInsensitiveDict
from requests.utils import get_auth_from_url, get_netrc_auth

from . import certificates
from .connections import Adapter


@dataclass(frozen=True)
class Address:
    """The URL of a service's port, with the headers and options of each request to it."""

    url: str
    headers: CaseInsensitiveDict[str]
    #: ``verify``, ``cert`` and ``proxies``, as arguments of an adapter.
    sending: dict[str, Any]


class Connecting(Protocol):
    """The options of a session's connections."""

    @property
    def verify(self) -> bool | str: ...
    @property
    def cert(self) -> str | tuple[str, str] | None: ...
    @property
    def pool_size(self) -> int: ...


def set_up(session: requests.Session, options: Connecting, setting: str) -> None:
    """Give a session adapters with deadlines, and its certificates.

    Raises ImproperlyConfigured if certificates cannot be used. ``setting`` is the name of the
    setting with the options.
    """
    if isinstance(options.verify, str):
        certificates.check_trusted(options.verify, f"{setting}['verify']")
    if options.cert is not None:
        certificates.check_own(options.cert, f"{setting}['cert']")
    for scheme in ("http://", "https://"):
        session.mount(scheme, Adapter(pool_connections=10, pool_maxsize=options.pool_size))
    session.verify, session.cert = options.verify, options.cert


def basic(user: str | None, password: str) -> HTTPBasicAuth | None:
    """Return a login, or None without a user."""
    # Strings would be encoded as Latin-1.
    return HTTPBasicAuth(user.encode(), password.encode()) if user else None


def address(
    session: requests.Session, url: str, login: HTTPBasicAuth | None, setting: str
) -> Address:
    """Return the address in a ``setting``. Raise ImproperlyConfigured if it is not valid.

    The login is the given one, else the address's own, else netrc's.
    """
    try:
        prepared = session.prepare_request(
            requests.Request("GET", url, auth=login or _own_login(url))
        )
        session.get_adapter(prepared.url or "")
        parts = urlsplit(prepared.url or "")
        sending = session.merge_environment_settings(url, {}, True, session.verify, session.cert)
    except (requests.RequestException, ValueError):
        # The original message may contain a password.
        raise ImproperlyConfigured(f"{setting} is no address.") from None
    if parts.query or parts.fragment:
        raise ImproperlyConfigured(f"{setting} is no address: it has a query.")
    trusted = sending["verify"]
    if parts.scheme == "https" and isinstance(trusted, str) and trusted != session.verify:
        certificates.check_trusted(trusted, "REQUESTS_CA_BUNDLE (or CURL_CA_BUNDLE)")
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2], path=parts.path.rstrip("/"))
    return Address(urlunsplit(bare), prepared.headers, dict(sending))


def _own_login(url: str) -> HTTPBasicAuth | None:
    user, password = get_auth_from_url(url)
    if not user:
        try:
            user, password = get_netrc_auth(url) or ("", "")
        except UnicodeDecodeError:
            raise ImproperlyConfigured(
                "The netrc file (~/.netrc, or what NETRC names) is no text."
            ) from None
    return basic(user, password)
