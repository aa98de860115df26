"""Cost against size: the same requests in a small database and in a large one.

Both hold the few documents that are asked for, the large one among many others, and many users.
"""

from __future__ import annotations

import base64
import functools
import io
import itertools
import json
from collections.abc import Callable
from typing import Any

from .timing import timed

SIZES = {"growth-small": (1000, 10), "growth-large": (100_000, 1000)}
RUNS = 15
AIM = 2
MAP = "function (doc, meta) { emit(doc.n, null); }"
FEW = [f"few{number}" for number in range(10)]

# Some documents of others are deleted, some have left a channel.
_FILL = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s)
INSERT INTO cbtools_documents
    (keyspace, uid, rev, cv, sequence, deleted, body, history, channels, removals)
SELECT %s, printf('other%%d', n), '1-a', '18e9e840558a0000@a', 100 + n, n %% 10 = 1,
    json_object('n', n), '["1-a"]',
    CASE n %% 10 WHEN 1 THEN '{}' ELSE json_object('others', 100 + n) END,
    CASE n %% 10 WHEN 2 THEN
    json_object('left', json_array(1, 100 + n, '1-a', '18e9e840558a0000@a', 0)) ELSE '{}' END
FROM numbers
"""


def growth() -> None:
    print("\nCost against size: 1,000 documents and 10 users beside 100,000 and 1,000 (ms):")
    for name, (documents, users) in SIZES.items():
        _fill(name, documents, users)
    for what, ask in _requests().items():
        small, large = (timed(functools.partial(ask, name), RUNS) for name in SIZES)
        ratio = large / small
        print(
            f"{what:<48}{small * 1000:>8.2f}{large * 1000:>8.2f}{ratio:>8.2f}x   (aim: {AIM}x)",
            flush=True,
        )


def _requests() -> dict[str, Callable[[str], Any]]:
    numbers = itertools.count()
    waiting = {"feed": "longpoll", "timeout": 1}
    named = {"filter": "sync_gateway/bychannel", "channels": "few"}
    items = {"docs": [{"id": uid} for uid in FEW]}
    unknown = {uid: ["2-x"] for uid in FEW}
    view = {"limit": 10, "stale": "ok"}
    login = {"name": "alice", "password": "secret"}
    return {
        "GET of a document": lambda db: _ask(db, "GET", "/few1"),
        "GET of a document by a user": lambda db: _ask(db, "GET", "/few1", user="alice"),
        "PUT": lambda db: _ask(db, "PUT", f"/new{next(numbers)}", {"channels": ["new"]}),
        "_all_docs, limit 10": lambda db: _ask(db, "GET", "/_all_docs", limit=10),
        "_all_docs of a user": lambda db: _ask(db, "GET", "/_all_docs", user="alice"),
        "_all_docs of a user without documents": lambda db: _ask(
            db, "GET", "/_all_docs", user="nobody"
        ),
        "_changes, limit 50": lambda db: _ask(db, "GET", "/_changes", limit=50),
        "_changes of a user": lambda db: _ask(db, "GET", "/_changes", user="alice"),
        "_changes of a user without documents": lambda db: _ask(
            db, "GET", "/_changes", user="nobody"
        ),
        "_changes of a channel": lambda db: _ask(db, "GET", "/_changes", **named),
        "_changes that are waited for in vain": lambda db: _ask(
            db, "GET", "/_changes", user="alice", since=_last(db), **waiting
        ),
        "_changes of a user with 1,000 channels": lambda db: _ask(
            db, "GET", "/_changes", user="member", limit=50
        ),
        "_session": lambda db: _ask(db, "POST", "/_session", login, port="public"),
        "view query, limit 10": lambda db: _ask(db, "GET", "/_design/d/_view/by_n", **view),
        "_bulk_get of 10": lambda db: _ask(db, "POST", "/_bulk_get", items),
        "_revs_diff of 10": lambda db: _ask(db, "POST", "/_revs_diff", unknown),
    }


def _fill(name: str, documents: int, users: int) -> None:
    from django.db import connection

    _ask(name, "PUT", "/", {"bucket": name})
    for uid in FEW:
        _ask(name, "PUT", f"/{uid}", {"channels": ["few"]})
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [documents, name])
        cursor.execute(
            "UPDATE cbtools_databases SET sequence = %s WHERE name = %s", [documents + 200, name]
        )
    _ask(name, "PUT", "/_user/nobody", {"password": "secret"})
    _ask(name, "PUT", "/_user/alice", {"password": "secret", "admin_channels": ["few"]})
    channels = ["few", *(f"channel{number}" for number in range(1000))]
    _ask(name, "PUT", "/_user/member", {"password": "secret", "admin_channels": channels})
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pragma_table_info('cbtools_users')")
        columns = [column for (column,) in cursor.fetchall() if column != "name"]
        cursor.execute(
            "WITH RECURSIVE numbers (n) AS "
            "(SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < %s) "
            f"INSERT INTO cbtools_users (name, {', '.join(columns)}) "
            f"SELECT 'user' || n, {', '.join(columns)} FROM cbtools_users, numbers "
            "WHERE database = %s AND name = 'alice'",
            [users, name],
        )
    _ask(name, "PUT", "/_design/d", {"views": {"by_n": {"map": MAP}}})
    _ask(name, "GET", "/_design/d/_view/by_n", stale="false", limit=1)


def _last(name: str) -> int:
    return int(json.loads(_ask(name, "GET", "/"))["update_seq"])


def _ask(
    name: str,
    method: str,
    path: str,
    body: Any = None,
    *,
    user: str = "",
    port: str = "",
    **query: Any,
) -> bytes:
    """Ask the gateway in this process: its admin API, or the public one for a user."""
    from django_cbtools.embedded.api.gateway import respond
    from django_cbtools.embedded.http.messages import Call

    headers = {}
    if user:
        token = base64.b64encode(f"{user}:secret".encode()).decode()
        headers["authorization"] = f"Basic {token}"
    data = b"" if body is None else json.dumps(body).encode()
    answer = respond(
        Call(
            port or ("public" if user else "admin"),
            "default",
            method,
            f"/{name}{path}",
            "&".join(f"{key}={value}" for key, value in query.items()),
            headers,
            read=io.BytesIO(data).read,
        )
    )
    text = b"".join(answer.chunks())
    assert answer.status in (200, 201), (method, path, answer.status, text)
    return text
