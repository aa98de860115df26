"""Two databases that replicate with each other, and what is asked of them."""

from __future__ import annotations

import base64
import io
import json
from urllib.parse import quote

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.blip.active.task import PULL, PUSH, Part, Task
from django_cbtools.embedded.http.messages import Call
from django_cbtools.embedded.server.replicators import process
from django_cbtools.embedded.server.replicators.remote import Remote

PASSWORD = "password"


class Side:
    """A database of the embedded gateway."""

    def __init__(self, name):
        self.name = name

    def ask(self, method, path, body=None, status=None, **query):
        text = self.text(method, path, body, status, **query)
        return json.loads(text) if text else None

    def text(self, method, path, body=None, status=None, **query):
        data = b"" if body is None else json.dumps(body).encode()
        pairs = "&".join(f"{key}={quote(str(value))}" for key, value in query.items())
        call = Call(
            "admin", "default", method, f"/{self.name}{path}", pairs, read=io.BytesIO(data).read
        )
        answer = respond(call)
        text = b"".join(answer.chunks())
        if status is None:
            assert answer.status in (200, 201), text
        else:
            assert answer.status == status, text
        return text

    def put(self, uid, rev=None, **body):
        query = {"rev": rev} if rev else {}
        return self.ask("PUT", f"/{uid}", {"channels": ["a"], **body}, **query)["rev"]

    def put_many(self, documents):
        rows = self.ask("POST", "/_bulk_docs", {"docs": documents})
        assert not [row for row in rows if "error" in row]

    def delete(self, uid, rev):
        return self.ask("DELETE", f"/{uid}", rev=rev)["rev"]

    def get(self, uid, **query):
        return self.ask("GET", f"/{uid}", **query)

    def documents(self):
        """Each document as it is shown, but for what is each side's own; without tombstones."""
        rows = self.ask("GET", "/_all_docs", include_docs="true")["rows"]
        found = {}
        for row in rows:
            document = {key: value for key, value in row["doc"].items() if key != "_cv"}
            for meta in document.get("_attachments", {}).values():
                meta.pop("revpos")
            found[row["id"]] = document
        return found

    def attachment(self, uid, name):
        return self.text("GET", f"/{uid}/{name}")


def data(text, kind="text/plain"):
    return {"data": base64.b64encode(text).decode(), "content_type": kind}


class Pair:
    """Our side, the other side, and replications between them."""

    def __init__(self, urls, *, config=None):
        self.url = urls[0]
        self.ours, self.theirs = Side("test_documents"), Side("theirs")
        self.theirs.ask("PUT", "/", config or {}, status=201)
        self.theirs.ask(
            "PUT", "/_user/rep", {"password": PASSWORD, "admin_channels": ["*"]}, status=201
        )

    def remote(self, user="rep", password=PASSWORD):
        return Remote.parse(f"{self.url}/{self.theirs.name}", user, password)

    def replicate(self, *directions, tell=lambda replicators: None, remote=None, **options):
        """Replicate once: the counts of each direction, and the revisions that were refused."""
        remote = remote or self.remote()
        parts = options.pop("parts", None) or (Part(channels=options.pop("channels", ())),)
        tasks = [
            Task("test", direction, remote.name, parts, **options)
            for direction in directions or (PULL, PUSH)
        ]
        refused = []
        done = process.replicate("default", self.ours.name, tasks, remote, tell, refused.append)
        return [one.counts for one in done], refused

    def assert_equal(self):
        ours, theirs = self.ours.documents(), self.theirs.documents()
        assert ours == theirs
        return ours
