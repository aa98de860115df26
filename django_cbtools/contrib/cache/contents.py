"""The conversion of a cache's values, JSON and pages, to members of a document and back."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase


def packed(key: str, value: Any) -> dict[str, Any]:
    """Return a value as members of a document. The JSON is a string, so that gateways do not change
    numbers or texts in it.

    Raises TypeError for a value that would be read as another one: JSON has no tuples, for
    instance, and no numbers as keys.
    """
    if isinstance(value, HttpResponseBase):
        return {"page": _page(key, value)}
    try:
        text = json.dumps(value, allow_nan=False)
        is_same = json.loads(text) == value
    except (TypeError, ValueError, RecursionError) as error:
        raise _refused(key, value, str(error)) from error
    if not is_same:
        raise _refused(key, value, "it would be read as another one")
    return {"value": text}


def unpacked(body: Mapping[str, Any]) -> Any:
    """Return the value that :func:`packed` has converted."""
    if "page" not in body:
        return json.loads(body["value"])
    page = body["page"]
    response = HttpResponse(
        base64.b64decode(page["content"]),
        status=page["status"],
        reason=page["reason"],
        headers=dict(page["headers"]),
    )
    response._charset = page["charset"]  # type: ignore[attr-defined]
    for cookie in page["cookies"]:
        response.cookies.load(cookie)
    return response


def _page(key: str, response: Any) -> dict[str, Any]:
    """Return the members for a page, which the cache middleware and ``cache_page`` store."""
    if response.streaming or not getattr(response, "is_rendered", True):
        raise _refused(key, response, "it is a response that is not there as a whole")
    return {
        "content": base64.b64encode(response.content).decode(),
        "status": response.status_code,
        "reason": response.reason_phrase,
        "charset": response._charset,
        "headers": [list(header) for header in response.items()],
        "cookies": [morsel.OutputString() for morsel in response.cookies.values()],
    }


def _refused(key: str, value: Any, why: str) -> TypeError:
    return TypeError(
        f"The value for the cache key {key!r}, a {type(value).__name__}, cannot be held by JSON: "
        f"{why}. Cache texts, numbers, booleans, None, and lists and dictionaries of these, with "
        "texts as keys."
    )
