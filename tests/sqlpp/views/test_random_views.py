"""Views by SQL++ have the rows of the gateway's views, whatever the documents and the functions.

Without QUERY_URL the rows of a query service are those that it once gave; RECORD_SQLPP=1 has them
written down anew. With it, it is asked about others than those, too.
"""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from django_cbtools.backends.couchbase.views.answering import answer
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.view_shapes import read_view
from tests.gateway.v8.helpers import put_design, rows, write
from tests.sqlpp import recorder, replay

from . import cases
from .random_views import Random

URL = os.environ.get("QUERY_URL")
RECORDS = bool(os.environ.get("RECORD_SQLPP"))
RECORDED = [] if URL else list(cases.recorded())


@pytest.mark.parametrize("number", range(3 if RECORDS else 20) if URL else range(len(RECORDED)))
def test_rows(db, number):
    if URL:
        asked_of_the_service(number)
    else:
        answered_as_recorded(*RECORDED[number])


def answered_as_recorded(documents: dict[str, Any], entries: list[dict[str, Any]]) -> None:
    write(documents)
    connection = cases.wrapper("http://127.0.0.1:9")
    connection.connection = cases.Answers(entries)
    views = {json.dumps(entry["view"]): entry["view"] for entry in entries}
    names = {view: f"v{number}" for number, view in enumerate(views)}
    put_design("d", **{names[each]: tuple(view.values()) for each, view in views.items()})
    for entry in entries:
        name = names[json.dumps(entry["view"])]
        _check(connection, name, cases.Case(entry["view"], entry["query"]))


def asked_of_the_service(seed: int) -> None:
    random = Random(seed)
    documents = random.documents()
    write(documents)
    connection = cases.wrapper(str(URL))
    connection.ensure_connection()
    service = connection.connection
    replay._fill(service, "`test_documents`", documents)
    views = cases.random_views(random)
    put_design("d", **{f"v{n}": tuple(view.values()) for n, view in enumerate(views)})
    lines = []
    for number, view in enumerate(views):
        keys = [row.key for row in rows(f"d/v{number}", reduce=False)]
        for _ in range(cases.QUERIES):
            query = random.query(keys, sorted(documents), view["reduce"])
            connection.connection = recording = cases.Recording(service)
            _check(connection, f"v{number}", cases.Case(view, query))
            lines += [{"test": "views", "view": view, "query": query, **each}
                      for each in recording.entries]  # fmt: skip
    if RECORDS:
        _write(seed, documents, lines)


def _check(connection: Any, name: str, case: cases.Case) -> None:
    wanted = _rows(lambda: rows(f"d/{name}", **case.query))
    view = read_view(case.view)
    found = _rows(lambda: answer(connection, f"d/{name}", view, case.query, None))
    assert found == wanted, case


def _rows(ask: Any) -> Any:
    try:
        return [_rounded(list(row)) for row in ask()]
    except SyncGatewayException as error:
        return type(error)


def _rounded(value: Any) -> Any:
    """Sums are put together in another order: their last digits differ."""
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, list):
        return [_rounded(each) for each in value]
    if isinstance(value, dict):
        return {name: _rounded(each) for name, each in value.items()}
    return value


def _write(seed: int, documents: Any, lines: list[Any]) -> None:
    digest = recorder.digest(documents)
    whole = [{"documents": digest, "bodies": documents}]
    whole += [{**line, "documents": digest} for line in lines]
    with recorder.VIEWS_FILE.open("a" if seed else "w", encoding="utf-8") as file:
        file.writelines(json.dumps(line, ensure_ascii=False) + "\n" for line in whole)
