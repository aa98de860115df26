"""Where phones sync, and what they write."""

from __future__ import annotations

import base64

from django_cbtools.sync_gateway.calls.client import ADMIN, loads, request

#: How each server is started, and where it says that its public API is.
SERVERS = {
    "run_sync_gateway": (
        ["run_sync_gateway", "--port", "0", "--admin-port", "0"],
        r"Public API: (http://\S+)/test_documents/\n",
        "",
    ),
    "runserver": (
        ["runserver", "--noreload", "127.0.0.1:0"],
        r"development server at (http://\S+)/\n",
        "/sync",
    ),
}


def everywhere(test):
    """What depends on the server: on what it makes of addresses, streams and connections. The rest
    is asked of the first one alone, unless TORTURE=1 is set."""
    test.is_everywhere = True
    return test


def phones_article(number=1, channels=("news",), **members):
    return {
        "_id": f"atl_{number}",
        "doc_type": "article",
        "channels": list(channels),
        "title": f"Article {number}",
        **members,
    }


def as_stored(uid, **query):
    """A document as the admin API has it."""
    return loads(request(ADMIN, "GET", uid, query=query))


def as_attachment(data, content_type="application/octet-stream"):
    return {"content_type": content_type, "data": base64.b64encode(data).decode()}


def edit_on(phone, uid, **members):
    """Change a document on the phone, or (``_deleted=True``) delete it; its new revision."""
    return phone.local("put", {**phone.local("get", uid), **members})["rev"]
