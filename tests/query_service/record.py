"""Record what a query service answers, for :mod:`.stand_in`.

Usage: python -m tests.query_service.record URL COMMUNITY_URL. Both are addresses of services that
have an empty bucket ``cbtools``; the second one is of the Community Edition. It writes
``exchanges.jsonl``: an exchange a line, with no address, login or time in it.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import requests

FILE = Path(__file__).with_name("exchanges.jsonl")
#: How many rows of a long answer are kept.
_MOST_ROWS = 30

SETUP = [
    "INSERT INTO cbtools VALUES ('a1', {'kind': 'a', 'title': 'Ünï \\\\ \"q\" 🍺', 'n': 1}), "
    "VALUES ('a2', {'kind': 'a', 'n': 9007199254740993, 'tags': ['],', '\\n', null]}), "
    "VALUES ('a3', {'kind': 'a', 'n': 0.1, 'deep': {'x': [[{}]]}})",
    "CREATE INDEX kinds ON cbtools(kind)",
]
CLEANUP = ["DROP INDEX cbtools.kinds", "DELETE FROM cbtools"]
#: What forbids scans without an index.
_NO_SCANS = {"n1ql_feat_ctrl": 16460}

#: By name: the statement, its parameters, and other members of the request.
EXCHANGES: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "documents": (
        "SELECT RAW [META(a).id, a] FROM cbtools AS a WHERE a.kind = $1 ORDER BY META(a).id",
        ["a"], {},
    ),
    "no rows": ("SELECT RAW [a.n] FROM cbtools AS a WHERE a.kind = $1", ["none"], {}),
    "many rows": ("SELECT RAW [t, 'é'] FROM ARRAY_RANGE(0, $1) AS t", [30], {}),
    "warning": ("SELECT RAW [$1 / 0]", [1], {}),
    "write": ("CREATE INDEX other ON cbtools(other)", [], {"readonly": False}),
    "write again": ("CREATE INDEX other ON cbtools(other)", [], {"readonly": False}),
    "write back": ("DROP INDEX cbtools.other", [], {"readonly": False}),
    "1000": ("DELETE FROM cbtools AS a WHERE a.n = $1", [7], {}),
    "1030": ("SELECT RAW 1030", [], {"scan_consistency": "now"}),
    "1040": ("SELECT RAW 1040", [], {"timeout": "soon"}),
    "1040, too large": ("SELECT RAW LENGTH($1)", ["x" * (65 << 20)], {}),
    "1065": ("SELECT RAW 1065", [], {"nonsense": True}),
    "1080": ("SELECT RAW COUNT(*) FROM ARRAY_RANGE(0, 2000000) AS t", [], {"timeout": "50ms"}),
    "1080, after rows": (
        "SELECT RAW [t] FROM ARRAY_RANGE(0, 2000000) AS t", [], {"timeout": "400ms"},
    ),
    "3000": ("SELECT RAW [a.n FROM cbtools AS a", [], {}),
    "3080": ("SELECT RAW [n] FROM cbtools AS a JOIN cbtools AS b ON META(b).id = a.n", [], {}),
    "3083": ("SELEC", [], {}),
    "3230": ("SELECT RAW [ROW_NUMBER() OVER (ORDER BY a.n)] FROM cbtools AS a", [], {}),
    "3280": ("CREATE INDEX wrong ON cbtools(RANDOM())", [], {"readonly": False}),
    "4000": ("SELECT RAW [a.n] FROM cbtools AS a WHERE a.x = $1", [1], _NO_SCANS),
    "4000, aggregates": ("SELECT RAW [MAX(MAX(a.n))] FROM cbtools AS a", [], {}),
    "4040": ("", [], {"prepared": "gone"}),
    "3000, prepared": ("PREPARE `plan` AS EXPLAIN SELECT RAW 1", [], {"auto_execute": True}),
    "4060": ("PREPARE `taken` AS SELECT RAW 2", [], {}),
    "4210": ("SELECT RAW [a.n, COUNT(*)] FROM cbtools AS a GROUP BY a.kind", [], {}),
    "4321": (
        "SELECT RAW [META(a).xattrs.x, META(a).xattrs.y] FROM cbtools AS a USE KEYS 'a1'", [], {},
    ),
    "5010": ("SELECT RAW [REGEXP_CONTAINS('a', $1)]", ["("], {}),
    "5010, after rows": (
        "SELECT RAW [REGEXP_CONTAINS('a', t)] FROM ['a', 'b', '('] AS t", [], {},
    ),
    "5030": ("SELECT RAW [a.n] FROM cbtools AS a LIMIT $1", ["many"], {}),
    "5037": ("SELECT RAW [ARRAY_RANGE(0, 100000000)]", [], {}),
    "5070": ("INSERT INTO cbtools VALUES (1, 1)", [], {"readonly": False}),
    "5370": (
        "SELECT RAW [(SELECT RAW b.n FROM cbtools AS b WHERE b.x = a.n)] FROM cbtools AS a "
        "USE KEYS 'a1'", [], _NO_SCANS,
    ),
    "12003": ("SELECT RAW [a.n] FROM nowhere AS a", [], {}),
    "12009": ("INSERT INTO cbtools VALUES ('a1', 1)", [], {"readonly": False}),
    "12016": ("DROP INDEX cbtools.none", [], {"readonly": False}),
    "12021": ("SELECT RAW [a.n] FROM cbtools.nowhere.things AS a", [], {}),
    "17002": ("SAVEPOINT here", [], {"readonly": False}),
}  # fmt: skip
#: What a login would be refused with: the service that was recorded lets everybody in. The texts
#: are those that Couchbase documents.
LOGINS = {
    "10000": (401, {"code": 10000, "msg": "Authorization Failed. Keyspace cbtools not found."}),
    "13014": (
        401,
        {"code": 13014, "msg": "User does not have credentials to run SELECT queries on "
         "default:cbtools. Add role query_select on default:cbtools to allow the statement to "
         "run."},
    ),
}  # fmt: skip
_VARYING = [
    (re.compile(r'"requestID": "[^"]*"'), '"requestID": "00000000-0000-0000-0000-000000000000"'),
    (re.compile(r'Time": "[^"]*"'), 'Time": "1ms"'),
    (re.compile(r'"serviceLoad": \d+'), '"serviceLoad": 1'),
    (re.compile(r'"result(Count|Size)": \d+'), r'"result\1": 1'),
]


def ask(url: str, statement: str, args: list[Any], others: dict[str, Any]) -> requests.Response:
    members = {"args": args, "readonly": True, "pretty": False, **others}
    if statement:
        members["statement"] = statement
    return requests.post(f"{url}/query/service", json=members, auth=("user", "none"), timeout=60)


def exchange(name: str, url: str) -> dict[str, Any]:
    statement, args, others = EXCHANGES[name]
    answer = ask(url, statement, args, others)
    body = answer.content.decode()
    for pattern, text in _VARYING:
        body = pattern.sub(text, body)
    head, results, rest = body.partition('"results": [\n')
    if results:
        rows, end, rest = rest.partition("\n],\n")
        kept = ",\n".join(rows.split(",\n")[:_MOST_ROWS])
        body = head + results + kept + end + rest
    if len(json.dumps(args)) > 1000:
        args = []
    return {
        "name": name, "statement": statement, "args": args, "others": others,
        "status": answer.status_code, "body": body,
    }  # fmt: skip


def main(url: str, community: str) -> None:
    for statement in SETUP:
        ask(url, statement, [], {"readonly": False}).raise_for_status()
    ask(url, "PREPARE `taken` AS SELECT RAW 1", [], {}).raise_for_status()
    found = [exchange(name, community if name == "3230" else url) for name in EXCHANGES]
    for name, (status, error) in LOGINS.items():
        body = {"requestID": "0", "errors": [error], "status": "fatal"}
        found.append({
            "name": name, "statement": f"SELECT RAW {name}", "args": [], "others": {},
            "status": status, "body": json.dumps(body, indent=0),
        })  # fmt: skip
    for statement in CLEANUP:
        ask(url, statement, [], {"readonly": False}).raise_for_status()
    lines = [json.dumps(item, ensure_ascii=False) for item in found]
    FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
