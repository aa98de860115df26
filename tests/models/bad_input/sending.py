"""Requests as a hostile client sends them, and all that is stored."""

from __future__ import annotations

import io
import json

from django.db import connection

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from django_cbtools.exceptions import CouchbaseModelError, SyncGatewayException

DB = "/test_documents"
OURS = (SyncGatewayException, CouchbaseModelError)
MEGABYTE = 1024 * 1024


def send(method, path, body=b"", *, port="admin", query="", **headers):
    """What the gateway answers to a request, in process: status, and the JSON of the body."""
    data = body if isinstance(body, bytes) else body.encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = respond(
        Call(port, "default", method, DB + path, query, names, read=io.BytesIO(data).read)
    )
    # Python's int() refuses very long texts.
    return answer.status, json.loads(answer.body, parse_int=as_int) if answer.body else None


def as_int(text):
    return int(text) if len(text) < 20 else float(text)


def everything():
    with connection.cursor() as cursor:
        cursor.execute("SELECT uid, rev, body, channels FROM cbtools_documents")
        documents = cursor.fetchall()
        cursor.execute("SELECT name, password, admin_channels, disabled FROM cbtools_users")
        return {*documents, *cursor.fetchall()}


def as_json(value):
    return json.dumps(value).encode()


def integrity_check():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
