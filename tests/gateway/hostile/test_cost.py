"""What a request costs depends on what is answered, not on how many documents or users there are.

The cost is counted in steps of SQLite's virtual machine, in a small store and in a large one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from tests.counts import TORTURE
from tests.gateway.access.client import ADMIN, DB, Client, add_role, add_user, create_database

pytestmark = [pytest.mark.django_db, pytest.mark.torture]

SMALL = 1000
LARGE = 100_000 if TORTURE else 10_000
#: How many steps SQLite takes between two calls of its progress handler.
STEP = 20
MOST = 2

# Documents of somebody else: some that are deleted, some that have left a channel.
FILL = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
INSERT INTO cbtools_documents
    (keyspace, uid, rev, cv, sequence, deleted, body, history, channels, removals)
SELECT %s, printf('m%%07d', n), '1-a', '18e9e840558a0000@a', 100 + n, n %% 3 = 1, '{}', '["1-a"]',
    CASE n %% 3 WHEN 0 THEN
        printf('{"other":%%d,"o%%d":%%d}', 100 + n, n %% 100, 100 + n) ELSE '{}' END,
    CASE n %% 3 WHEN 0 THEN '{}' ELSE
    json_object('left', json_array(1, 100 + n, '1-a', '18e9e840558a0000@a', n %% 3 = 1)) END
FROM numbers
"""


@contextmanager
def steps() -> Iterator[Callable[[], int]]:
    """How many steps SQLite takes."""
    taken = 0

    def count() -> int:
        nonlocal taken
        taken += 1
        return 0

    connection.connection.set_progress_handler(count, STEP)
    try:
        yield lambda: taken * STEP
    finally:
        connection.connection.set_progress_handler(None, STEP)


def fill(documents: int) -> None:
    """A few documents in alice's channel, then many of others, then a few again."""
    create_database("function (doc) { channel(doc.channels); }")
    for number in range(5):
        assert ADMIN.put(f"/a{number}", {"channels": ["a"]})[0] == 201
    add_role("r", "a")
    with connection.cursor() as cursor:
        cursor.execute(FILL, [documents, DB])
        cursor.execute(
            "UPDATE cbtools_databases SET sequence = %s WHERE name = %s", [documents + 100, DB]
        )
    for number in range(5):
        assert ADMIN.put(f"/z{number}", {"channels": ["a"]})[0] == 201


@contextmanager
def filled(documents: int) -> Iterator[None]:
    """A store of some size, for a while."""
    with transaction.atomic():
        fill(documents)
        yield
        transaction.set_rollback(True)


def cost_of(ask: Callable[[], Any]) -> tuple[int, Any]:
    """What a request costs, and what it answers; what it writes is taken back."""
    with transaction.atomic():
        ask()
        with steps() as taken:
            answer = ask()
            cost = taken()
        transaction.set_rollback(True)
    return cost, answer


REQUESTS: dict[str, tuple[str, str, Any, dict[str, Any]]] = {
    "document": ("admin", "GET", None, {"path": "/a1"}),
    "list": ("admin", "GET", None, {"path": "/_all_docs", "limit": 5}),
    "part of a list": (
        "admin", "GET", None, {"path": "/_all_docs", "startkey": "a1", "endkey": "a3"}
    ),
    "end of a list": ("admin", "GET", None, {"path": "/_all_docs", "startkey": "z"}),
    "user's list": ("alice", "GET", None, {"path": "/_all_docs"}),
    "user's list with documents": (
        "alice", "GET", None, {"path": "/_all_docs", "include_docs": True}
    ),
    "list by keys": ("alice", "POST", {"keys": ["a1", "m0000001"]}, {"path": "/_all_docs"}),
    "list of nothing": ("nobody", "GET", None, {"path": "/_all_docs"}),
    "feed": ("admin", "GET", None, {"path": "/_changes", "limit": 8}),
    "live feed": ("admin", "GET", None, {"path": "/_changes", "limit": 8, "active_only": True}),
    "user's feed": ("alice", "GET", None, {"path": "/_changes"}),
    "user's feed by a role": ("role's", "GET", None, {"path": "/_changes"}),
    "user's live feed": ("alice", "GET", None, {"path": "/_changes", "active_only": True}),
    "feed of nothing": ("nobody", "GET", None, {"path": "/_changes", "limit": 50}),
    "feed of a channel": (
        "admin", "GET", None,
        {"path": "/_changes", "filter": "sync_gateway/bychannel", "channels": "a"},
    ),
    "feed of what has left": (
        "admin", "GET", None,
        {"path": "/_changes", "filter": "sync_gateway/bychannel", "channels": "left", "limit": 5},
    ),
    "feed by ids": (
        "admin", "GET", None, {"path": "/_changes", "filter": "_doc_ids", "doc_ids": ["a1", "z1"]}
    ),
    "end of a feed": ("alice", "GET", None, {"path": "/_changes", "since": "upto"}),
    "feed that waits": (
        "alice", "GET", None,
        {"path": "/_changes", "since": "upto", "feed": "longpoll", "timeout": 1},
    ),
    "bodies": ("alice", "POST", {"docs": [{"id": "a1"}, {"id": "z1"}]}, {"path": "/_bulk_get"}),
    "differences": ("alice", "POST", {"a1": ["1-x"], "z1": ["1-x"]}, {"path": "/_revs_diff"}),
    "write": ("admin", "POST", {"channels": ["a"]}, {"path": "/"}),
}  # fmt: skip


