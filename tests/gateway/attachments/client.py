"""Who asks the gateway for documents with attachments, and what he sends and gets."""

from __future__ import annotations

import base64
import hashlib
import json
from email.parser import BytesParser
from urllib.parse import quote

import requests

from django_cbtools.sync_gateway.transport.in_process import SCHEME, InProcessAdapter

DB = "/test_documents"
JSON = {"Accept": "application/json"}


def b64(data):
    return base64.b64encode(data).decode()


def digest_of(data):
    return "sha1-" + b64(hashlib.sha1(data).digest())


def inline(data, content_type="text/plain"):
    return {"data": b64(data), "content_type": content_type}


class Client:
    """Somebody who asks; the admin API, if he has no password."""

    def __init__(self, public=f"{SCHEME}://public", admin=f"{SCHEME}://admin"):
        self.urls = (public, admin)
        self.http = requests.Session()
        self.http.trust_env = False
        self.http.headers["Accept-Encoding"] = "identity"
        self.http.mount(f"{SCHEME}://", InProcessAdapter(trusted=False))

    def ask(self, method, path, body=None, auth=None, **how):
        """The answer; a body that is no bytes is sent as JSON."""
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
        address = self.urls[auth is None] + DB + path
        return self.http.request(method, address, data=body, auth=auth, **how)

    def get(self, path, auth=None, **how):
        return self.ask("GET", path, auth=auth, **how)

    def save(self, uid, body, **how):
        """Write a document, which must be possible; its revision."""
        answer = self.ask("PUT", f"/{uid}", body, **how)
        assert answer.status_code == 201, answer.text
        return answer.json()["rev"]

    def attach(self, uid, name, data, rev="", **how):
        answer = self.ask("PUT", f"/{uid}/{quote(name, '')}", data, params={"rev": rev}, **how)
        assert answer.status_code == 201, answer.text
        return answer.json()["rev"]

    def read(self, uid, rev=""):
        """A document with its attachments: those as bytes, by name."""
        params = {"attachments": "true", **({"rev": rev} if rev else {})}
        answer = self.get(f"/{uid}", params=params, headers=JSON)
        assert answer.status_code == 200, answer.text
        shown = answer.json().get("_attachments", {})
        return {name: base64.b64decode(meta["data"]) for name, meta in shown.items()}


def multipart(body, *contents, boundary='--"b'):
    """What to send: a document, and attachments that follow."""
    text = json.dumps(body).encode()
    parts = [b"Content-Type: application/json\r\n\r\n" + text]
    parts += [b"\r\n" + data for data in contents]
    delimiter = b"--" + boundary.encode()
    data = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--"
    quoted = boundary.replace('"', '\\"')
    headers = {"Content-Type": f'multipart/related; boundary="{quoted}"'}
    return {"body": data, "headers": headers}


def parts_of(answer):
    """The parts of a multipart answer: headers, and content or parts."""
    head = f"Content-Type: {answer.headers['Content-Type']}\r\n\r\n".encode()
    return _unpacked(BytesParser().parsebytes(head + answer.content))


def _unpacked(message):
    return [
        (
            {n: v.encode("ascii", "surrogateescape").decode() for n, v in part.raw_items()},
            _unpacked(part) if part.is_multipart() else part.get_payload(decode=True),
        )
        for part in message.get_payload()
    ]


def branch(client):
    """Make a document with two leaves: the first revision, a tombstone, and the winner."""
    first = client.save("doc", {"_attachments": {"a": inline(b"1" * 300)}})
    body = {"_rev": first, "_deleted": True, "_attachments": {"t": inline(b"2")}}
    tombstone = client.save("doc", body)
    body = {"_revisions": {"start": 1, "ids": ["b"]}, "_attachments": {"b": inline(b"3" * 300)}}
    client.save("doc", body, params={"new_edits": "false"})
    return first, tombstone, "1-b"
