"""`manage.py replicate` is killed at random, and goes on when it is started again."""

from __future__ import annotations

import base64
import hashlib
import os
import random
import signal
import subprocess
import sys
import time

import pytest
from django.db import connections

from tests.counts import TORTURE
from tests.programs import GUARD, ROOT

from .sides import PASSWORD, Pair, data

DOCUMENTS, ATTACHMENTS, KILLS = (5000, 500, 20) if TORTURE else (500, 50, 2)
#: Seconds after which the process is killed at the latest.
LONGEST = 1.5


def _start(pair, *options):
    """The command in a process of its own, with the same file, once it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-m", "django", "replicate", *options],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={
            **os.environ, "DJANGO_SETTINGS_MODULE": "tests.gateway.pouchdb.settings",
            "CBTOOLS_DATABASE": str(connections["default"].settings_dict["NAME"]),
            "SYNC_GATEWAY_REMOTE_URL": f"{pair.url}/{pair.theirs.name}",
            "SYNC_GATEWAY_REMOTE_USER": "rep", "SYNC_GATEWAY_REMOTE_PASSWORD": PASSWORD,
        },
    )  # fmt: skip
    assert process.stdout.readline().startswith("Replicating with ws://rep@127.0.0.1:")
    return process


def _written(prefix, choice):
    """Half of the documents, and half of the attachments."""
    for n in range(DOCUMENTS // 2):
        text = "x" * choice.randrange(99)
        document = {"_id": f"{prefix}{n}", "channels": ["a"], "n": n, "text": text}
        if n < ATTACHMENTS // 2:
            content = choice.randbytes(choice.choice((10, 1000, 100_000)))
            document["_attachments"] = {"blob_/x": data(content, "image/png")}
        yield document


@pytest.mark.torture
def test_both_sides_are_equal_in_the_end(http_gateway):
    pair, seed = Pair(http_gateway.urls), random.randrange(1 << 30) if TORTURE else 1
    print(f"seed {seed}")
    choice = random.Random(seed)
    for prefix, side in (("o", pair.ours), ("t", pair.theirs)):
        documents = list(_written(prefix, choice))
        for start in range(0, len(documents), 250):
            side.put_many(documents[start : start + 250])
    for _ in range(KILLS):
        process = _start(pair, "--pull", "--push")
        time.sleep(choice.uniform(0.05, LONGEST))
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = _start(pair, "--pull", "--push")
    said, _ = process.communicate(timeout=GUARD * (5 if TORTURE else 1))
    assert process.returncode == 0, said
    assert said.count("0 refused") == 2, said
    documents = pair.assert_equal()
    assert len(documents) == DOCUMENTS
    held = [uid for uid in documents if "_attachments" in documents[uid]]
    assert len(held) == ATTACHMENTS
    for uid in held:
        contents = {side.attachment(uid, "blob_%2Fx") for side in (pair.ours, pair.theirs)}
        assert len(contents) == 1
        digest = base64.b64encode(hashlib.sha1(contents.pop()).digest()).decode()
        assert documents[uid]["_attachments"]["blob_/x"]["digest"] == f"sha1-{digest}"


def test_it_stops_when_it_is_asked_to(pair):
    pair.theirs.put("t")
    process = _start(pair, "--pull", "--push", "--continuous")
    until = time.monotonic() + GUARD
    while "t" not in pair.ours.documents() and time.monotonic() < until:
        time.sleep(0.05)
    pair.ours.put("o")
    while "o" not in pair.theirs.documents() and time.monotonic() < until:
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=GUARD)
    assert process.returncode == 0, said
    assert "1 document and 0 attachments are pulled" in said
    assert "1 document and 0 attachments are pushed" in said
    assert pair.assert_equal()
    assert PASSWORD not in said
