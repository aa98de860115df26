"""``make replay-sqlpp``: the recorded statements, asked of the query service at QUERY_URL."""

from __future__ import annotations

import math
import os
import sys
from typing import Any

from django_cbtools import query_service

from . import recorder

_KEYSPACE = "`test_documents`"


def main() -> int:
    bucket = os.environ.get("QUERY_BUCKET", "test_documents")
    service = query_service.connect(
        {
            "HOST": os.environ["QUERY_URL"],
            "NAME": bucket,
            "USER": os.environ.get("QUERY_USER", "tests"),
            "PASSWORD": os.environ.get("QUERY_PASSWORD", "tests"),
            "OPTIONS": {},
        }
    )
    keyspace = ".".join(f"`{part}`" for part in bucket.split("."))
    bodies: dict[str, Any] = {}
    there = None
    held, failed = 0, []
    for entry in (*recorder.entries(), *recorder.entries(recorder.VIEWS_FILE)):
        if "bodies" in entry:
            bodies[entry["documents"]] = entry["bodies"]
            continue
        if entry["documents"] != there:
            there = entry["documents"]
            _fill(service, keyspace, bodies[there])
        statement = entry["statement"].replace(_KEYSPACE, keyspace)
        try:
            rows = list(service.query(statement, entry["args"]))
        except Exception as error:  # it is counted, and the others are asked
            failed.append((entry, repr(error)))
            continue
        if _same(recorder.masked(rows), recorder.masked(entry["rows"])):
            held += 1
        else:
            failed.append((entry, f"{rows!r:.500}"))
    for entry, found in failed:
        print(
            f"{entry['test']}\n  {entry['statement']}\n  wanted {entry['rows']!r:.500}\n  {found}"
        )
    print(f"{held} hold, {len(failed)} fail")
    return 1 if failed else 0


def _fill(service: Any, keyspace: str, documents: dict[str, Any]) -> None:
    there = list(service.query(f"SELECT RAW META(d).id FROM {keyspace} AS d", []))
    gone = [uid for uid in there if uid not in documents]
    if gone:
        list(service.query(f"DELETE FROM {keyspace} AS d USE KEYS $1", [gone], readonly=False))
    if documents:
        upsert = f"UPSERT INTO {keyspace} (KEY k, VALUE v) SELECT p[0] AS k, p[1] AS v FROM $1 AS p"
        rows = [[uid, body] for uid, body in recorder.stored(documents).items()]
        list(service.query(upsert, [rows], readonly=False))


def _same(found: Any, wanted: Any) -> bool:
    """Whether the rows are the same. Their order is left to the ORM's tests: rows that an order
    takes for equal come as they like."""
    return _equal(sorted(found, key=repr), sorted(wanted, key=repr))


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return one == other or math.isclose(one, other, rel_tol=1e-9)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_equal, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_equal(one[key], other[key]) for key in one)
    return bool(one == other)


if __name__ == "__main__":
    sys.exit(main())
