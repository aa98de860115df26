"""Somebody who asks the embedded gateway in this process, on either port."""

from __future__ import annotations

import base64
import io
import json
from typing import Any
from urllib.parse import quote

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.answers import Answer
from django_cbtools.embedded.http.messages import Call

DB = "rules"


class Client:
    """A client of a port: of the public one with a name and a password."""

    def __init__(self, port: str = "admin", *login: str, **headers: str) -> None:
        self.port = port
        self.headers = dict(headers)
        if login:
            token = base64.b64encode(":".join(login).encode()).decode()
            self.headers["authorization"] = f"Basic {token}"

    def send(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        """Ask; a body that is no text goes as JSON, and so does a parameter."""
        text = body if isinstance(body, str) else "" if body is None else json.dumps(body)
        query_string = "&".join(
            f"{name}={quote(value if isinstance(value, str) else json.dumps(value), safe='')}"
            for name, value in query.items()
        )
        path = f"/{DB}{path}" if path.startswith("/") else f"/{path}"
        read = io.BytesIO(text.encode()).read
        return respond(
            Call(self.port, "default", method, path, query_string, self.headers, read=read)
        )

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, Any]:
        """The status of the answer, and its JSON."""
        answer = self.send(method, path, body, **query)
        text = b"".join(answer.chunks())
        return answer.status, json.loads(text) if text else None

    def get(self, path: str, **query: Any) -> tuple[int, Any]:
        return self.ask("GET", path, **query)

    def put(self, path: str, body: Any, **query: Any) -> tuple[int, Any]:
        return self.ask("PUT", path, body, **query)


ADMIN = Client()


def create_database(sync: str | None = None, **config: Any) -> None:
    """Make the database, or configure it anew."""
    config = {"bucket": DB, **config, **({"sync": sync} if sync is not None else {})}
    if ADMIN.put("/", config)[0] != 201:
        status, answer = ADMIN.put("/_config", config)
        assert status == 201, answer


def add_user(name: str, **config: Any) -> Client:
    """Make a user; he comes back as a client."""
    status, answer = ADMIN.put(f"/_user/{name}", {"password": "password", **config})
    assert status in (200, 201), answer
    return Client("public", name, "password")


def add_role(name: str, *channels: str) -> None:
    status, answer = ADMIN.put(f"/_role/{name}", {"admin_channels": list(channels)})
    assert status in (200, 201), answer


def channels_of(uid: str) -> list[str]:
    """The channels that a document is in."""
    _, answer = ADMIN.ask("POST", "/_all_docs", {"keys": [uid]}, channels=True)
    return sorted(answer["rows"][0]["value"].get("channels", []))


def function(body: str) -> str:
    """A sync function."""
    return f"function (doc, oldDoc, meta) {{ {body} }}"


def refused(uid: str = "a", body: Any = None, client: Client = ADMIN) -> tuple[int, str]:
    """How a write is refused: status and reason."""
    status, answer = client.put(f"/{uid}", {} if body is None else body)
    assert status >= 400, answer
    return status, answer["reason"]
