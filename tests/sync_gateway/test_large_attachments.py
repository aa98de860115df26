"""Attachments that are much larger than what may be in memory."""

from __future__ import annotations

import hashlib
import os
import secrets

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.counts import TORTURE
from tests.gateway.fuzz.process import ServerProcess
from tests.gateway.hostile.memory import Peak
from tests.testapp.models import CBArticle

MB = 1024 * 1024
SIZE = (200 if TORTURE else 20) * MB
#: What both sides may take beside what they take anyway.
MOST = (32 if TORTURE else 16) * MB


@pytest.fixture
def server(tmp_path, settings):
    file = tmp_path / "documents.sqlite3"
    with ServerProcess(file, module="tests.sync_gateway.large.server") as server:
        settings.SYNC_GATEWAY_URL, settings.SYNC_GATEWAY_ADMIN_URL = server.urls
        settings.COUCHBASE_DATABASE = "plain"
        settings.SYNC_GATEWAY_OPTIONS = {"deadline": 600}
        SyncGateway.put_admin_user()
        yield server


@pytest.mark.torture
def test_up_and_down(server, tmp_path):
    block, whole = secrets.token_bytes(MB), hashlib.sha1()
    path = tmp_path / "large"
    with path.open("wb") as file:
        for number in range(SIZE // MB):
            piece = block[number:] + block[:number]
            file.write(piece)
            whole.update(piece)
    article = CBArticle(title="t", channels=["c"])
    article.save()
    article.attachments.add("small", b"x").save()  # whatever is loaded once is loaded
    assert article.attachments["small"].read() == b"x"
    ours, theirs = Peak(os.getpid()), Peak(server.pid)
    idle = [peak.bytes() for peak in (ours, theirs)]
    with path.open("rb") as file:
        SyncGateway.put_attachment(article.uid, "large", file, rev=article.rev)
    read = hashlib.sha1()
    with SyncGateway.get_attachment(article.uid, "large") as contents:
        while piece := contents.read(MB):
            read.update(piece)
    assert read.digest() == whole.digest()
    more = [peak.bytes() - before for peak, before in zip((ours, theirs), idle, strict=True)]
    print(f"{SIZE // MB} MB up and down: {[round(each / MB, 1) for each in more]} MB more")
    assert max(more) < MOST
