"""Sends one attempt of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests
import urllib3

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable

from ..transport import failures
from ..transport.transport import Transport
from ..transport.uploads import Upload
from . import errors, telemetry
from .matching import check_refusal


class Failed(Exception):
    """A failed attempt.

    ``error`` is the exception to raise. ``may_repeat`` is true if another attempt does no harm and
    may succeed. ``response`` is the error response, if there was one.
    """

    def __init__(
        self, error: SyncGatewayException, may_repeat: bool, response: requests.Response | None
    ) -> None:
        super().__init__(str(error))
        self.error = error
        self.may_repeat = may_repeat
        self.response = response


def ask(
    way: Transport,
    asked: errors.Asked,
    data: bytes | Upload | None,
    attempt: int,
    accept: str | None,
    *,
    headers: Mapping[str, str] | None = None,
    stream: bool = False,
) -> requests.Response:
    """Send a request once, and return the response if it is successful. Raise Failed if it is
    not."""
    url = asked.address.url
    try:
        with telemetry.sending(asked.method, url, asked.path, attempt) as answered:
            response = way.send(
                asked.address, asked.method, asked.path, data, accept,
                headers=headers, stream=stream,
            )  # fmt: skip
            answered(response)
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        way.leave(asked.port, asked.address)
        failure: Any = errors.no_answer(error, asked)
        # A request that was never sent may be sent again, whatever the error is.
        may_repeat = not failures.is_final(error) and type(failure) is not errors.LOST
        raise Failed(failure, may_repeat, None) from error
    if 300 <= response.status_code < 400:
        raise Failed(errors.redirected(response, asked), False, response)
    if 200 <= response.status_code < 300:
        if not asked.is_read and not _may_be_json(response.content):
            lost = errors.LOST(
                errors.no_json(response.url, response.status_code),
                status=response.status_code,
                uid=asked.uid,
            )
            raise Failed(lost, False, response)
        return response
    is_busy = response.status_code in errors.BUSY
    if is_busy:
        way.leave(asked.port, asked.address)
    try:
        check_refusal(response, asked.uid, asked.lost)
    except SyncGatewayUnavailable as wrong:
        raise Failed(wrong, False, response) from None
    raise Failed(errors.refused(response, asked), is_busy and asked.is_read, response)


def _may_be_json(content: bytes) -> bool:
    """Return whether the content may be a gateway's answer to a write: an object, a list, or
    empty."""
    return not content or content.lstrip()[:1] in (b"{", b"[")
