"""Methods about documents. Each write is done once, even if its answer is lost."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol

from django_cbtools.exceptions import (
    SyncGatewayAnswerLost,
    SyncGatewayBadRequest,
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayUnavailable,
    shown,
)

from ..calls.client import PUBLIC, dumps, load_rows, loads, quote_uid, request
from ..calls.matching import check_rows, other, well_formed, wrong
from ..calls.multipart import load_parts
from . import authorship

if TYPE_CHECKING:
    import requests

    from ..settling.lost_writes import Write

#: The largest size, in bytes, and number of documents in a bulk request.
BULK_BYTES = 8 * 1024 * 1024
BULK_COUNT = 1000

#: The result of a document's write, in the form of `_bulk_docs`.
Row = dict[str, Any]


class Document(Protocol):
    """A document that can be saved: a CouchbaseModel."""

    rev: str | None

    def get_uid(self) -> str: ...
    def to_dict(self) -> dict[str, Any]: ...
    def saved_as(self, rev: str, document: Mapping[str, Any]) -> None: ...


class Documents:
    """The part of :class:`SyncGateway` that is about documents."""

    @staticmethod
    def save_json(uid: str, data_dict: Mapping[str, Any]) -> requests.Response:
        """Write a document. ``_rev`` in ``data_dict`` is the revision that it replaces.

        Returns the response. Raises SyncGatewayConflict if ``_rev`` is not the current revision.
        """
        path = quote_uid(uid)
        try:
            data = dumps(data_dict)
        except SyncGatewayBadRequest as error:
            raise bad_document(uid, error) from error
        return _done_once(
            lambda: request(PUBLIC, "PUT", path, body=data, uid=uid), uid, data_dict, 201
        )

    @staticmethod
    def save_document(document: Document) -> None:
        """Write the document of a model instance, and set its ``rev``.

        Raises SyncGatewayConflict if ``rev`` is not the current revision.
        """
        body = _body(document)
        answer = loads(Documents.save_json(document.get_uid(), body))
        document.saved_as(answer["rev"], body)

    @staticmethod
    def save_documents(documents: Iterable[Document]) -> None:
        """Write the documents of many model instances in a few requests, and set their ``rev``.

        Raises SyncGatewayBulkError if some are refused. It names them; the others are saved.
        """
        errors: dict[str, SyncGatewayException] = {}
        saved = 0
        for batch in _batches(documents, errors):
            rows = Documents.bulk_docs([body for _, body in batch])
            for (document, body), row in zip(batch, rows, strict=True):
                if "rev" in row:
                    document.saved_as(row["rev"], body)
                    saved += 1
                else:
                    errors[body["_id"]] = row_exception(body["_id"], row)
        if errors:
            raise SyncGatewayBulkError(errors, saved)

    @staticmethod
    def bulk_docs(docs: Sequence[Mapping[str, Any]]) -> list[Row]:
        """Write documents in one request. Returns a row for each, with ``rev`` or ``error``."""
        if isinstance(docs, (str, bytes)) or not isinstance(docs, Sequence):
            raise SyncGatewayBadRequest(f"{docs!r} is no list of documents.")
        for doc in docs:
            if not isinstance(doc, Mapping):
                raise SyncGatewayBadRequest(f"{doc!r} is no document.")
            if "_id" in doc:
                quote_uid(doc["_id"])
        # An id that the gateway generates would be lost with the response.
        named = [doc if "_id" in doc else {"_id": uuid.uuid4().hex, **doc} for doc in docs]
        return _rows_done_once(named)

    @staticmethod
    def delete_document(uid: str, rev: str) -> None:
        """Delete a document for real. The gateway keeps a tombstone, so that phones delete it, too.

        Raises SyncGatewayConflict if ``rev`` is not the current revision.
        """
        path = quote_uid(uid)
        _done_once(
            lambda: request(PUBLIC, "DELETE", path, query={"rev": rev}, uid=uid),
            uid,
            {"_rev": rev, "_deleted": True},
            200,
        )

    @staticmethod
    def all_docs(uids: Sequence[str] | None, really_all: bool = False) -> dict[str, Any]:
        """Load documents by uid, in one request.

        Returns ``{"rows": [...]}``. The row of a document that does not exist has an ``error``.
        With ``really_all`` and without uids, all documents are returned.
        """
        if not uids and not really_all:
            return {"rows": []}
        query = {"include_docs": "true"}
        if uids:
            keys = texts(uids, "uids")
            response = request(
                PUBLIC, "POST", "_all_docs", query=query, body={"keys": keys}, uid=_only(keys)
            )
        else:
            response = request(PUBLIC, "GET", "_all_docs", query=query)
        answer = load_rows(response, len(keys) if uids else None)
        check_rows(response, answer["rows"], keys if uids else None)
        return answer

    @staticmethod
    def bulk_get(uids: Sequence[str]) -> list[Row]:
        """Load documents by uid, in one request, with their expiry.

        Returns rows as :meth:`all_docs`. Each row also has ``expires``, which is the document's
        ``_exp``, or None.
        """
        return read_rows([{"id": uid} for uid in texts(uids, "uids")]) if uids else []


def read_rows(asked: Sequence[Mapping[str, str]]) -> list[Row]:
    """Load documents or revisions in one request. ``asked`` has an ``id``, and may have a ``rev``,
    for each."""
    if not asked:
        return []
    uids = list(dict.fromkeys(each["id"] for each in asked))
    response = request(
        PUBLIC,
        "POST",
        "_bulk_get",
        query={"show_exp": "true"},
        body={"docs": asked},
        uid=_only(uids),
        accept="multipart/mixed",
    )
    found = list(load_parts(response))
    if len(found) != len(asked):
        raise other(response, f"it has not {len(asked)} documents")
    return [_read_row(each, part, response) for each, part in zip(asked, found, strict=True)]


def _only(uids: Sequence[str]) -> str | None:
    """Return the only uid, for error messages, or None if there are several."""
    return uids[0] if len(uids) == 1 else None


def _read_row(asked: Mapping[str, str], part: Any, response: requests.Response) -> Row:
    """Return the row for a part of ``_bulk_get``. Raise SyncGatewayUnavailable if the part is
    another document or revision."""
    uid, rev = asked["id"], asked.get("rev")
    is_error = isinstance(part, dict) and "error" in part and "_rev" not in part
    name = "id" if is_error else "_id"
    if not isinstance(part, dict) or part.get(name) != well_formed(uid):
        raise other(response, f"it has another document than {shown(uid)}")
    if is_error:
        return {**part, "key": uid}
    found = part.get("_rev")
    if not isinstance(found, str) or (rev and found != rev):
        raise other(response, f"it does not have the revision of document {shown(uid)}")
    value = {"rev": found}
    return {"id": uid, "key": uid, "value": value, "doc": part, "expires": part.get("_exp")}


def row_exception(uid: str, row: Mapping[str, Any]) -> SyncGatewayException:
    """Return the exception for a row of ``_bulk_docs`` or ``_all_docs`` with an error."""
    found = row.get("exception")
    if isinstance(found, SyncGatewayException):
        return found
    from ..calls.errors import next_step

    status, error = int(row.get("status", 0)), str(row.get("error", ""))
    reason = str(row.get("reason") or error)
    return SyncGatewayException.for_status(status)(
        f"document {shown(uid)}: {status} {shown(error)} ({shown(reason)}). "
        f"{next_step(status, reason)}".rstrip(),
        status=status or None,
        error=error,
        reason=reason,
        uid=uid,
    )


def texts(values: Any, what: str) -> list[str]:
    """Return the strings as a list. Raise SyncGatewayBadRequest for any other value."""
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise SyncGatewayBadRequest(f"{what} is a list of texts, not {values!r}.")
    found = list(values)
    if not all(isinstance(text, str) for text in found):
        raise SyncGatewayBadRequest(f"{what} is a list of texts, not {found!r}.")
    return found


def _done_once(
    send: Callable[[], requests.Response], uid: str, body: Mapping[str, Any], status: int
) -> requests.Response:
    """Write a document once. Return the gateway's response, or an equal one if that was lost."""
    from ..settling.done_once import done_once
    from ..settling.lost_writes import Write

    answers: list[requests.Response] = []

    def send_one(writes: Sequence[Write]) -> list[Row]:
        try:
            answer = send()
        except SyncGatewayConflict as error:
            return [{"status": 409, "exception": error}]
        row = _loads_written(answer, uid)
        if not _is_row(row):
            raise _no_gateways(answer, uid)
        _check_written(answer, writes, [row])
        answers.append(answer)
        return [row]

    (row,) = authorship.noted([Write(uid, body)], lambda writes: done_once(writes, send_one))
    if "exception" in row:
        raise row["exception"]
    return answers[0] if answers else _answer(status, row)


