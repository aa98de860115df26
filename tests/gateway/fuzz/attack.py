"""Many clients that send random requests to a server at once, until one of its answers is wrong."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from random import Random
from urllib.parse import quote

from tests.gateway.fuzz import replies, stories
from tests.gateway.fuzz.grammar import JSON, Grammar
from tests.gateway.fuzz.known import DATABASE, DATABASES, PASSWORD, USERS, Known
from tests.gateway.fuzz.process import ServerProcess
from tests.gateway.fuzz.wire import Client, Hang, Request, WrongAnswer

#: A slow attack comes once in so many requests, and each client's story in so many of his.
SLOW_EVERY = 10_000
STORY_EVERY = 50


class Attack:
    """Random requests of ``clients`` to a server's ports; the same ``seed`` draws the same ones,
    as far as answers, which they build on, come in the same order."""

    def __init__(
        self, server: ServerProcess, ports: list[str], seed: str, clients: int, known: Known
    ) -> None:
        self._server = server
        self._urls = dict(zip(ports, server.urls, strict=True))
        self._seed = seed
        self._clients = clients
        self._known = known
        self._failed = threading.Event()
        self._rounds = 0
        self.failures: list[str] = []
        #: How often each route has answered what.
        self.answers: Counter[tuple[str, int]] = Counter()

    def run(self, count: int) -> None:
        """Send ``count`` requests; AssertionError with all that is known where one goes wrong."""
        self._rounds += 1
        shares = [count // self._clients] * self._clients
        with ThreadPoolExecutor(self._clients) as pool:
            list(pool.map(self._work, range(self._clients), shares))
        assert not self.failures, "\n\n".join(self.failures)

    def _work(self, number: int, count: int) -> None:
        random = Random(f"{self._seed}/{self._rounds}/{number}")
        grammar = Grammar(random, self._known, list(self._urls))
        clients = {port: Client(url) for port, url in self._urls.items()}
        try:
            for place in range(count):
                requests = [grammar.request()]
                if place % 100 == 0:
                    requests = setting()
                if number == 0 and place % (SLOW_EVERY // self._clients) == 50:
                    requests = grammar.slow()
                if place % STORY_EVERY == 30 and grammar.ports != ["mounted"]:
                    requests = stories.draw(grammar)
                for request in requests:
                    if request.port in clients and not self._failed.is_set():
                        self._ask(clients[request.port], request, f"{number}, request {place}")
        finally:
            for client in clients.values():
                client.close()

    def _ask(self, client: Client, request: Request, who: str) -> None:
        reply = None
        try:
            reply = client.ask(request)
            replies.check(request, reply, self._known)
            self.answers[request.route, reply.status] += 1
        except (AssertionError, ValueError, WrongAnswer, OSError) as error:
            told = self._server.log()[-5000:]
            self._fail(f"{who}: {error!r}\n{request!r:.3000}\n{reply!r:.3000}\n{told}")
        except Hang:
            self._fail(f"{who}: no answer\n{request!r:.3000}\n{self._server.stacks()}")

    def _fail(self, what: str) -> None:
        self._failed.set()
        self.failures.append(f"Seed {self._seed}, client {what}")


def setting() -> list[Request]:
    """What random requests take away now and then: users, other databases, a view."""
    login = b'{"password":"%s","admin_channels":["a","b"],"disabled":false}' % PASSWORD.encode()
    views = b'{"views":{"v":{"map":"function (doc) { emit(doc.a); }","reduce":"_count"}}}'
    third = b'{"bucket":"third","scopes":{"own":{"collections":{"things":{}}}}}'
    return [
        Request("admin", "PUT", f"/{DATABASE}/", JSON, b'{"bucket":"%s"}' % DATABASE.encode()),
        Request("admin", "POST", f"/{DATABASE}/_online", JSON, b"{}"),
        Request("admin", "PUT", "/second/", JSON, b'{"bucket":"second"}'),
        Request("admin", "PUT", "/third/", JSON, third),
        Request("admin", "PUT", f"/{DATABASE}/_design/x", JSON, views),
        *(
            Request("admin", "PUT", f"/{database}/_user/{quote(name)}", JSON, login)
            for database in DATABASES
            for name in USERS[:3]
        ),
    ]
