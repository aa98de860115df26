"""The transport of requests to the gateway's two ports, by pooled sessions.

The environment (proxies, trusted certificates, netrc) is read once, when the session is created.
Requests then go directly to the session's adapter.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeGuard

import requests
from django.core.signals import setting_changed
from requests.auth import HTTPBasicAuth
from requests.cookies import extract_cookies_to_jar

from django_cbtools import conf
from django_cbtools.exceptions import SyncGatewayForbidden, shown

from ..deadline import remaining
from ..options import ADMIN, PUBLIC, Options
from . import addresses
from .addresses import Address
from .failures import AnswerTooLarge
from .uploads import Upload

SETTINGS = {PUBLIC: "SYNC_GATEWAY_URL", ADMIN: "SYNC_GATEWAY_ADMIN_URL"}
_CHUNK = 64 * 1024


@dataclass(eq=False)
class Login:
    """A user of the gateway who sends requests."""

    name: str
    password: str = field(repr=False)
    #: The session of this user. It is created when it is first needed.
    transport: Transport | None = field(default=None, repr=False)


@dataclass
class Transport:
    """A session with a gateway."""

    session: requests.Session
    options: Options
    ports: dict[str, list[Address]]
    is_embedded: bool = False
    login: Login | None = None
    process: int = field(default_factory=os.getpid)
    settings: object = field(default_factory=lambda: _settings)
    _has_cookies: bool = False
    _current: dict[str, int] = field(default_factory=dict)

    def address(self, port: str) -> Address:
        """Return the address of a port that is currently used.

        Raises ImproperlyConfigured if the settings have none, and SyncGatewayForbidden for the
        admin API if the requests are those of a user of the gateway.
        """
        addresses = self.ports[port]
        if self.login is not None and port == ADMIN:
            raise SyncGatewayForbidden(
                f"{shown(self.login.name)} is a user of the gateway, who cannot use its admin API. "
                "Call SyncGateway itself for that."
            )
        if not addresses:
            conf.require(SETTINGS[port], "users and views go through the gateway's admin API")
        return addresses[self._current.get(port, 0)]

    def leave(self, port: str, address: Address) -> None:
        """Use the next address from now on, since this one does not answer."""
        addresses = self.ports[port]
        if self.address(port) is address:
            self._current[port] = (addresses.index(address) + 1) % len(addresses)

    def send(
        self,
        address: Address,
        method: str,
        path: str,
        data: bytes | Upload | None,
        accept: str | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """Send a request once, and return the response.

        ``path`` begins with a slash. The response's body has been read, unless ``stream`` is true
        and the response is successful. A redirect is followed unless it changes the request's
        method; it is the response then. Raises the exceptions of requests and urllib3, and
        ValueError if a redirect has no valid target.
        """
        request = requests.PreparedRequest()
        request.method, request.url = method, address.url + path
        request.headers = address.headers.copy()
        if accept is not None:
            request.headers["Accept"] = accept
        request.hooks = {}
        request._cookies = requests.cookies.RequestsCookieJar()  # type: ignore[attr-defined]
        if data is not None:
            request.headers["Content-Type"] = "application/json"
            body: Any = data
            if isinstance(data, Upload):
                body = data.rewound()
                request.headers["Content-Type"] = data.content_type
                # A redirect sends the body again from its beginning.
                request._body_position = 0  # type: ignore[attr-defined]
            request.body = body
        if data is not None or method not in ("GET", "HEAD"):
            request.headers["Content-Length"] = str(0 if data is None else len(data))
        request.headers.update(headers or {})
        if self._has_cookies:
            request.prepare_cookies(self.session.cookies)
        connect, read = self.options.timeout
        sending = {
            **address.sending,
            "stream": True,
            "timeout": (max(min(connect, remaining()), 0.001), max(min(read, remaining()), 0.001)),
        }
        for _ in range(self.session.max_redirects):
            response = self.session.get_adapter(request.url or "").send(request, **sending)
            if "Set-Cookie" in response.headers:
                extract_cookies_to_jar(self.session.cookies, request, response.raw)  # type: ignore[no-untyped-call]
                self._has_cookies = True
            if not response.is_redirect:
                if not (stream and response.ok):
                    self._read(response)
                return response
            # The body of a redirect is not read, however long it is.
            response.close()
            keeps_method = method == "GET" or response.status_code in (307, 308)
            if not (keeps_method and response.headers["Location"]):
                return response
            redirected = self.session.resolve_redirects(
                response, request, proxies=address.sending["proxies"], yield_requests=True
            )
            request = next(redirected)
        raise requests.TooManyRedirects(f"more than {self.session.max_redirects}")

    def _read(self, response: requests.Response) -> None:
        content = bytearray()
        with response:
            try:
                for chunk in response.iter_content(_CHUNK):
                    content += chunk
                    if len(content) > self.options.max_bytes:
                        raise AnswerTooLarge(f"more than {self.options.max_bytes} bytes")
            except ValueError as error:
                # urllib3 raises this for a chunk with a negative length.
                raise requests.exceptions.ChunkedEncodingError(error) from error
        # The attribute in which requests keeps a response's body. There is no public way to set it.
        response._content = bytes(content)


_transport: Transport | None = None
_lock = threading.Lock()
#: The settings for which users' transports were made. It is another object after each change of
#: them.
_settings: object = object()
_login: ContextVar[Login | None] = ContextVar("django_cbtools_login", default=None)


def transport() -> Transport:
    """Return the process's transport by the settings, or the transport of the current user of the
    gateway.

    A forked child gets a transport of its own. Raises ImproperlyConfigured if the settings do not
    say which gateway to use.
    """
    global _transport
    login = _login.get()
    current = _transport if login is None else login.transport
    if _is_usable(current):
        return current
    with _lock:
        current = _transport if login is None else login.transport
        if not _is_usable(current):
            current = _make()
            if login is None:
                _transport = current
            else:
                login.transport = current
    return current


def _is_usable(current: Transport | None) -> TypeGuard[Transport]:
    return current is not None and current.process == os.getpid() and current.settings is _settings


def login() -> Login | None:
    """Return the user of the gateway who sends requests in this context, or None for the settings'
    user."""
    return _login.get()


@contextmanager
def acting_as(login: Login | None) -> Generator[None, None, None]:
    """Send requests as a user of the gateway, in this thread or task."""
    token = _login.set(login)
    try:
        yield
    finally:
        _login.reset(token)


def auth(port: str) -> HTTPBasicAuth | None:
    """Return the login for a port, or None if the settings have none."""
    login = _login.get()
    if login is not None:
        return addresses.basic(login.name, login.password)
    prefix = "SYNC_GATEWAY_ADMIN" if port == ADMIN else "SYNC_GATEWAY"
    return addresses.basic(conf.get(f"{prefix}_USER"), conf.get(f"{prefix}_PASSWORD") or "")


def _make() -> Transport:
    login = _login.get()
    session = requests.Session()
    session.headers["Accept"] = "application/json"
    if conf.uses_embedded_gateway():
        # Imported late, since the client of a real gateway does not need the embedded one.
        from .in_process import SCHEME, InProcessAdapter

        session.trust_env = False
        session.mount(f"{SCHEME}://", InProcessAdapter(trusted=login is None))
        ports = {port: [_address(session, port, f"{SCHEME}://{port}")] for port in SETTINGS}
        return Transport(session, Options(retries=0), ports, is_embedded=True, login=login)
    conf.require("SYNC_GATEWAY_URL", "the address of the gateway's public port")
    options = Options.of(conf.get("SYNC_GATEWAY_OPTIONS"))
    addresses.set_up(session, options, "SYNC_GATEWAY_OPTIONS")
    ports = {
        port: [_address(session, port, url) for url in conf.urls(setting)]
        for port, setting in SETTINGS.items()
    }
    session.trust_env = False
    return Transport(session, options, ports, login=login)


def _address(session: requests.Session, port: str, url: str) -> Address:
    return addresses.address(session, url, auth(port), SETTINGS[port])


def _forget(*, setting: str, **kwargs: Any) -> None:
    global _transport, _settings
    if setting == "DATABASES" or setting.startswith(("SYNC_GATEWAY_", "COUCHBASE_")):
        _transport, _settings = None, object()


def _after_fork() -> None:
    """Replace the lock in a forked child. If another thread held it, nobody would release it
    there."""
    global _lock
    _lock = threading.Lock()


setting_changed.connect(_forget, dispatch_uid="django_cbtools.sync_gateway")
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
