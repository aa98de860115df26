"""A query service that answers as a real one did: see :mod:`.record`."""

from __future__ import annotations

import json
import re
import ssl
from typing import Any

from tests.query_service.record import FILE
from tests.sync_gateway.faults.proxy import Request
from tests.sync_gateway.scripted import HTTP, Answer, reply

EXCHANGES: dict[str, dict[str, Any]] = {
    item["name"]: item for item in map(json.loads, FILE.read_text("utf-8").splitlines())
}
_PREPARE = re.compile(r"PREPARE `([^`]+)` AS (.*)", re.DOTALL)


def recorded(name: str, plan: str | None = None) -> bytes:
    """The answer of an exchange, which may tell the name of the plan that was made for it."""
    found = EXCHANGES[name]
    body = found["body"]
    if plan:
        body = body.replace('"signature"', f'"prepared": {json.dumps(plan)},\n"signature"', 1)
    return reply(body.encode(), found["status"])


class StandIn(HTTP):
    """It knows the statements of the recording, and keeps the plans of those that it prepares.

    ``plans`` are they, by name: it may forget them. ``asked`` is what it was asked for.
    """

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self.plans: dict[str, str] = {}
        super().__init__(self.answer, context)

    @property
    def asked(self) -> list[dict[str, Any]]:
        return [request.json for request in self.seen]

    def answer(self, request: Request) -> Answer:
        sent = request.json
        statement, plan = sent.get("statement"), None
        if statement is None:
            statement = self.plans.get(sent["prepared"])
            if statement is None:
                return recorded("4040")
        elif found := _PREPARE.fullmatch(statement):
            plan, statement = found.groups()
            if statement.startswith("EXPLAIN"):
                return recorded("3000, prepared")
            if self.plans.setdefault(plan, statement) != statement:
                return recorded("4060")
        for name, item in EXCHANGES.items():
            if item["statement"] == statement and item["args"] in (sent.get("args", []), []):
                return recorded(name, plan)
        raise AssertionError(f"nothing was recorded for {sent}")
