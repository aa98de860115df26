"""What may be said of an answer to any request: it is HTTP as it should be, and nobody's crash."""

from __future__ import annotations

import gzip
import json
import re
from typing import Any
from urllib.parse import unquote

from tests.gateway.fuzz.known import DATABASE, Known
from tests.gateway.fuzz.wire import Reply, Request

#: What a real gateway, too, answers with 500 or 503 (tests/transcripts), and what we do not do;
#: the views' functions are their authors' business.
ALLOWED = {
    500: r"Internal error: ((couldn't get OCC value from request: )?ETag value is not quoted|"
    r"couldn't get OCC value from request: 400 |"
    r"UpdatePrincipal: cannot create principal with empty name$|Failure adding Rev to RevTree$|"
    r"must either specify all OIDC properties or none$|query_pagination_limit: |"
    r"user_xattr_key is only supported in enterpise edition$|parsing time |Time\.UnmarshalJSON: |"
    r"invalid (limit|skip|group_level) parameter in view query|unknown keyspace format: |"
    r"keyspace fields cannot be empty: |default collection is not configured on this database$|"
    r"couldn't redact global sync data: |"
    r"_repair endpoint disabled|_(sum|stats) wants numbers|the reduce function of |"
    r"the map function of )|Exception in JS sync function$|JS sync function timed out$|"
    r"Error in JS sync function$|bucket does not support views$|I only speak BLIP_3\+CBMobile",
    501: r"The embedded gateway does not do |The request's head cannot be read: ",
    503: r"DB is (currently under maintenance|Offline|Starting|Stopping|Resyncing)|"
    r"Database must be _offline before calling _resync|Database _resync |Process (already|current)",
    505: r"",
}


class Wrong(AssertionError):
    """An answer that must not be."""


def check(request: Request, reply: Reply, known: Known) -> None:
    """Raise Wrong where an answer is not as any answer has to be; learn from it otherwise."""
    if reply.status == 0:
        if not (request.is_broken or request.leaves or request.waits):
            raise Wrong("the connection was closed without an answer")
        return
    for name, value in reply.headers:
        if not name.isascii() or re.search(r"[\0-\x1f\x7f]", name + value):
            raise Wrong(f"header {name!r}: {value!r}")
    if reply.status >= 500:
        _check_failure(request, reply)
    if request.sent_method == "HEAD" or reply.status in (204, 304):
        if reply.body:
            raise Wrong("a body where none may be")
        return
    document = re.match(rf"/{DATABASE}/([^/?]+)", request.target)
    if request.method == "GET" and reply.status == 404 and document:
        known.forget(unquote(document[1]))
    if request.method == "GET" and request.route.endswith("{attachment}") and reply.status < 300:
        return  # it says what it is itself
    body = _unpacked(reply.header("Content-Encoding"), reply.body)
    content_type = reply.header("Content-Type")
    if content_type.startswith("application/json"):
        _check_json(reply.status, body, known)
    elif "/_changes" in request.target and content_type == "application/octet-stream":
        # A continuous feed: a value in each line, empty ones to keep the connection alive.
        known.learn([_json(line) for line in body.splitlines() if line.strip()])
    elif content_type.startswith("multipart/"):
        known.learn([_json(part) for part in _documents(content_type, body)])
    elif b"Traceback" in body:
        raise Wrong("a traceback")


def _check_failure(request: Request, reply: Reply) -> None:
    if reply.status not in ALLOWED:
        raise Wrong(f"status {reply.status}")
    if request.sent_method == "HEAD" or reply.status == 505:
        return
    is_text = reply.header("Content-Type").startswith("text/plain")  # what phones are told
    reason = reply.body.decode() if is_text else str(json.loads(reply.body)["reason"])
    if not re.match(ALLOWED[reply.status], reason):
        raise Wrong(f"status {reply.status}")


def _unpacked(encoding: str, data: bytes) -> bytes:
    return gzip.decompress(data) if encoding == "gzip" else data


def _check_json(status: int, body: bytes, known: Known) -> None:
    value = _json(body)
    if status >= 400 and (not isinstance(value, dict) or not {"error", "reason"} <= value.keys()):
        raise Wrong("an error without `error` and `reason`")
    known.learn(value)


def _json(data: bytes) -> Any:
    def refuse(constant: str) -> None:
        raise Wrong(f"{constant} is no JSON")

    def number(text: str) -> float:
        return int(text) if len(text) < 20 else float(text)  # Python refuses very long ones

    return json.loads(data.decode(), parse_int=number, parse_constant=refuse) if data else None


def _documents(content_type: str, body: bytes) -> list[bytes]:
    """The JSON parts of a multipart body, those of inner ones too; raises Wrong."""
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not found:
        raise Wrong(f"no boundary in {content_type!r}")
    boundary = b"--" + found[1].encode()
    first, *parts = (b"\r\n" + body).split(b"\r\n" + boundary)
    if first.strip() or not parts or parts[-1].strip() != b"--":
        raise Wrong("a multipart body without its first or last boundary")
    documents = []
    for part in parts[:-1]:
        head, blank, content = part.partition(b"\r\n\r\n")
        if not blank or not head.startswith(b"\r\n"):
            raise Wrong(f"a part without an end of its headers: {part[:200]!r}")
        lines = (line.partition(":") for line in head.decode().splitlines()[1:])
        headers = {name.lower(): value.strip() for name, _, value in lines}
        inner = headers.get("content-type", "")
        if inner.startswith("multipart/"):
            documents += _documents(inner, content)
        elif inner.startswith("application/json") and "content-disposition" not in headers:
            documents.append(_unpacked(headers.get("content-encoding", ""), content))
    return documents
