"""A program that writes documents into the embedded gateway, and asks a view after each batch.

Usage: python -m tests.gateway.v8.writer FILE PREFIX TEXTS, where TEXTS is a JSON list
of lists: the keys of each batch of documents. It begins when it reads a line, and
prints the view's rows in the end.
"""

from __future__ import annotations

import json
import sys

import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django_cbtools.backends.embedded", "NAME": sys.argv[1]}},
    INSTALLED_APPS=["django_cbtools"],
    SYNC_GATEWAY_BUCKET="test_documents",
    COUCHBASE_STALE=False,
)
django.setup()

from tests.gateway.v8.helpers import put_view, rows, write  # noqa: E402

put_view("function (doc, meta) { emit(doc.text, null); }")
print("ready", flush=True)
sys.stdin.readline()
for number, texts in enumerate(json.loads(sys.argv[3])):
    write({f"{sys.argv[2]}{number}-{n}": {"text": text} for n, text in enumerate(texts)})
    rows()
print(json.dumps([[row.key, row.id] for row in rows()]), flush=True)
