"""What went wrong on the way to the gateway, or what it refuses, as our exceptions.

No message has more of an address than its scheme, host and port: the rest may be a login.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests
import urllib3

from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayException,
    SyncGatewayUnavailable,
    shown,
)

from .deadline import remaining
from .options import ADMIN
from .transport import SETTINGS, Address, AnswerTooLarge

PROXY = "the proxy that the environment names (http_proxy, https_proxy) cannot be used"
LOST = SyncGatewayAnswerLost
#: A gateway, or what stands before it, has no time: statuses that say "again later". What became of
#: a write is not known then.
BUSY = frozenset((429, 502, 503, 504))


class Asked(NamedTuple):
    """A request, for the messages' sake."""

    port: str
    address: Address
    method: str
    path: str
    uid: str | None
    is_read: bool

    @property
    def line(self) -> str:
        return f"{self.method} {self.path.partition('?')[0]}"

    @property
    def lost(self) -> type[SyncGatewayUnavailable]:
        """What there is to raise where it may have reached the gateway."""
        return SyncGatewayUnavailable if self.is_read else LOST

    @property
    def setting(self) -> str:
        return SETTINGS[self.port]


def no_answer(error: Exception, asked: Asked) -> SyncGatewayUnavailable:
    """The exception for a request that had no answer."""
    kind, setting = asked.lost, asked.setting
    tls = _tls_error(error)
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        # Files of certificates that have gone: requests says so before it connects.
        kind, why = (
            SyncGatewayUnavailable,
            ("a file in SYNC_GATEWAY_OPTIONS['verify'] or ['cert'] cannot be read"),
        )
    elif tls is not None:
        why = _tls_hint(tls, setting)
        if _is_refused(tls, error):
            kind = SyncGatewayUnavailable
    elif isinstance(error, AnswerTooLarge):
        why = f"its answer has {error}: look at SYNC_GATEWAY_OPTIONS['max_bytes']"
    elif isinstance(error, requests.TooManyRedirects):
        kind, why = SyncGatewayUnavailable, f"it redirects without end: is {setting} right?"
    elif isinstance(error, ValueError):
        kind, why = (
            SyncGatewayUnavailable,
            f"it redirects to what is no address (is {setting} right?), or a proxy in the "
            "environment (http_proxy, https_proxy) is none",
        )
    elif isinstance(error, requests.exceptions.ContentDecodingError):
        why = f"its answer cannot be unpacked: is {setting} a gateway's address?"
    elif isinstance(error, requests.exceptions.ProxyError):
        kind, why = SyncGatewayUnavailable, PROXY
    elif _never_connected(error):
        kind, why = SyncGatewayUnavailable, f"no connection: is it running, and is {setting} right?"
    elif remaining() == 0:
        why = "not within SYNC_GATEWAY_OPTIONS['deadline']"
    elif isinstance(error, requests.Timeout) or _caused_by(error, TimeoutError):
        why = "not in time: look at SYNC_GATEWAY_OPTIONS['timeout']"
    else:
        why = f"the connection broke, or it speaks no HTTP. Is {setting} right?"
    return kind(
        f"The gateway at {_host(asked.address.url)} did not answer {asked.line}: {why} "
        f"({type(error).__name__}).",
        uid=asked.uid,
    )


def is_final(error: Exception) -> bool:
    """Whether asking again is no use: settings have to change, or the gateway's answer."""
    return isinstance(
        error,
        (
            AnswerTooLarge,
            ValueError,
            requests.TooManyRedirects,
            requests.exceptions.ContentDecodingError,
        ),
    ) or (
        _is_refused(_tls_error(error), error)
        or (isinstance(error, OSError) and not isinstance(error, requests.RequestException))
    )


def refused(response: requests.Response, asked: Asked) -> SyncGatewayException:
    """The exception that an error answer stands for."""
    status = response.status_code
    try:
        answer: Any = response.json()
    except (ValueError, RecursionError):
        answer = None
    is_ours = isinstance(answer, dict)
    error = str(answer.get("error", "")) if is_ours else str(response.reason or "")
    reason = str(answer.get("reason", "")) if is_ours else ""
    kind = SyncGatewayException.for_status(status)
    if status in BUSY or (status == 409 and not is_ours):
        # The latter may be a conflict of the gateway's whose answer was cut, or anybody's page.
        kind = asked.lost
    elif not is_ours and status < 500 and status not in (401, 403):
        # A missing page is no missing document.
        kind = SyncGatewayUnavailable
    hint = _hint(status, reason, is_ours, asked)
    about = f"document {shown(asked.uid)}" if asked.uid else asked.line
    return kind(
        f"{about}: {status} {shown(error)}{f' ({shown(reason)})' if reason else ''}"
        f"{f'. {hint}' if hint else ''}",
        status=status,
        error=error,
        reason=reason,
        uid=asked.uid,
    )


