"""Admin API: documents with their metadata, internal views, and purging."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django_cbtools import canonical

from ..documents import documents, metadata
from ..documents.purge import purge
from ..errors import GatewayError, bad_request, missing
from ..gostructs import Map
from ..http.answers import Answer
from ..http.messages import Call, document_id, unescape
from ..views import designs

#: The views of a real gateway's internal design document.
_VIEWS = ("principals", "channels", "access", "access_vbseq", "role_access", "role_access_vbseq")


def raw(call: Call) -> Answer:
    """GET _raw: return a document with the metadata that a real gateway stores with it."""
    includes_doc = call.query.get("include_doc", "true") == "true"
    if call.flag("redact"):
        if "include_doc" in call.query and includes_doc:
            raise bad_request(
                "redact and include_doc cannot be true at the same time. If you want to redact "
                "you must specify include_doc=false"
            )
        includes_doc = False
    elif call.query.get("salt"):
        raise bad_request("redactSalt can only be used when redact=true")
    document = documents.current(call.database, document_id(call.names["doc"]))
    shown = metadata.of(call.database, document)
    if call.flag("redact"):
        metadata.redact(shown, call.query.get("salt") or secrets.token_hex())
    if not includes_doc:
        document = replace(document, body="{}")
    return call.json(document.text({"_xattrs": shown}))


def dump_view(call: Call) -> Answer:
    raise GatewayError(500, "bucket does not support views")


def query_own_view(call: Call) -> Answer:
    """GET _view: query an internal view of a real gateway; here it has no rows."""
    designs.check_place(call.database)
    if unescape(call.names["view"]) not in _VIEWS:
        raise missing()
    return call.json({"total_rows": 0, "rows": None, "Collator": {}})


def repair(call: Call) -> Answer:
    raise GatewayError(500, "Internal error: _repair endpoint disabled")


def purge_documents(call: Call) -> Answer:
    """POST _purge: completely remove the documents whose revisions are given as ``["*"]``."""
    try:
        asked: Mapping[str, Any] = call.struct(Map("db.Body", "any")) or {}
    except GatewayError:
        raise bad_request("_purge document ID's must be passed as a JSON") from None
    wanted = [uid for uid, revs in asked.items() if revs == ["*"] and "\0" not in uid]
    gone = purge(call.database, wanted) if wanted else []
    return Answer.json(
        canonical.dumps({"purged": {uid: ["*"] for uid in gone}}),
        headers={"Cache-Control": "private, max-age=0, no-cache, no-store"},
    )
