"""A client of the replicator: it sends requests, and answers those of the gateway."""

from __future__ import annotations

import base64
import json
from contextlib import ExitStack, suppress

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from django_cbtools.embedded.blip.connection import Connection
from django_cbtools.embedded.blip.frames import REQUEST
from django_cbtools.embedded.blip.messages import Message

VERSION_2, VERSION_3 = "BLIP_3+CBMobile_2", "BLIP_3+CBMobile_3"
#: How long (seconds) a test waits for what must come.
PATIENCE = 30


class Client:
    """A connection. ``on[profile]`` answers the gateway's requests; by default they are kept in
    ``requests`` and answered with nothing."""

    def __init__(self, url, db, user=None, protocol=VERSION_3, headers=None, path="_blipsync"):
        headers = dict(headers or {})
        if user:
            token = base64.b64encode(":".join(user).encode()).decode()
            headers["Authorization"] = f"Basic {token}"
        self._stack = ExitStack()
        opened = connect(
            f"{url.replace('http', 'ws', 1)}/{db}/{path}", subprotocols=protocol.split(","),
            additional_headers=headers, compression=None, max_size=None, proxy=None,
        )  # fmt: skip
        self.socket = self._stack.enter_context(opened)
        self.connection = Connection()
        self.replies = {}
        self.requests = []
        self.on = {}

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def close(self):
        self._stack.close()

    def send(self, profile, body=b"", **properties):
        """Send a request; return its number."""
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        names = {name.rstrip("_"): str(value) for name, value in properties.items()}
        number = self.connection.send(Message({"Profile": profile, **names}, body))
        self.flush()
        return number

    def flush(self):
        while (frame := self.connection.next_frame()) is not None:
            self.socket.send(frame)

    def take(self, timeout=PATIENCE):
        """Take one frame; answer the request that it completes."""
        message = self.connection.receive(self.socket.recv(timeout=timeout))
        if message is None:
            pass
        elif message.kind != REQUEST:
            self.replies[message.number] = message
        else:
            self.requests.append(message)
            answer = self.on.get(message.profile, lambda message: Message())(message)
            if answer is not None:
                self.connection.reply(message, answer)
        self.flush()

    def reply(self, number):
        while number not in self.replies:
            self.take()
        return self.replies.pop(number)

    def ask(self, profile, body=b"", **properties):
        """Send a request; return the reply."""
        return self.reply(self.send(profile, body, **properties))

    def error(self, profile, body=b"", **properties):
        """The status and the reason with which a request is refused."""
        reply = self.ask(profile, body, **properties)
        assert reply.is_error, reply
        return int(reply.properties["Error-Code"]), reply.body.decode()

    def put(self, uid, rev, body, history=(), **properties):
        """Push a revision; return the reply."""
        if history:
            properties["history"] = ",".join(history)
        return self.ask("rev", body, id=uid, rev=rev, **properties)

    def until(self, condition):
        """Take frames until a condition holds."""
        while not condition():
            self.take()

    def of(self, profile):
        """The requests of a profile that have come."""
        return [message for message in self.requests if message.profile == profile]

    def pull(self, docs=None, **properties):
        """Follow a feed until the gateway says that it has sent all of it; return the documents.

        They are the bodies, None for tombstones, by id; ``docs`` are kept up to date.
        """
        docs = {} if docs is None else docs
        self.on["changes"] = changes_wanted
        self.on["rev"] = lambda message: keep(docs, message)
        reply = self.ask("subChanges", **properties)
        assert not reply.is_error, reply
        self.until(lambda: any(m.body == b"null" for m in self.of("changes")))
        offered = sum(len(json.loads(m.body) or ()) for m in self.of("changes"))
        self.until(lambda: len(self.of("rev")) + len(self.of("norev")) >= offered)
        return docs

    def closed(self):
        """The code with which the gateway closes the connection."""
        with suppress(ConnectionClosed):
            while True:
                self.take()
        return self.socket.close_code


def changes_wanted(message):
    """Ask for all revisions that are offered."""
    offered = json.loads(message.body) or []
    return Message({"maxHistory": "20"}, json.dumps([[] for _ in offered]).encode())


def keep(docs, message):
    is_deleted = message.properties.get("deleted") == "1"
    docs[message.properties["id"]] = None if is_deleted else json.loads(message.body)
    return Message()
