"""A log line, and with OpenTelemetry a span, for each request."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import requests

logger = logging.getLogger("django_cbtools.sync_gateway")


@cache
def _tracer() -> Any:
    if find_spec("opentelemetry") is None or find_spec("opentelemetry.trace") is None:
        return None
    from opentelemetry import trace

    return trace.get_tracer("django_cbtools")


@contextmanager
def sending(
    method: str, url: str, path: str, resent: int
) -> Generator[Callable[[requests.Response], None], None, None]:
    """Log the request that is sent in this context. Pass the response to the function that it
    yields.

    The span's attributes are OpenTelemetry's conventions for HTTP clients. Neither ``url`` (scheme
    and host) nor ``path`` has a login in it.
    """
    started = time.perf_counter()
    answers: list[requests.Response] = []
    tracer = _tracer()
    try:
        if tracer is None:
            yield answers.append
        else:
            with _span(tracer, method, url, path, resent, answers):
                yield answers.append
    finally:
        logger.debug(
            "%s %s: %s in %.1f ms", method, path,
            answers[0].status_code if answers else "no answer",
            (time.perf_counter() - started) * 1000,
        )  # fmt: skip


@contextmanager
def _span(
    tracer: Any, method: str, url: str, path: str, resent: int, answers: list[requests.Response]
) -> Generator[None, None, None]:
    from opentelemetry.trace import SpanKind, StatusCode

    host = urlsplit(url)
    attributes: dict[str, str | int] = {
        "http.request.method": method,
        "url.full": url + path,
        "server.address": host.hostname or "",
    }
    port = host.port or {"http": 80, "https": 443}.get(host.scheme)
    if port:
        attributes["server.port"] = port
    if resent:
        attributes["http.request.resend_count"] = resent
    with tracer.start_as_current_span(method, kind=SpanKind.CLIENT, attributes=attributes) as span:
        try:
            yield
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            raise
        for answer in answers:
            span.set_attribute("http.response.status_code", answer.status_code)
            if answer.status_code >= 400:
                span.set_attribute("error.type", str(answer.status_code))
                span.set_status(StatusCode.ERROR)
