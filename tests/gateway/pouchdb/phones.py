"""Phones with PouchDB, which run in Node, as tests see them."""

from __future__ import annotations

import json
import subprocess
from itertools import count
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent


class PouchError(Exception):
    """What PouchDB throws: ``name``, ``status``, ``message``, and ``result`` of a replication."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error.get("message") or error)
        self.__dict__.update(error)


class Phones:
    """A Node process with phones in it; ``url`` is that of their remote database."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._numbers = count()
        self._node = subprocess.Popen(
            ["node", FOLDER / "phones.js"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, **call: Any) -> Any:
        self._node.stdin.write(json.dumps(call) + "\n")
        self._node.stdin.flush()
        answer = json.loads(self._node.stdout.readline())
        if "error" in answer:
            raise PouchError(answer["error"])
        return answer["value"]

    def phone(self, name: str | None, password: str | None = None, *, plain: bool = False) -> Phone:
        """A new phone of a user; without one, it has the cookies that all phones share."""
        number = f"phone{next(self._numbers)}"
        auth = {"username": name, "password": password} if name else None
        self.ask(phone=number, method="open", args=[self.url, auth, plain])
        return Phone(self, number)

    def log_in(self, **login: str) -> int:
        """The status of the answer; the cookie is for phones without a user."""
        return self.ask(method="log in", args=[f"{self.url}/_session", login])

    def throw_away(self) -> None:
        """Stop what phones are doing, and forget them."""
        self.ask(method="throw away")

    def stop(self) -> int:
        """The process ends as soon as it has nothing to do any more; its exit status."""
        self._node.stdin.close()
        status = self._node.wait()
        self._node.stdout.close()
        return status


class Phone:
    """A local database, and the remote one that it is replicated with.

    ``phone.local("put", {...})`` is PouchDB's ``put()``, and so on.
    """

    def __init__(self, phones: Phones, name: str) -> None:
        self._phones = phones
        self._name = name

    def _ask(self, method: str, *args: Any, database: str = "") -> Any:
        return self._phones.ask(phone=self._name, database=database, method=method, args=args)

    def local(self, method: str, *args: Any) -> Any:
        return self._ask(method, *args, database="local")

    def remote(self, method: str, *args: Any) -> Any:
        return self._ask(method, *args, database="remote")

    def push(self, **options: Any) -> Any:
        return self._ask("replicate", "to", options)

    def pull(self, **options: Any) -> Any:
        return self._ask("replicate", "from", options)

    def live(self, **options: Any) -> None:
        """Sync from now on."""
        self._ask("live", options)

    def watch(self, **options: Any) -> None:
        """Follow the remote database's changes."""
        self._ask("watch", options)

    def event(self) -> tuple[str, Any]:
        """Wait for the next event: its name, and what comes with it."""
        name, value = self._ask("event")
        return name, value

    def next(self, name: str) -> Any:
        """Wait for an event of this name; what others there are until then are passed over."""
        while True:
            event, value = self.event()
            if event == name:
                return value
            assert event != "error", value

    def cancel(self) -> None:
        """Stop what is live; its last event is ``complete``."""
        self._ask("cancel")

    def documents(self) -> dict[str, Any]:
        """All that the phone has, by id."""
        rows = self.local("allDocs", {"include_docs": True})["rows"]
        return {row["id"]: row["doc"] for row in rows}
