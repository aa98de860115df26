"""Converts failed requests and error responses to exceptions.

Messages only contain the scheme, host and port of an address, since the rest may be a login.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

import requests

from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayException,
    SyncGatewayUnavailable,
    shown,
)

from ..options import ADMIN
from ..transport import transport
from ..transport.addresses import Address
from ..transport.failures import PROXY, host_of, why_no_answer
from ..transport.transport import SETTINGS

LOST = SyncGatewayAnswerLost
#: The statuses of a gateway, or of a proxy in front of it, that is busy: they mean "again later".
#: They leave open whether a write was done.
BUSY = frozenset((429, 502, 503, 504))


class Asked(NamedTuple):
    """A request, as error messages describe it."""

    port: str
    address: Address
    method: str
    path: str
    uid: str | None
    is_read: bool

    @property
    def line(self) -> str:
        line = f"{self.method} {self.path.partition('?')[0]}"
        # The URL of a POST request does not name the document.
        return (
            f"{line} of document {shown(self.uid)}" if self.uid and self.method == "POST" else line
        )

    @property
    def lost(self) -> type[SyncGatewayUnavailable]:
        """The exception class to raise if the request may have reached the gateway."""
        return SyncGatewayUnavailable if self.is_read else LOST

    @property
    def setting(self) -> str:
        return SETTINGS[self.port]


def no_answer(error: Exception, asked: Asked) -> SyncGatewayUnavailable:
    """Return the exception for a request without a response."""
    never_sent, why = why_no_answer(error, asked.setting, "SYNC_GATEWAY_OPTIONS", "deadline")
    kind = SyncGatewayUnavailable if never_sent else asked.lost
    return kind(
        f"The gateway at {host_of(asked.address.url)} did not answer {asked.line}: {why} "
        f"({type(error).__name__}).",
        uid=asked.uid,
    )


def refused(response: requests.Response, asked: Asked) -> SyncGatewayException:
    """Return the exception for an error response."""
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
        # A conflict may be the gateway's, with an answer that was cut, or another server's page.
        kind = asked.lost
    elif not is_ours and status < 500 and status not in (401, 403):
        # A missing page is not a missing document.
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
    user = transport.login()
    if status == 401 and user is not None:
        return (
            f"The name {shown(user.name)} or the password given to as_user() is wrong, or "
            "SYNC_GATEWAY_BUCKET names no database."
        )
    if status == 401:
        # A public port gives the same answer for a database that does not exist.
        return f"Look at {login}_USER and {login}_PASSWORD, and at SYNC_GATEWAY_BUCKET."
    if status == 407:
        return f"This is a proxy's answer: {PROXY}."
    if is_ours and asked.uid:
        return next_step(status, reason)
    if status == 403 and is_ours:
        return f"Look at what {_asker(login)} may do."
    if not is_ours:
        return f"This is no gateway's answer: look at {asked.setting}, and at proxies on the way."
    return ""


def next_step(status: int, reason: str) -> str:
    """Return advice about a document that the gateway refuses, or '' if its reason says enough."""
    if status == 409 and reason == "Document exists":
        return "There is one under this uid: load that, or give the new one another uid."
    if status == 404 and reason == "deleted":
        return "Somebody has deleted it. A document with this uid and no rev makes it again."
    if status == 403:
        asker = _asker("SYNC_GATEWAY")
        return f"Look at the channels of {asker} and of the document, and at the sync function."
    return _NEXT.get(status, _LATER if status >= 500 or status in BUSY else "")


def _asker(login: str) -> str:
    """Return the name of the user of as_user(), or the setting that names the user."""
    user = transport.login()
    return f"{login}_USER" if user is None else shown(user.name)


_LATER = "The gateway has failed, or is busy: look at its log, and try again later."
_NEXT = {
    404: "Look at its uid: it may have been deleted, or purged.",
    409: "Somebody has written or deleted it: load it again, apply the change, and save.",
    413: "Take something out of it, or store that in an attachment or in another document.",
}


def redirected(response: requests.Response, asked: Asked) -> SyncGatewayUnavailable:
    """Return the exception for a redirect that cannot be followed: it has no valid target, or a
    status such as 302 that would change the request's method."""
    try:
        target = host_of(urljoin(response.url, response.headers.get("Location", "")))
    except ValueError:
        target = "no address"
    return SyncGatewayUnavailable(
        f"{asked.line} was redirected to {target}, but not in a way ({response.status_code}) that "
        f"keeps the request: put the gateway's own address into {asked.setting}.",
        status=response.status_code,
        uid=asked.uid,
    )


def add_out_of_time(error: SyncGatewayException) -> None:
    """Add to an exception's message that there was no time for another attempt."""
    why = "There is no time to try again within SYNC_GATEWAY_OPTIONS['deadline']."
    error.args = (f"{error} {why}",)


def no_json(url: str, status: int) -> str:
    """Return the message about a successful answer that is no JSON, so that no gateway can have
    sent it."""
    return no_gateways(url, status, "is no JSON: it does not come from a gateway, or was cut short")


def no_gateways(url: str, status: int, what: str = "does not come from a gateway") -> str:
    """Return the message about a successful answer that is JSON, but that no gateway can have
    sent."""
    setting = "SYNC_GATEWAY_URL (or SYNC_GATEWAY_ADMIN_URL)"
    return (
        f"The answer from {host_of(url)} to {urlsplit(url).path} ({status}) {what}. Look at "
        f"{setting}, and at proxies on the way."
    )
