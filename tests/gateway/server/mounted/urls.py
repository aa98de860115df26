"""A site's urls with the public API in them, and how it is asked."""

from __future__ import annotations

import base64
import json

from django.db import connection
from django.http import HttpResponse
from django.urls import include, path

urlpatterns = [
    path("sync/", include("django_cbtools.embedded.urls.public")),
    path("page/", lambda request: HttpResponse(str(connection.in_atomic_block)), name="page"),
]

DB = "/sync/test_documents"
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"alice:alice's").decode()}
IDS = [
    "plain",
    "a/b",
    "a/b/c",
    "100%",
    "p/50%",
    "x%2Fy",
    "a b",
    "é",
    "🍺",
    "a?b",
    "a#b",
    "a+b",
    "a;b=c",
]


def put(client, uid, body, **extra):
    return client.put(
        f"{DB}/{uid}", json.dumps(body), content_type="application/json", headers=LOGIN, **extra
    )
