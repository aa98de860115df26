"""REST API: local documents (`_local`), which are not replicated."""

from __future__ import annotations

from django_cbtools import canonical

from ..documents import local
from ..gostructs import Map
from ..http.answers import Answer
from ..http.messages import Call, unescape

_BODY = Map("db.Body", "any")


def get_local(call: Call) -> Answer:
    return call.json(canonical.dumps(local.read(call.database, _name(call))))


def put_local(call: Call) -> Answer:
    name, body = _name(call), call.struct(_BODY)
    if body is None:
        # As on a real gateway, null deletes the document, which needs a revision.
        local.delete(call.database, name, "")
    rev = local.save(call.database, name, body)
    return call.json({"id": local.PREFIX + name, "ok": True, "rev": rev}, 201)


def delete_local(call: Call) -> Answer:
    local.delete(call.database, _name(call), call.query.get("rev", ""))
    return Answer()


def _name(call: Call) -> str:
    return unescape(call.names["name"])
