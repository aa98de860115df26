"""Error messages for requests without a response. They name the setting to check.

The module only knows HTTP and TLS. The query service's client uses it, too.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Any, NamedTuple

import requests
import urllib3

from ..deadline import remaining

PROXY = "the proxy that the environment names (http_proxy, https_proxy) cannot be used"


class AnswerTooLarge(requests.RequestException):
    """A response has more bytes than the option ``max_bytes`` allows."""


class Reason(NamedTuple):
    #: True if the other side cannot have understood the request.
    never_sent: bool
    text: str


def why_no_answer(error: Exception, address: str, options: str, deadline: str) -> Reason:
    """Return the reason why no answer came, from an exception of requests, urllib3 or a socket.

    ``address`` is the setting with the other side's address, ``options`` the one with the options,
    ``deadline`` the option that ends a call.
    """
    tls = _tls_error(error)
    if isinstance(error, OSError) and not isinstance(error, requests.RequestException):
        # Certificate files are missing, which requests reports before it connects.
        return Reason(True, f"a file in {options}['verify'] or ['cert'] cannot be read")
    if tls is not None:
        return Reason(_is_refused(tls, error), _tls_hint(tls, address, options))
    if isinstance(error, AnswerTooLarge):
        return Reason(False, f"its answer has {error}: look at {options}['max_bytes']")
    if isinstance(error, requests.TooManyRedirects):
        return Reason(True, f"it redirects without end: is {address} right?")
    if isinstance(error, ValueError):
        return Reason(
            True,
            f"it redirects to what is no address (is {address} right?), or a proxy in the "
            "environment (http_proxy, https_proxy) is none",
        )
    if isinstance(error, requests.exceptions.ContentDecodingError):
        return Reason(False, f"its answer cannot be unpacked: is {address} right?")
    if isinstance(error, requests.exceptions.ProxyError):
        return Reason(True, PROXY)
    if _never_connected(error):
        return Reason(True, f"no connection: is it running, and is {address} right?")
    if remaining() == 0:
        return Reason(False, f"not within {options}['{deadline}']")
    if isinstance(error, requests.Timeout) or _caused_by(error, TimeoutError):
        return Reason(False, f"not in time: look at {options}['timeout']")
    return Reason(False, f"the connection broke, or it speaks no HTTP. Is {address} right?")


def is_final(error: Exception) -> bool:
    """Return whether repeating the request is useless: settings or the gateway's answer have to
    change."""
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


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and the exceptions that it wraps or that caused it."""
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
    """Return the TLS error among an exception's causes, or None. A cut connection is no TLS
    error."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError) and not isinstance(
            cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)
        ):
            return cause
    return None


def _is_refused(tls: ssl.SSLError | None, error: Exception) -> bool:
    """Return whether the TLS handshake failed, so that no request was sent. With TLS 1.3, a server
    rejects the client's certificate only after the handshake."""
    return tls is not None and (_never_connected(error) or _is_about_cert(tls.reason or ""))


def _is_about_cert(reason: str) -> bool:
    return "ALERT" in reason and ("CERT" in reason or "HANDSHAKE" in reason or "CA" in reason)


def _tls_hint(error: ssl.SSLError, address: str, options: str) -> str:
    reason = error.reason or ""
    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted, {error.verify_message.rstrip('.')}. Look at "
            f"{options}['verify'] (a file of trusted certificates) and at {address}"
        )
    if _is_about_cert(reason):
        return (
            f"it refuses our certificate, {reason}: look at {options}['cert'] (certificate and key)"
        )
    if reason in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST"):
        return f"it speaks no TLS: should {address} begin with http:// instead of https://?"
    return (
        f"TLS failed, {reason or type(error).__name__}: look at {options}['verify'] and "
        f"['cert'], and at {address}"
    )


def _never_connected(error: Exception) -> bool:
    if isinstance(error, requests.ConnectTimeout):
        return True
    return _caused_by(
        error,
        urllib3.exceptions.NewConnectionError,
        urllib3.exceptions.ConnectTimeoutError,
        urllib3.exceptions.ClosedPoolError,  # another thread has closed the connections
    )


def host_of(url: str) -> str:
    parts = urllib3.util.parse_url(url)
    return f"{parts.scheme}://{parts.netloc}"
