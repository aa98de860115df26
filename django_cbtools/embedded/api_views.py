"""REST: design documents and queries of their views."""

from __future__ import annotations

import json

from . import designs, viewquery
from .errors import forbidden, missing
from .http import PUBLIC_PORT, Answer, Call, unescape
from .viewquery import ViewQuery

#: Design documents of Sync Gateway's own begin so; only this made-up one can be read.
_RESERVED = "sync_"
_FILTERS = "sync_gateway_2.1"


def get_design(call: Call) -> Answer:
    _check_access(call, writes=False)
    name = _name(call)
    if name == _FILTERS:
        return Answer.json({"filters": {"bychannel": "ok"}})
    return Answer.json(designs.shown(designs.get(call.database, name)))


def put_design(call: Call) -> Answer:
    _check_access(call, writes=True)
    designs.put(call.database, _name(call), call.object())
    return Answer(201)


def delete_design(call: Call) -> Answer:
    _check_access(call, writes=True)
    designs.delete(call.database, _name(call))
    return Answer()


def query_view(call: Call) -> Answer:
    _check_access(call, writes=False)
    index, reduce = designs.view(call.database, _name(call), unescape(call.names["view"]))
    rows = viewquery.run(index, reduce, ViewQuery.parse(call.query))
    texts = [
        f'{{"id":{json.dumps(row.id or "")},"key":{row.key},"value":{row.value}}}' for row in rows
    ]
    return Answer.json(f'{{"total_rows":{len(rows)},"rows":[{",".join(texts)}],"Collator":{{}}}}')


def _name(call: Call) -> str:
    name = unescape(call.names["design"])
    if "/" in name:
        raise missing("unknown URL")
    return name


def _check_access(call: Call, *, writes: bool) -> None:
    call.log_in()
    name = _name(call)
    if call.port == PUBLIC_PORT or (name.startswith(_RESERVED) and (writes or name != _FILTERS)):
        raise forbidden()
