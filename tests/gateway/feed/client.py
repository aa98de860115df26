"""A client of the change feed."""

from __future__ import annotations

import io
import json
from base64 import b64encode
from urllib.parse import quote

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call

DB = "/test_documents"
PASSWORD = "password"


def login(name):
    return {"authorization": "Basic " + b64encode(f"{name}:{PASSWORD}".encode()).decode()}


def call(method, path, body=None, *, user=None, **query):
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    return Call(
        "public" if user else "admin", "default", method, DB + path,
        "&".join(f"{name}={quote(str(value))}" for name, value in query.items()),
        login(user) if user else {}, read=io.BytesIO(data).read,
    )  # fmt: skip


def ask(method, path, body=None, *, status=None, **options):
    answer = respond(call(method, path, body, **options))
    text = b"".join(answer.chunks())
    if status is None:
        assert answer.status in (200, 201), text
    else:
        assert answer.status == status, text
    return json.loads(text) if text else None


def put(uid, body=None, **query):
    return ask("PUT", f"/{uid}", body or {}, **query)["rev"]


def delete(uid, rev):
    return ask("DELETE", f"/{uid}", rev=rev)["rev"]


def allow(*channels, name="alice", **config):
    ask("PUT", f"/_user/{name}", {"password": PASSWORD, "admin_channels": channels, **config})


def read(user=None, **query):
    return ask("GET", "/_changes", user=user, **query)


def rows(user=None, **query):
    """The feed's rows, each as its sequence and document (and what it has left)."""
    return [
        (row["seq"], row["id"], *row.get("removed", ()), *(["-"] if "deleted" in row else ()))
        for row in read(user, **query)["results"]
    ]