def _answer(status: int, row: Row) -> requests.Response:
    """Return a response in place of one that was lost."""
    import requests

    answer = requests.Response()
    answer.status_code = status
    answer.headers["Content-Type"] = "application/json"
    answer.encoding = "utf-8"
    answer._content = dumps(row)
    return answer


def _rows_done_once(docs: list[Mapping[str, Any]]) -> list[Row]:
    from ..settling.done_once import done_once
    from ..settling.lost_writes import Write

    def send(writes: Sequence[Write]) -> list[Row]:
        response = request(
            PUBLIC, "POST", "_bulk_docs", body={"docs": [write.body for write in writes]}
        )
        rows = _loads_written(response)
        if not isinstance(rows, list) or len(rows) != len(writes) or not all(map(_is_row, rows)):
            raise _no_gateways(response)
        _check_written(response, writes, rows)
        return rows

    writes = [Write(doc["_id"], doc) for doc in docs]
    return authorship.noted(writes, lambda writes: done_once(writes, send))


def _loads_written(response: requests.Response, uid: str | None = None) -> Any:
    """Return the JSON of the response to a write. Raise SyncGatewayAnswerLost if it is no JSON."""
    try:
        return loads(response)
    except SyncGatewayUnavailable as error:
        raise SyncGatewayAnswerLost(str(error), status=error.status, uid=uid) from error


