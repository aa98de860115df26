"""A multipart body with very many attachments: they are in one file, and each is found at once."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import random
from pathlib import Path

from django_cbtools.embedded.api import edits
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from tests.gateway.attachments.client import multipart

COUNT = 1500
FILES = Path("/proc/self/fd")


def _ask(method, path, body=b"", content_type=""):
    read = io.BytesIO(body).read
    headers = {"content-type": content_type}
    return respond(Call("admin", "default", method, path, headers=headers, read=read))


def test_they_take_one_open_file(db, monkeypatch):
    monkeypatch.setattr(edits, "CHUNK", 10)  # what is larger goes to the disk
    counts = []
    receive = edits.Upload.receive

    def counted(pieces, file):
        upload = receive(pieces, file)
        counts.append(len(os.listdir(FILES)))
        return upload

    monkeypatch.setattr(edits.Upload, "receive", counted)
    chance = random.Random(1)
    # Some of them are the same, and some are empty.
    contents = [chance.randbytes(chance.choice([0, 1, 30, 31])) for _ in range(COUNT)]
    given = {
        f"a{number}": {
            "follows": True,
            "digest": f"sha1-{base64.b64encode(hashlib.sha1(data).digest()).decode()}",
        }
        for number, data in enumerate(contents)
    }
    sent = multipart({"_attachments": given}, *contents)
    before = len(os.listdir(FILES))
    answer = _ask("PUT", "/test_documents/many", sent["body"], sent["headers"]["Content-Type"])
    assert answer.status == 201, answer.body
    assert len(counts) == COUNT
    assert max(counts) < before + 10
    for number, data in enumerate(contents[:50]):
        answer = _ask("GET", f"/test_documents/many/a{number}")
        assert b"".join(answer.chunks()) == data
