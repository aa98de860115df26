"""A port of the gateway as a WSGI application."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from django.core.signals import request_finished, request_started
from django.db import connections

from django_cbtools import conf

from ..api.gateway import respond
from ..errors import GatewayError, bad_request
from ..http.messages import Answer, Call
from .request_body import Body

logger = logging.getLogger(__name__)

#: In a WSGI environment: what says whether the client has gone.
IS_GONE = "django_cbtools.is_gone"


class Application:
    """A port of the gateway as a WSGI application; ``alias`` as in DATABASES."""

    def __init__(self, port: str, alias: str | None = None) -> None:
        self.port = port
        self.alias = alias

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        call = self._call(environ)
        # Django's connections follow these signals: they close what is broken or too old.
        request_started.send(sender=self.__class__, environ=environ)
        try:
            answer = self._answer(call)
            headers = answer.sent_headers(call.method)
            start_response(f"{answer.status} {answer.phrase}", list(headers.items()))
            yield from answer.chunks()
        finally:
            # It is never too old: to open it takes longer than most requests.
            connections[call.alias].close_at = None
            request_finished.send(sender=self.__class__)

    def _answer(self, call: Call) -> Answer:
        try:
            return respond(call)
        except Exception:
            logger.exception("The embedded gateway failed: %s %r", call.method, call.path)
            answer = Answer.of_error(GatewayError(500, "Internal error: look at the server's log"))
            return answer.without_body() if call.method == "HEAD" else answer

    def _call(self, environ: dict[str, Any]) -> Call:
        headers = {
            name[5:].replace("_", "-").lower(): value
            for name, value in environ.items()
            if name.startswith("HTTP_")
        }
        headers["content-type"] = environ.get("CONTENT_TYPE", "")
        return Call(
            port=self.port,
            alias=self.alias or conf.document_alias(),
            method=environ["REQUEST_METHOD"],
            path=environ["REQUEST_URI"].partition("?")[0],
            query_string=environ["QUERY_STRING"],
            headers=headers,
            read=lambda limit: _read(environ["wsgi.input"], limit),
            is_gone=environ[IS_GONE],
        )


def _read(body: Body, limit: int) -> bytes:
    try:
        return body.read(limit)
    except TimeoutError:
        raise GatewayError(408, "The request's body did not arrive") from None
    except (OSError, ValueError) as error:
        raise bad_request(f"The request's body cannot be read: {error}") from None
