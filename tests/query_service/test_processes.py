"""Processes that fork, and threads: connections are their own, and so are answers."""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

from tests.programs import run
from tests.query_service.services import body, service
from tests.sync_gateway.scripted import HTTP, reply


def name_of(request, plans):
    """What a statement selects."""
    sent = request.json
    if "prepared" in sent:
        return plans[sent["prepared"]]
    name = re.search(r"SELECT '(.*)'", sent["statement"])[1]
    if "auto_execute" in sent:
        plans[re.search("`(.*)`", sent["statement"])[1]] = name
    return name


def test_forks(ca):
    """By TLS, which has more to go wrong."""
    plans = {}

    def answer(request):
        return reply(body(*[name_of(request, plans)] * 3))

    with HTTP(answer, ca.server()) as server:
        output = run("-m", "tests.query_service.forks", server.url, ca.file)
        assert output.splitlines() == [
            "parent", "child", "grandchild", "child of rows", *["child of threads"] * 3,
            "parent again",
        ]  # fmt: skip
        users = defaultdict(set)
        for peer, request in zip(server.peers, server.seen, strict=True):
            users[peer].add(name_of(request, plans).partition(" again")[0])
    assert all(len(names) == 1 for names in users.values()), users


def test_threads():
    """Sixteen ask at once, each for rows of its own."""
    plans = {}

    def answer(request):
        name = name_of(request, plans)
        return reply(body(*[[name, number] for number in range(500)]))

    def ask(number):
        name = str(number % 5)
        for _ in range(10):
            with service(server).query(f"SELECT '{name}'") as rows:
                assert next(rows) == [name, 0]
                if number % 2:
                    assert list(rows) == [[name, row] for row in range(1, 500)]

    with HTTP(answer) as server, ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [None] * 16