def costs_of_all(documents: int) -> dict[str, tuple[int, int]]:
    """What each request costs in a store of some size, and how many lines it answers."""
    with filled(documents):
        clients: dict[str, Client] = {
            "admin": ADMIN,
            "nobody": add_user("nobody"),
            "alice": add_user("alice", admin_channels=["a"]),
            "role's": add_user("role's", admin_roles=["r"]),
        }
        upto = str(ADMIN.get("/")[1]["update_seq"])

        def ask(name: str) -> int:
            who, method, body, query = REQUESTS[name]
            query = {key: upto if value == "upto" else value for key, value in query.items()}
            answer = clients[who].send(method, query.pop("path"), body, **query)
            data = b"".join(answer.chunks())
            assert answer.status == 200, (name, data)
            return data.count(b"\n")

        return {name: cost_of(functools.partial(ask, name)) for name in REQUESTS}


def test_a_store_of_many_documents() -> None:
    small, large = costs_of_all(SMALL), costs_of_all(LARGE)
    assert {name: lines for name, (_, lines) in small.items()} == {
        name: lines for name, (_, lines) in large.items()
    }
    grown = {
        name: (cost, large[name][0])
        for name, (cost, _) in small.items()
        if large[name][0] > MOST * cost + 20 * STEP
    }
    assert not grown


@pytest.mark.parametrize("channels", [10, 1000])
@pytest.mark.parametrize("path", ["/_changes", "/_all_docs"])
def test_a_reader_of_many_channels(path: str, channels: int) -> None:
    """What is read is bounded by the answer, and by how many channels there are."""
    names = [f"o{number}" for number in range(channels)]

    def cost(documents: int) -> int:
        with filled(documents):
            alice = add_user("alice", admin_channels=names)
            rows = "results" if "ch" in path else "rows"
            taken, found = cost_of(lambda: len(alice.get(path, limit=20)[1][rows]))
        assert found == 20
        return taken

    small, large = cost(SMALL), cost(LARGE)
    assert large <= MOST * small, (small, large)


def test_many_users() -> None:
    """A user's feed and documents, beside few other users and beside many."""

    def crowd(count: int) -> int:
        with transaction.atomic():
            fill(10)
            alice = add_user("alice", admin_channels=["a"], admin_roles=["r"])
            with connection.cursor() as cursor:
                cursor.execute(
                    "WITH RECURSIVE numbers (n) AS "
                    "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
                    "INSERT INTO cbtools_users SELECT database, 'u' || n, password, email, "
                    "disabled, admin_channels, channel_history, admin_roles, sequence, stamp, "
                    "collections, role_history, unsettled FROM cbtools_users, numbers "
                    "WHERE name = 'alice'",
                    [count],
                )
            with steps() as taken:
                for path in ("/_changes", "/_all_docs", "/a1"):
                    assert alice.get(path)[0] == 200
                cost = taken()
            transaction.set_rollback(True)
        return cost

    assert crowd(2000) <= MOST * crowd(10)


def test_memberships_are_what_documents_say() -> None:
    """The triggers keep the index through every kind of write."""

    def check() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT uid, channel, live, sequence FROM cbtools_memberships")
            found = sorted(cursor.fetchall())
            cursor.execute(
                "SELECT uid, sequence, deleted, channels, removals FROM cbtools_documents"
            )
            wanted = []
            for uid, sequence, deleted, channels, removals in cursor.fetchall():
                wanted += [(uid, name, int(not deleted), sequence) for name in json.loads(channels)]
                left = json.loads(removals).items()
                wanted += [(uid, name, 0, removal[1]) for name, removal in left]
        assert found == sorted(wanted)

    create_database("function (doc) { channel(doc.channels); }")
    bodies = [
        {"channels": ["a", "b"]}, {"channels": ["b"]}, {"channels": ["a"]}, {"channels": []},
        {"channels": ["c"], "_deleted": True}, {"channels": ["c", "a"]}, {"_deleted": True},
    ]  # fmt: skip
    rev: dict[str, str] = {}
    for body in bodies:
        rev = {"_rev": ADMIN.put("/doc", {**body, **rev})[1]["rev"]}
        check()
    sequence = ADMIN.get("/")[1]["update_seq"]
    assert ADMIN.ask("POST", "/_channel_history/doc/compact", {"seq": sequence - 2})[0] == 200
    check()
    ADMIN.put("/other", {"channels": ["a"]})
    ADMIN.put("/_config/sync", "function (doc) { channel('z'); }")
    ADMIN.ask("POST", "/_offline")
    ADMIN.ask("POST", "/_resync", action="start")
    check()
    ADMIN.ask("POST", "/_online")
    assert ADMIN.ask("POST", "/_purge", {"doc": ["*"]})[0] == 200
    check()
