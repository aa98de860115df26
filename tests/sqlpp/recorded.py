"""What a query service answered to a test, kept in a file, and a server that answers it again.

With RECORD_URL, the address of a service that has an empty bucket ``test_documents`` and no scans
without an index, tests ask that one, and their files are written anew.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import requests

from tests.query_service.record import _VARYING
from tests.sync_gateway.faults.proxy import Request
from tests.sync_gateway.scripted import HTTP, reply

FOLDER = Path(__file__).with_name("answers")
_KEPT = ("statement", "prepared", "args")
_BUCKET = "test_documents"
#: What varies in a plan, besides what varies in every answer.
_IDS = (re.compile(r'"(index_id|optimizer_\w+)": ?"[^"]*"'), r'"\1":""')


class Recorded(HTTP):
    """It answers each request as the service did when the file was written, in the same order."""

    def __init__(self, path: Path, service: str | None) -> None:
        self._service = service
        self.answers: list[dict[str, Any]] = []
        if service is None:
            self.answers = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        self._place = 0
        super().__init__(self.answer)

    def answer(self, request: Request) -> bytes:
        asked = {key: value for key, value in request.json.items() if key in _KEPT}
        if self._service is not None:
            self.answers.append(_asked_now(self._service, asked, request.json))
            return reply(self.answers[-1]["body"].encode(), self.answers[-1]["status"])
        found = self.answers[self._place]
        self._place += 1
        assert found["asked"] == asked
        return reply(found["body"].encode(), found["status"])


def _asked_now(service: str, asked: dict[str, Any], sent: dict[str, Any]) -> dict[str, Any]:
    answer = requests.post(f"{service}/query/service", json=sent, timeout=60)
    body = answer.content.decode()
    for pattern, text in (*_VARYING, _IDS):
        body = pattern.sub(text, body)
    return {"asked": asked, "status": answer.status_code, "body": body}


@contextmanager
def recorded(name: str) -> Iterator[Recorded]:
    """The server of one test."""
    path, service = FOLDER / f"{name}.jsonl", os.environ.get("RECORD_URL")
    if service:
        requests.post(f"{service}/_flush/{_BUCKET}?indexes=1", timeout=60).raise_for_status()
    with Recorded(path, service) as server:
        yield server
    if service:
        FOLDER.mkdir(exist_ok=True)
        lines = [json.dumps(answer, ensure_ascii=False) + "\n" for answer in server.answers]
        path.write_text("".join(lines), encoding="utf-8")
    else:
        assert server._place == len(server.answers)