def _hint(status: int, reason: str, is_ours: bool, asked: Asked) -> str:
    login = "SYNC_GATEWAY_ADMIN" if asked.port == ADMIN else "SYNC_GATEWAY"
    if reason.startswith("no such database"):
        return "Look at SYNC_GATEWAY_BUCKET."
    if status == 401:
        # A public port says the same of a database that is not there.
        return f"Look at {login}_USER and {login}_PASSWORD, and at SYNC_GATEWAY_BUCKET."
    if status == 403 and is_ours:
        return f"Look at what {login}_USER may do."
    if status == 407:
        return f"This is a proxy's answer: {PROXY}."
    if not is_ours:
        return f"This is no gateway's answer: look at {asked.setting}, and at proxies on the way."
    return ""


def redirected(response: requests.Response, asked: Asked) -> SyncGatewayUnavailable:
    """The exception for a redirect that cannot be followed: as 302, which would make another method
    of ours, or one to nowhere."""
    try:
        target = _host(urljoin(response.url, response.headers.get("Location", "")))
    except ValueError:
        target = "no address"
    return SyncGatewayUnavailable(
        f"{asked.line} was redirected to {target}, but not in a way ({response.status_code}) that "
        f"keeps the request: put the gateway's own address into {asked.setting}.",
        status=response.status_code,
        uid=asked.uid,
    )


def add_out_of_time(error: SyncGatewayException) -> None:
    """Say in an exception that there might have been another attempt."""
    why = "There is no time to try again within SYNC_GATEWAY_OPTIONS['deadline']."
    error.args = (f"{error} {why}",)


def no_json(url: str, status: int) -> str:
    """What there is to say of a successful answer that no gateway can have given."""
    return no_gateways(url, status, "is no JSON: it does not come from a gateway, or was cut short")


def no_gateways(url: str, status: int, what: str = "does not come from a gateway") -> str:
    """As :func:`no_json`, where it is JSON."""
    setting = "SYNC_GATEWAY_URL (or SYNC_GATEWAY_ADMIN_URL)"
    return (
        f"The answer from {_host(url)} to {urlsplit(url).path} ({status}) {what}. Look at "
        f"{setting}, and at proxies on the way."
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, and those that it wraps or came of."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        found = waiting.pop()
        if isinstance(found, BaseException) and id(found) not in seen:
            seen.add(id(found))
            yield found
            waiting += [found.__cause__, found.__context__, getattr(found, "reason", None)]
            waiting += found.args


def _caused_by(error: Exception, *kinds: type[BaseException]) -> bool:
    return any(isinstance(cause, kinds) for cause in _causes(error))


def _tls_error(error: Exception) -> ssl.SSLError | None:
    """What TLS refuses; a connection that is cut under TLS is cut, no more."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(
            cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)
        ):
            return cause
    return None


def _is_refused(tls: ssl.SSLError | None, error: Exception) -> bool:
    """Whether both sides found no common TLS, so that nothing has been asked. With TLS 1.3 what a
    server says of our certificate comes later."""
    return tls is not None and (_never_connected(error) or _is_about_cert(tls.reason or ""))


def _is_about_cert(reason: str) -> bool:
    return "ALERT" in reason and ("CERT" in reason or "HANDSHAKE" in reason or "CA" in reason)


def _tls_hint(error: ssl.SSLError, setting: str) -> str:
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted, {error.verify_message.rstrip('.')}. Look at "
            f"SYNC_GATEWAY_OPTIONS['verify'] (a file of trusted certificates) and at {setting}"
        )
    if _is_about_cert(reason):
        return (
            f"it refuses our certificate, {reason}: look at SYNC_GATEWAY_OPTIONS['cert'] "
            "(certificate and key)"
        )
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return f"it speaks no TLS: should {setting} begin with http:// instead of https://?"
    return (
        f"TLS failed, {reason or type(error).__name__}: look at SYNC_GATEWAY_OPTIONS['verify'] and "
        f"['cert'], and at {setting}"
    )


def _never_connected(error: Exception) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    return _caused_by(
        error, urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError
    )


def _host(url: str) -> str:
    parts = urllib3.util.parse_url(url)
    return f"{parts.scheme}://{parts.netloc}"
