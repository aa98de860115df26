"""What a test asks by SQL++: statements with their arguments, and the documents they were asked
over. A file of JSON lines has them, with the rows that a query service gave.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: The version of Django whose queries have been recorded; others put some together otherwise.
DJANGO = (5, 2)
FILE = Path(__file__).with_name("statements.jsonl")
#: What is asked of views; an entry has the view and what was asked of it, too.
VIEWS_FILE = FILE.parent / "views" / "answers.jsonl"
#: What is another one each time: times, uids that are made, versions of documents.
_VARIABLE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)|cas:\d+|[a-z]+_[A-Za-z0-9]{22}"
)


def stored(documents: dict[str, Any]) -> dict[str, Any]:
    """What a bucket has where a gateway has these documents: beside each, one with the same body
    that a client keeps for itself alone (``_local``), which no query may find."""
    return {**documents, **{f"_sync:local:{uid}": body for uid, body in documents.items()}}


def digest(documents: Any) -> str:
    text = json.dumps(documents, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def masked(value: Any) -> Any:
    """JSON in which what varies from run to run is left out."""
    return json.loads(_VARIABLE.sub("*", json.dumps(value, ensure_ascii=False)))


#: Larger ones are left out.
_LONGEST = 20_000


def write(test: str, recorded: Any) -> None:
    """Append what a test has asked to the file of this worker."""
    lines = []
    for statement, args, documents, rows in recorded:
        bodies = {uid: json.loads(body) for uid, (_, body) in documents.items()}
        entry = {
            "test": test,
            "statement": statement,
            "args": args,
            "documents": digest(bodies),
            "rows": rows,
        }
        line = json.dumps(entry, ensure_ascii=False)
        whole = json.dumps({"documents": entry["documents"], "bodies": bodies}, ensure_ascii=False)
        if max(len(line), len(whole)) > _LONGEST:
            return
        lines += [whole, line]
    worker = os.environ.get("PYTEST_XDIST_WORKER", str(os.getpid()))
    with FILE.with_name(f"recorded-{worker}.jsonl").open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)


def entries(file: Path = FILE) -> Iterator[dict[str, Any]]:
    """The lines of the file."""
    with file.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
