"""The gateway as a Django view, for a URLconf."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any
from urllib.parse import quote, unquote

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.request import UnreadablePostError
from django.http.response import HttpResponseBase
from django.urls import URLPattern, re_path
from django.utils.cache import patch_cache_control
from django.views.decorators.csrf import csrf_exempt

from django_cbtools import conf

from ..api.gateway import respond
from ..errors import bad_request
from ..http.messages import Call

#: Where WSGI servers put the path as the client sent it (PATH_INFO has lost escaped slashes).
_RAW_PATHS = ("RAW_URI", "REQUEST_URI", "UNENCODED_URL")
_SLASH = re.compile("%2f", re.IGNORECASE)


class _Everything(Container[Any]):
    def __contains__(self, item: object) -> bool:
        return True


def urlpatterns(port: str) -> list[URLPattern]:
    """The URL patterns of one of the gateway's ports."""
    return [re_path(r"^(?P<path>.*)\Z", _view(port))]


def _view(port: str) -> Callable[..., HttpResponseBase]:
    @csrf_exempt
    def gateway(request: HttpRequest, path: str) -> HttpResponseBase:
        return _respond(port, request, path)

    # The gateway has its own users, and its own transactions: one that a long poll held open
    # would keep everybody else from writing.
    gateway.login_required = False  # type: ignore[attr-defined]
    gateway._non_atomic_requests = _Everything()  # type: ignore[attr-defined]
    return gateway


def _respond(port: str, request: HttpRequest, path: str) -> HttpResponseBase:
    mount, raw_path, is_raw = _split(request, path)
    call = Call(
        port=port,
        alias=conf.document_alias(),
        method=request.method or "GET",
        path=raw_path,
        query_string=request.META.get("QUERY_STRING", ""),
        headers={name.lower(): value for name, value in request.headers.items()},
        read=_Body(request).read,
        mount=mount,
        is_raw=is_raw,
    )
    answer = respond(call)
    response_class = HttpResponse if answer.stream is None else StreamingHttpResponse
    response: HttpResponseBase = response_class(
        answer.body if answer.stream is None else answer.stream,
        status=answer.status, reason=answer.phrase, headers=answer.headers,
    )  # fmt: skip
    if answer.stream is not None and answer.length is not None:
        response["Content-Length"] = str(answer.length)
    if "Content-Type" not in answer.headers:
        del response["Content-Type"]
    # The site's cache would show to one user what another has read.
    patch_cache_control(response, private=True, max_age=0)
    return response


class _Body:
    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        length = request.META.get("CONTENT_LENGTH", "")
        self._remaining = int(length) if length.isdecimal() else 0

    def read(self, limit: int) -> bytes:
        try:
            # Not request.body: Django's limit on it is meant for forms.
            data = self._request.read(limit)
        except UnreadablePostError as error:
            raise bad_request(f"The request's body did not arrive: {error}") from None
        self._remaining -= len(data)
        if len(data) < limit and self._remaining > 0:
            raise bad_request("The request's body is shorter than its Content-Length")
        return data


def _split(request: HttpRequest, path: str) -> tuple[str, str, bool]:
    """What the gateway is mounted at, and the rest of the path; whether that is as it was sent."""
    mount = request.path[: len(request.path) - len(path)].rstrip("/")
    for name in _RAW_PATHS:
        segments = request.META.get(name, "").partition("?")[0].split("/")
        # Proxies and WSGI servers take prefixes away, or put them in front: what counts is that
        # it is the same path. (Cheroot leaves escaped slashes as they are.)
        for start in range(1, len(segments)):
            raw = "/".join(segments[start:])
            if path in (unquote(raw), "%2F".join(map(unquote, _SLASH.split(raw)))):
                return mount, "/" + raw, True
    return mount, "/" + quote(path), False
