"""REST API: design documents and queries of their views."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace

from ..errors import forbidden
from ..http.answers import Answer
from ..http.messages import PUBLIC_PORT, Call, unescape
from ..views import designs, viewquery
from ..views.index import Index
from ..views.reduces import Row
from ..views.viewquery import ViewQuery

#: The prefix of Sync Gateway's internal design documents. Only ``_FILTERS`` can be read.
_RESERVED = "sync_"
_FILTERS = "sync_gateway_2.1"


def get_design(call: Call) -> Answer:
    name = _name(call)
    if name == _FILTERS:
        designs.check_place(call.database)
        return call.json({"filters": {"bychannel": "ok"}})
    _check_access(call)
    return call.json(designs.shown(designs.get(call.database, name)))


def put_design(call: Call) -> Answer:
    design = call.struct(designs.DESIGN)
    _check_access(call)
    designs.put(call.database, _name(call), design)
    return Answer(201)


def delete_design(call: Call) -> Answer:
    _check_access(call)
    designs.delete(call.database, _name(call))
    return Answer()


def query_view(call: Call) -> Answer:
    if call.port == PUBLIC_PORT:
        return _query_as_user(call)
    query = ViewQuery.parse(call.query)
    index, reduce = _view(call)
    return _rows_answer(call, viewquery.run(index, reduce, query))


def _query_as_user(call: Call) -> Answer:
    """Query a view as a user: the answer contains the rows of documents in the user's channels.

    As on a real gateway, rows are filtered after the limit is applied, and users get no reduced
    rows (29-user-views.json).
    """
    reader = call.log_in()
    if not call.database.option("unsupported.user_views.enabled"):
        raise forbidden()
    if _name(call).startswith(_RESERVED):
        raise forbidden()
    index, reduce = _view(call)
    query = ViewQuery.parse(call.query)
    if call.flag("reduce"):
        return call.json('{"total_rows":0,"rows":null,"Collator":{}}')
    if reduce and query.reduce:
        return _rows_answer(call, [])
    index.update()
    _, sequence, _, _ = index.state()
    rows = viewquery.run(index, None, replace(query, stale="ok"))
    # A document may have moved to the user's channels since the index was updated. Its old row
    # must stay hidden, so only documents that have not changed since then count.
    found = call.database.rows(
        "SELECT uid, channels FROM cbtools_documents WHERE keyspace = %s AND sequence <= %s "
        "AND uid IN (SELECT value FROM json_each(%s))",
        [call.database.keyspace, sequence, json.dumps(sorted({row.id or "" for row in rows}))],
    )
    visible = {uid for uid, channels in found if reader.may_list(json.loads(channels))}
    return _rows_answer(call, (row for row in rows if row.id in visible))


def _view(call: Call) -> tuple[Index, str | None]:
    return designs.view(call.database, _name(call), unescape(call.names["view"]))


def _rows_answer(call: Call, rows: Iterable[Row]) -> Answer:
    texts = [
        f'{{"id":{json.dumps(row.id or "")},"key":{row.key},"value":{row.value}}}' for row in rows
    ]
    return call.json(f'{{"total_rows":{len(texts)},"rows":[{",".join(texts)}],"Collator":{{}}}}')


def _name(call: Call) -> str:
    return unescape(call.names["design"])


def _check_access(call: Call) -> None:
    if call.port == PUBLIC_PORT or _name(call).startswith(_RESERVED):
        raise forbidden()
