"""A query service beside a gateway: its bucket has what the gateway has, and some things beside.

Bodies alone are there, as Sync Gateway leaves them: revisions, attachments and expiry are in
metadata that the login may not read. Statements are answered by :mod:`.answering`, or, where
QUERY_URL names a real query service, by that one.
"""

from __future__ import annotations

import json
import os
import urllib.request
from typing import Any

from django.db import connections

from django_cbtools import conf
from tests.sync_gateway.faults.proxy import Request
from tests.sync_gateway.scripted import HTTP, Answer, reply

from .answering import answer, cas

QUERY_URL = os.environ.get("QUERY_URL")

#: What no query of documents may find: the gateway's own, another type's, and no objects.
OTHERS: dict[str, Any] = {
    "_sync:user:ann": {"name": "ann", "admin_channels": {"*": 1}},
    "_sync:seq": 42,
    "_sync:syncInfo": {"dataVersion": 1},
    "_sync:local:x": {"doc_type": "article", "title": "t", "st_deleted": False},
    "another": {"doc_type": "other", "title": "t", "channels": ["c"]},
    "a text": "article",
    "a list": ["article", {"doc_type": "article"}],
    "a number": 1,
    "nothing": None,
    "typed otherwise": {"doc_type": ["article"], "title": "t"},
}


class Bucket(HTTP):
    """``statements`` are what it was asked."""

    def __init__(self) -> None:
        self.statements: list[str] = []
        self.plans: dict[str, str] = {}
        self._documents: dict[str, Any] = {}
        super().__init__(self.answer)

    def answer(self, request: Request) -> Answer:
        self._documents = {**OTHERS, **_bodies()}
        sent = request.json
        statement = sent.get("statement") or self.plans[sent["prepared"]]
        if statement.startswith("PREPARE `"):
            name, _, statement = statement.removeprefix("PREPARE `").partition("` AS ")
            self.plans[name] = statement
        self.statements.append(statement)
        if QUERY_URL:
            return reply(self._forwarded(statement, sent))
        return reply(_answer_of(answer(statement, sent["args"], self._documents)))

    def _forwarded(self, statement: str, sent: dict[str, Any]) -> bytes:
        keyspace = f"`{conf.get('SYNC_GATEWAY_BUCKET')}`"
        self._ask({"statement": f"DELETE FROM {keyspace}"})
        pairs = [[key, json.dumps(value)] for key, value in self._documents.items()]
        upsert = f"UPSERT INTO {keyspace} (KEY k, VALUE v) SELECT p[0] AS k, DECODE_JSON(p[1]) AS v"
        self._ask({"statement": f"{upsert} FROM $1 AS p", "args": [pairs]})
        # A document that is as it was has the CAS that it had.
        ids = {key: cas(value) for key, value in self._documents.items()}
        return self._with_cas(self._ask({"statement": statement, "args": sent["args"]}), ids)

    def _with_cas(self, found: bytes, ids: dict[str, str]) -> bytes:
        answered = json.loads(found)
        assert answered["status"] == "success", answered
        for row in answered["results"]:
            for place, value in enumerate(row if isinstance(row, list) else ()):
                if isinstance(value, str) and value.startswith("cas:"):
                    row[place] = f"cas:{ids[row[0]]}"
        return json.dumps(answered).encode()

    def _ask(self, members: dict[str, Any]) -> bytes:
        url = f"{QUERY_URL}/query/service"
        body = json.dumps(members).encode()
        asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked) as found:
            answered: bytes = found.read()
        return answered


def _bodies() -> dict[str, Any]:
    """What the gateway has now; tombstones and what has expired are in no bucket."""
    with connections["default"].cursor() as cursor:
        cursor.execute(
            "SELECT uid, body FROM cbtools_documents WHERE keyspace = %s AND deleted = 0 "
            "AND (expires IS NULL OR expires > unixepoch())",
            [conf.get("SYNC_GATEWAY_BUCKET")],
        )
        found = {uid: json.loads(body) for uid, body in cursor.fetchall()}
    connections["default"].close()
    return found


def _answer_of(rows: list[Any]) -> dict[str, Any]:
    return {"requestID": "r", "signature": "json", "results": rows, "status": "success"}
