"""Answers to the few statements that reads and writes of documents are compiled to.

Anything else fails: what SQL++ means is shown by the real query service.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

_NAME = "`[^`]+`"
_STATEMENT = re.compile(
    rf"SELECT RAW \[(?P<columns>.+?)\] FROM {_NAME} AS (?P<alias>{_NAME})(?: USE KEYS \$\d+)? "
    rf"WHERE (?P=alias)\.`doc_type` = '(?P<type>\w+)' "
    r"AND META\((?P=alias)\)\.id NOT LIKE '\\\\_sync:%'(?P<conditions>.*?)"
    r"(?P<order> ORDER BY .+?)?(?: LIMIT (?P<limit>\d+))?",
    re.DOTALL,
)
_ORDER = re.compile(
    r"(?: ORDER BY "
    r"(?:TOSTRING\(META\(A\)\.id\)|CASE WHEN ISSTRING\(A\.`(?P<key>\w+)`\) .+? END) ASC)?"
)
Test = Callable[[str, Any, Any], bool]
#: Conditions, and whether a document (its key, its body) fulfils them with a parameter.
_CONDITIONS: dict[str, Test] = {
    r"TOSTRING\(META\(A\)\.id\) IN \$(\d+)": lambda key, body, asked: key in asked,
    r"TOSTRING\(META\(A\)\.id\) = \$(\d+)": lambda key, body, asked: key == asked,
    r"IFMISSINGORNULL\(A\.`st_deleted` = TRUE, FALSE\) = (true|false)": lambda key, body, asked: (
        (body.get("st_deleted") is True) is asked
    ),
    r"CASE WHEN ISSTRING\(A\.`title`\) THEN A\.`title` END = \$(\d+)": lambda key, body, asked: (
        body.get("title") == asked
    ),
}
_COLUMNS: dict[str, Callable[[str, Any], Any]] = {
    "TOSTRING(META(A).id)": lambda key, body: key,
    "'cas:' || TOSTRING(META(A).cas)": lambda key, body: f"cas:{cas(body)}",
    "A": lambda key, body: _as_doubles(body),
}


def cas(body: Any) -> str:
    """What a document has as its CAS: another body has another."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
    return str(int(digest[:15], 16))


def answer(statement: str, args: list[Any], documents: dict[str, Any]) -> list[Any]:
    """The rows of a statement, over a bucket of documents."""
    found = _STATEMENT.fullmatch(statement)
    assert found, statement
    alias = found["alias"]
    order = _ORDER.fullmatch((found["order"] or "").replace(alias, "A"))
    assert order, statement
    rest = re.sub(r" AND |(?<= )\(|\)$", "\n", found["conditions"].replace(alias, "A"))
    tests = [_test(line, args, statement) for line in filter(None, rest.split("\n"))]
    chosen = [
        (key, body)
        for key, body in sorted(documents.items(), key=lambda item: _rank(item, order["key"]))
        if isinstance(body, dict) and body.get("doc_type") == found["type"]
        if not key.startswith("_sync:")
        if all(test(key, body, asked) for test, asked in tests)
    ]
    columns = found["columns"].replace(alias, "A").split(", ")
    if columns == ["COUNT(*)"]:
        return [[len(chosen)]]
    values = {f"${number}": arg for number, arg in enumerate(args, 1)}
    rows = [
        [values[column] if column in values else _COLUMNS[column](key, body) for column in columns]
        for key, body in chosen
    ]
    return rows[: int(found["limit"] or len(rows))]


def _rank(item: tuple[str, Any], member: str | None) -> tuple[str, str]:
    key, body = item
    return (body.get(member) or "" if member and isinstance(body, dict) else ""), key


def _test(text: str, args: list[Any], statement: str) -> tuple[Test, Any]:
    for pattern, test in _CONDITIONS.items():
        if found := re.fullmatch(pattern, text.strip()):
            return test, args[int(found[1]) - 1] if found[1].isdigit() else found[1] == "true"
    raise AssertionError(f"{text!r} in {statement}")


def _as_doubles(value: Any) -> Any:
    """Numbers with the digits that the query service keeps."""
    if isinstance(value, dict):
        return {key: _as_doubles(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_as_doubles(each) for each in value]
    is_large = isinstance(value, int) and not isinstance(value, bool) and abs(value) > 2**53
    return int(float(value)) if is_large else value
