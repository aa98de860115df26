"""A site that has asked a view before its server forks; it answers with the process and the rows.

The environment variable DOCUMENTS is the SQLite file's name.
"""

from __future__ import annotations

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connections
from django.http import JsonResponse
from django.urls import path

settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django_cbtools.backends.embedded",
            "NAME": os.environ["DOCUMENTS"],
        }
    },
    INSTALLED_APPS=["django_cbtools"],
    ROOT_URLCONF=__name__,
    SYNC_GATEWAY_BUCKET="test_documents",
    COUCHBASE_STALE=False,
)
application = get_wsgi_application()

from tests.gateway.v8.helpers import ids, put_view, write  # noqa: E402


def add_document(request, text):
    """Write a document, so that the index has to be brought up to date."""
    write({f"{os.getpid()}-{text}": {"text": text}})
    return JsonResponse({"process": os.getpid(), "found": ids(key=text)})


urlpatterns = [path("<str:text>", add_document)]

put_view("function (doc, meta) { emit(doc.text, null); }")
write({"parent": {"text": "parent"}})
assert ids(key="parent") == ["parent"]
connections.close_all()