def _is_row(row: Any) -> bool:
    return isinstance(row, dict) and ("rev" in row or "error" in row)


def _check_written(
    response: requests.Response, writes: Sequence[Write], rows: Sequence[Row]
) -> None:
    """Raise SyncGatewayAnswerLost if a response belongs to other writes."""
    from ..settling.lost_writes import misfits
    from ..transport.transport import transport

    if transport().is_embedded:
        return  # in process nothing is between
    for what in misfits(writes, rows):
        raise other(response, what, SyncGatewayAnswerLost, writes[0].uid)


def _no_gateways(response: requests.Response, uid: str | None = None) -> SyncGatewayUnavailable:
    from ..calls.errors import no_gateways

    message = no_gateways(response.url, response.status_code)
    return wrong(response, message, SyncGatewayAnswerLost, uid)


def _body(document: Document) -> dict[str, Any]:
    body = document.to_dict()
    if document.rev:
        body["_rev"] = document.rev
    return body


def _batches(
    documents: Iterable[Document], errors: dict[str, SyncGatewayException]
) -> Iterable[list[tuple[Document, dict[str, Any]]]]:
    """Yield lists of documents with their bodies, one list for each request. The errors of
    documents that cannot be sent are put into ``errors``."""
    batch: list[tuple[Document, dict[str, Any]]] = []
    size = 0
    for document in documents:
        uid = document.get_uid()
        body = {**_body(document), "_id": uid}
        try:
            quote_uid(uid)
            length = len(dumps(body))
        except SyncGatewayBadRequest as error:
            errors[uid] = bad_document(uid, error)
            continue
        if batch and (len(batch) == BULK_COUNT or size + length > BULK_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((document, body))
        size += length
    if batch:
        yield batch


def batches(items: Iterable[Any], size: int | None = None) -> Iterator[list[Any]]:
    """Yield the items in lists of ``size``, by default as many as fit into one request."""
    rest = iter(items)
    while batch := list(islice(rest, size or BULK_COUNT)):
        yield batch


def bad_document(uid: str, error: Exception) -> SyncGatewayBadRequest:
    """Return the exception for a document that cannot be sent. The reason is ``error``."""
    refused = SyncGatewayBadRequest(
        f"document {shown(uid)}: {error}", error="bad_request", reason=str(error), uid=uid
    )
    refused.__cause__ = error
    return refused
