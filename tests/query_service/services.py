"""Services as a DATABASES entry names them, and answers of servers that do as they are told."""

from __future__ import annotations

import json
from typing import Any

from django_cbtools.query_service import Service, connect
from tests.sync_gateway.scripted import SECRET, USER


def service(*places: Any, port: Any = "", **options: Any) -> Service:
    """The service at addresses, or servers; what is tried again is so at once."""
    host = ",".join(getattr(place, "url", place) for place in places)
    entry = {"HOST": host, "PORT": port, "NAME": "cbtools", "USER": USER, "PASSWORD": SECRET}
    return connect({**entry, "OPTIONS": {"backoff": 0, **options}})


def body(*rows: Any, status: str = "success", **members: Any) -> bytes:
    """An answer's, as the service writes it."""
    head = {"requestID": "r", "signature": "json"}
    lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
    lines.append('"results": [\n' + ",\n".join(map(json.dumps, rows)) + "\n]")
    members["status"] = status
    lines += [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in members.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode()
