"""REST: documents, one by one and in bulk."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.encoding import iri_to_uri

from . import canonical, documents
from .documents import Document, Edit
from .errors import GatewayError, bad_request, conflict, forbidden, missing, not_implemented
from .http import Answer, Call, document_id

_CV = re.compile(r"[0-9a-f]+@[A-Za-z0-9+/]+$")


def get_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    if "open_revs" in call.query:
        raise not_implemented("open_revs")
    reader = call.log_in()
    rev = call.query.get("rev", "")
    document = (
        documents.revision(call.database, uid, rev)
        if rev
        else documents.current(call.database, uid)
    )
    etag = {"Etag": f'"{rev or document.rev}"'}
    if not reader.may_read(document.channels):
        if not rev:
            raise forbidden()
        removed = {
            "_id": uid,
            "_rev": document.rev,
            "_deleted" if document.deleted else "_removed": True,
        }
        return Answer.json(canonical.dumps(removed), headers=etag)
    if document.deleted and not rev:
        raise missing("deleted")
    return Answer.json(document.text(revisions=call.flag("revs")), headers=etag)


def put_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    call.log_in()
    if call.query.get("new_edits") == "false":
        raise not_implemented("new_edits=false")
    content_type = call.headers.get("content-type", "")
    media_type = content_type.partition(";")[0].strip()
    if media_type.lower() not in ("", "application/json"):
        raise GatewayError(415, f"Invalid content type {media_type}")
    body = call.object()
    given = body.get("_id")
    if isinstance(given, str) and given != uid:
        raise bad_request(
            "The document ID provided in the body does not match the document ID in the path"
        )
    documents.check_id(uid)
    edit = _edit(uid, body, _asked_revision(call))
    return _written(_save_one(call, edit), 201)


def post_document(call: Call) -> Answer:
    call.log_in()
    body = call.object()
    uid = body.get("_id")
    uid = documents.check_id(uid) if isinstance(uid, str) else documents.new_id()
    document = _save_one(call, _edit(uid, body, ""), must_be_new=True)
    return _written(document, 200, {"Location": iri_to_uri(uid)})


def delete_document(call: Call) -> Answer:
    uid = document_id(call.names["doc"])
    call.log_in()
    documents.check_id(uid)
    try:
        asked = _occ(_asked_revision(call))
    except GatewayError as error:
        if error.status != 400:
            raise
        raise GatewayError(
            500, f"Internal error: couldn't get OCC value from request: 400 {error.reason}"
        ) from None
    document = _save_one(call, Edit(uid, {"_deleted": True}, **asked))
    return _written(document, 200, etag=False)


def bulk_docs(call: Call) -> Answer:
    call.log_in()
    body = call.object()
    docs = body.get("docs")
    if not isinstance(docs, list):
        raise bad_request("missing 'docs' property")
    if not all(isinstance(doc, dict) for doc in docs):
        raise bad_request("Document body must be JSON")
    if body.get("new_edits") is False:
        raise not_implemented("new_edits=false")
    rows: list[dict[str, Any] | Edit] = [_bulk_edit(doc) for doc in docs]
    edits = [row for row in rows if isinstance(row, Edit)]
    saved = iter(zip(edits, documents.save(call.database, edits), strict=True))
    answer = [row if isinstance(row, dict) else _bulk_row(*next(saved)) for row in rows]
    return Answer.json(answer, 201)


def all_docs(call: Call) -> Answer:
    reader = call.log_in()
    sequence = call.database.sequence
    limit = re.fullmatch(r"[0-9]{1,18}", call.query.get("limit", ""))
    most = int(limit[0]) if limit else 0
    keys = _asked_keys(call)
    if keys is None:
        found: Iterable[tuple[str, Document | None]] = (
            (document.uid, document)
            for document in documents.select(
                call.database, start=_bound(call, "startkey"), end=_bound(call, "endkey")
            )
            if reader.may_read(document.channels)
        )
    else:
        known = documents.find(call.database, keys) if keys else {}
        found = ((key, known.get(key)) for key in keys)
    rows = []
    for key, document in found:
        rows.append(_row(call, key, document, by_key=keys is not None))
        if len(rows) == most:
            break
    # The white space is the gateway's own: HEAD says how long the answer is.
    text = (
        '{"rows":[\n' + ",".join(row + "\n" for row in rows)
        + f'],"total_rows":{len(rows)},"update_seq":{sequence}}}\n'
    )  # fmt: skip
    answer = Answer.json(text)
    answer.listed = True
    return answer


# ------------------------------------------------------------------- writing


def _asked_revision(call: Call) -> str:
    """The revision in the query or in If-Match; '' for none."""
    rev = call.query.get("rev", "")
    if " " in rev:
        raise bad_request(
            f'Bad rev query parameter: "{rev}" - ensure this query parameter value is URL Encoded'
        )
    etag = call.headers.get("if-match", "")
    if rev or not etag:
        return rev
    if len(etag) < 2 or etag[0] != '"' or etag[-1] != '"':
        raise GatewayError(
            500, "Internal error: ETag value is not quoted when trying to read the value"
        )
    return etag[1:-1]


def _occ(value: str) -> dict[str, str]:
    """What a write starts from, by the kind of value: a revision id or a version."""
    if not value:
        return {}
    if documents.REV.match(value):
        return {"rev": value}
    if _CV.match(value):
        return {"cv": value}
    raise bad_request(f'Invalid version type for OCC value: "{value}"')


def _edit(uid: str, body: Mapping[str, Any], asked: str) -> Edit:
    for key in ("_cv", "_rev"):
        if key in body and not isinstance(body[key], str):
            raise bad_request('Invalid version type for OCC value: ""')
    rev, cv = body.get("_rev", ""), body.get("_cv", "")
    occ = _occ(asked)
    if cv:
        if "cv" in occ and occ["cv"] != cv:
            raise bad_request("Revision IDs provided do not match")
        return Edit(uid, body, cv=cv)
    if rev:
        if not documents.REV.match(rev):
            raise bad_request("Invalid revision ID")
        if occ.get("rev", rev) != rev:
            raise bad_request("Revision IDs provided do not match")
        return Edit(uid, body, rev=rev)
    return Edit(uid, body, **occ)


def _save_one(call: Call, edit: Edit, *, must_be_new: bool = False) -> Document:
    if must_be_new and (edit.rev or edit.cv):
        raise conflict()
    (result,) = documents.save(call.database, [edit])
    if isinstance(result, GatewayError):
        raise result
    return result


def _written(
    document: Document, status: int, headers: dict[str, str] | None = None, *, etag: bool = True
) -> Answer:
    body = {"id": document.uid, "ok": True, "rev": document.rev, "cv": document.cv}
    tag = {"Etag": f'"{document.rev}"'} if etag else {}
    return Answer.json(body, status, {**tag, **(headers or {})})


def _bulk_edit(doc: dict[str, Any]) -> Edit | dict[str, Any]:
    """A document of a batch, or the row that refuses it."""
    given = doc.get("_id")
    uid = given if isinstance(given, str) else documents.new_id()
    try:
        if uid.startswith("_local/"):
            raise not_implemented("local documents")
        return _edit(documents.check_id(uid), doc, "")
    except GatewayError as error:
        return _error_row(uid, error)


def _bulk_row(edit: Edit, result: Document | GatewayError) -> dict[str, Any]:
    if isinstance(result, GatewayError):
        return _error_row(edit.uid, result)
    return {"cv": result.cv, "id": result.uid, "rev": result.rev}


def _error_row(uid: str, error: GatewayError) -> dict[str, Any]:
    row = {"error": error.row_error, "id": uid, "reason": error.reason, "status": error.status}
    return row if uid else {key: value for key, value in row.items() if key != "id"}


# ------------------------------------------------------------------- listing


def _asked_keys(call: Call) -> list[str] | None:
    if call.method == "POST":
        keys = call.object().get("keys")
        problem = "Bad/missing keys"
    elif "keys" in call.query:
        try:
            keys = canonical.loads(call.query["keys"])[0]
        except ValueError:
            keys = None
        problem = "Bad keys"
    else:
        return None
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise bad_request(problem)
    return keys


def _bound(call: Call, name: str) -> str | None:
    """A key as JSON, or bare."""
    text = call.query.get(name)
    if not text:
        return None
    try:
        value = canonical.loads(text)[0]
    except ValueError:
        return text
    return value if isinstance(value, str) else text


def _row(call: Call, key: str, document: Document | None, *, by_key: bool) -> str:
    """A row of _all_docs as JSON."""
    reader = call.log_in()
    if document is not None and not reader.may_read(document.channels):
        return canonical.dumps({"key": key, "error": "forbidden", "status": 403})
    if document is None or document.deleted:
        status = 400 if key.startswith("_") or not key else 404
        error = "bad_request" if status == 400 else "not_found"
        return canonical.dumps({"key": key, "error": error, "status": status})
    value: dict[str, Any] = {"rev": document.rev}
    if not by_key:
        value["cv"] = document.cv
    if call.flag("channels") and document.channels:
        value["channels"] = reader.visible(document.channels)
    name = canonical.dumps(key)
    row = f'{{"key":{name},"id":{name},"value":{canonical.dumps(value)}'
    if call.flag("include_docs"):
        row += f',"doc":{document.text(cv=False, revisions=call.flag("revs"))}'
    if call.flag("update_seq") and not by_key:
        row += f',"update_seq":{document.sequence}'
    return row + "}"
