"""REST: local documents."""

from __future__ import annotations

from django_cbtools import canonical

from ..documents import local
from ..http.messages import Answer, Call, unescape


def get_local(call: Call) -> Answer:
    return call.json(canonical.dumps(local.read(call.database, _name(call))))


def put_local(call: Call) -> Answer:
    name = _name(call)
    rev = local.save(call.database, name, call.object())
    return call.json({"id": local.PREFIX + name, "ok": True, "rev": rev}, 201)


def delete_local(call: Call) -> Answer:
    local.delete(call.database, _name(call), call.query.get("rev", ""))
    return Answer()


def _name(call: Call) -> str:
    return unescape(call.names["name"])
