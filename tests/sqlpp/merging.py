"""``make record-sqlpp``: what two runs of the ORM's suite have recorded becomes the file.

A test is in it that has asked the same both times, and got the same rows. With ``--add``, where
some tests alone have run, others that are there still keep what the file has of them.
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from . import recorder

Run = dict[str, list[dict[str, Any]]]

#: What they ask depends on what else is in the bucket.
_NOT_KEPT = ("tests/orm/test_relations.py::test_explain",)


def main() -> None:
    files = sorted(recorder.FILE.parent.glob("recorded-*.jsonl"))
    bodies: dict[str, Any] = {}
    runs = [_read(file, bodies) for file in files]
    if len(runs) < 2:
        raise SystemExit("Record two runs first: RECORD_SQLPP=1 make test-sqlpp QUERY_URL=...")
    first, *others = runs
    kept = [
        entry
        for test, entries in first.items()
        if test not in _NOT_KEPT
        if all(_shown(entries) == _shown(other.get(test, ())) for other in others)
        for entry in entries
    ]
    kept += _others(first, bodies, "tests/none/" if "--add" in sys.argv else "tests/orm/")
    _write(kept, bodies)
    for file in files:
        file.unlink()
    print(f"{len(kept)} statements")


def _others(run: Run, bodies: dict[str, Any], whole: str) -> list[dict[str, Any]]:
    """What the file has of others: of what is no test in a folder that has run as a whole, and is
    there still."""
    root = recorder.FILE.parents[2]
    found = []
    for entry in recorder.entries():
        test = str(entry.get("test"))
        if "bodies" in entry:
            bodies.setdefault(entry["documents"], entry["bodies"])
        elif test in run or test.startswith(whole):
            continue
        elif "::" not in test or (root / test.partition("::")[0]).exists():
            found.append(entry)
    return found


def _read(file: Path, bodies: dict[str, Any]) -> Run:
    """The entries of each test; a test that ran twice has the last ones."""
    found: Run = {}
    last = None
    for line in file.read_text("utf-8").split("\n")[:-1]:
        entry = json.loads(line)
        if "bodies" in entry:
            bodies[entry["documents"]] = entry["bodies"]
            continue
        if entry["test"] != last:
            found[last := entry["test"]] = []
        found[entry["test"]].append(entry)
    return found


def _shown(entries: Iterable[dict[str, Any]]) -> list[Any]:
    """What was asked, and the rows, whose order may be another one each time."""
    found = recorder.masked([[each["statement"], each["args"], each["rows"]] for each in entries])
    return [[*asked, sorted(rows, key=repr)] for *asked, rows in found]


def _write(entries: list[dict[str, Any]], bodies: dict[str, Any]) -> None:
    """Those over the same documents stand together, behind the documents."""
    over: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        over[entry["documents"]].append(entry)
    with recorder.FILE.open("w", encoding="utf-8") as file:
        for documents, asked in sorted(over.items()):
            for each in ({"documents": documents, "bodies": bodies[documents]}, *asked):
                file.write(json.dumps(each, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
