"""A client of the query service's REST API, with pooled connections of one process."""

from __future__ import annotations

import logging
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3

from django_cbtools.sync_gateway import deadline
from django_cbtools.sync_gateway.calls.parsing import Answer, NotAnAnswer
from django_cbtools.sync_gateway.transport import addresses, failures
from django_cbtools.sync_gateway.transport.addresses import Address

from . import codes
from .asked import Asked
from .errors import Error, OperationalError, about
from .options import Options
from .plans import Plans
from .repeating import BUSY, Failed, repeated
from .rows import Rows

logger = logging.getLogger("django_cbtools.query_service")

_PATH = "/query/service"
_CHUNK = 256 * 1024
#: The number of seconds that the service has after the timeout to report it itself.
_GRACE = 2.0
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class Rest:
    """The services at ``options.urls``. The first one is used, and the next one if it does not
    answer."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._plans = Plans()
        self._session = session = requests.Session()
        session.headers["Accept"] = "application/json"
        session.headers["Content-Type"] = "application/json"
        addresses.set_up(session, options, "OPTIONS")
        login = addresses.basic(options.user, options.password)
        self._addresses = [addresses.address(session, url, login, "HOST") for url in options.urls]
        session.trust_env = False
        self._current = 0

    def query(self, asked: Asked) -> Rows:
        """Run a statement, and return its rows. Raise the exceptions of :mod:`.errors`."""
        return repeated(
            lambda: self._ask(asked, self._addresses[self._current]),
            self._options,
            asked.timeout + _GRACE,
        )

    def _ask(self, asked: Asked, address: Address) -> Rows:
        """Run a statement at one service, prepared if it is worth it. Raise Failed."""
        if not asked.prepared:
            return self._send(asked, address, {"statement": asked.statement})
        return self._plans.ask(
            asked.statement, address.url, lambda members: self._send(asked, address, members)
        )

    def _send(self, asked: Asked, address: Address, members: dict[str, Any]) -> Rows:
        seconds = max(deadline.remaining() - _GRACE, 0.001)
        request = requests.PreparedRequest()
        request.method, request.url = "POST", address.url + _PATH
        request.body = body = asked.body(seconds, **members)
        request.headers = address.headers.copy()
        request.headers["Content-Length"] = str(len(body))
        request.hooks = {}
        request._cookies = requests.cookies.RequestsCookieJar()  # type: ignore[attr-defined]
        adapter = self._session.get_adapter(request.url)
        clock = _Clock(deadline.remaining())
        connect = min(self._options.connect_timeout, seconds)
        sending = {**address.sending, "stream": True, "timeout": (connect, clock.left)}
        started = time.perf_counter()
        status: object = "no answer"
        try:
            with clock.running():
                response = adapter.send(request, **sending)
            status = response.status_code
            return self._rows(response, asked, address, clock)
        except _BROKEN as error:
            # Responses that break while rows are read are handled there.
            self._leave(address)
            why = failures.why_no_answer(error, "HOST", "OPTIONS", "timeout")
            raise Failed(
                self._failure(
                    f"did not answer: {why.text} ({type(error).__name__})", asked, address
                ),
                not failures.is_final(error) and (asked.readonly or why.never_sent),
            ) from error
        except Failed as failed:
            if failed.response is not None and failed.may_repeat:
                self._leave(address)
            raise
        finally:
            logger.debug(
                "POST %s %s: %s in %.1f ms", _PATH, asked.context_id, status,
                (time.perf_counter() - started) * 1000,
            )  # fmt: skip

    def _rows(
        self, response: requests.Response, asked: Asked, address: Address, clock: _Clock
    ) -> Rows:
        """Return the rows of a response that has begun. Raise Failed if it is an error."""
        if 300 <= response.status_code < 400:
            response.close()
            raise Failed(
                self._failure(
                    f"redirects ({response.status_code}): put the query service's own address into "
                    "HOST",
                    asked,
                    address,
                ),
                False,
            )
        pieces = response.iter_content(_CHUNK)

        def read() -> bytes:
            with clock.running():
                return next(pieces, b"")

        answer = Answer(read)
        try:
            return Rows(self._checked(response, answer, asked, address), answer.members)
        except Error as error:
            is_busy = error.code in codes.BUSY or response.status_code in BUSY
            may_repeat = asked.readonly and (is_busy or isinstance(error, _Cut))
            raise Failed(error, may_repeat, response) from error.__cause__

    def _checked(
        self, response: requests.Response, answer: Answer, asked: Asked, address: Address
    ) -> Generator[Any]:
        """Yield the rows of a response, and check that it ends without an error."""
        ok = response.status_code == 200
        try:
            yield from answer.rows()
        except _BROKEN as error:
            why = failures.why_no_answer(error, "HOST", "OPTIONS", "timeout")
            text = f"broke off its answer: {why.text} ({type(error).__name__})"
            raise self._failure(text, asked, address, _Cut) from error
        except (NotAnAnswer, RecursionError) as error:
            if ok:
                text = f"gave an answer that cannot be read: {error}"
                raise self._failure(text, asked, address, _Cut) from error
            raise self._refused(response, asked, address) from error
        finally:
            response.close()
        found, status = answer.members.get("errors"), answer.members.get("status")
        if found:
            raise codes.exception(found, asked.statement, asked.timeout)
        if not ok:
            raise self._refused(response, asked, address)
        if status != "success":
            raise self._failure(f"ended with status {status!r}", asked, address)

    def _refused(self, response: requests.Response, asked: Asked, address: Address) -> Error:
        """Return the exception for an error response that is not the query service's own."""
        status = response.status_code
        advice = {
            401: "Look at USER and PASSWORD",
            403: "Look at USER and PASSWORD, and at that user's roles",
            407: f"This is a proxy's answer: {failures.PROXY}",
        }.get(status, "This is no query service's answer: look at HOST, and at proxies on the way")
        return self._failure(f"answered {status}. {advice}", asked, address)

    def _failure(
        self, what: str, asked: Asked, address: Address, kind: type[Error] = OperationalError
    ) -> Error:
        return kind(
            about(f"The query service at {failures.host_of(address.url)} {what}.", asked.statement),
            statement=asked.statement,
        )

    def _leave(self, address: Address) -> None:
        """Use the next service from now on."""
        if self._addresses[self._current] is address:
            self._current = (self._current + 1) % len(self._addresses)


class _Cut(OperationalError):
    """The response has no end."""


class _Clock:
    """The time that is left to wait for a response. Time between two waits does not count."""

    def __init__(self, seconds: float) -> None:
        self.left = seconds

    @contextmanager
    def running(self) -> Generator[None]:
        started = time.monotonic()
        try:
            with deadline.within(max(self.left, 0.0)):
                yield
        finally:
            self.left -= time.monotonic() - started
