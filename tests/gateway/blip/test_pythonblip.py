"""A client that others wrote, pythonblip, pushes to the gateway and pulls from it."""

from __future__ import annotations

import json
import os
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlsplit

from tests import pip, programs
from tests.gateway.feed.client import DB, PASSWORD, allow, ask, put

HERE = Path(__file__).parent / "pythonblip"
#: Large enough for many frames, each of which it has to acknowledge.
LONG = os.urandom(300_000)


def test_pythonblip(http_gateway, tmp_path):
    folder = pip.install(HERE / "packages.txt")
    allow("a")
    for n in range(100):
        put(f"d{n}", {"channels": ["a"], "n": n, "text": "x" * n * 20})
    put("other", {"channels": ["b"]})
    meta = {"data": b64encode(LONG).decode(), "content_type": "image/png"}
    put("long", {"channels": ["a"], "_attachments": {"blob_/x": meta}})
    address = urlsplit(http_gateway.urls[0])
    arguments = [address.hostname, str(address.port), DB.strip("/"), "alice", PASSWORD]
    paths = os.pathsep.join(map(str, (folder, programs.ROOT)))
    programs.run(str(HERE / "program.py"), *arguments, str(tmp_path), PYTHONPATH=paths)
    assert ask("GET", "/pushed")["_rev"] == "1-abc"
    name = DB.strip("/")
    lines = (tmp_path / f"{name}.jsonl").read_text().splitlines()
    pulled = {uid: body for line in lines for uid, body in json.loads(line).items()}
    assert set(pulled) == {*(f"d{n}" for n in range(100)), "long", "pushed"}
    assert pulled["d99"] == {"channels": ["a"], "n": 99, "text": "x" * 99 * 20}
    assert pulled["pushed"] == {"channels": ["a"], "n": 1}
    assert (tmp_path / f"{name}_long.png").read_bytes() == LONG
