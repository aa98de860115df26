"""Writes documents into answers: as JSON or multipart, with or without attachments."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
import secrets
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from django_cbtools import canonical

from ..database import Database
from ..documents import attachments, expiry
from ..documents.attachments import Base64, Content, Piece
from ..documents.documents import Document
from ..http.answers import Answer
from ..http.messages import Call
from . import multipart
from .multipart import Section

#: Attachments up to this many bytes stay in the JSON of a multipart answer.
MAX_INLINE = 200
#: JSON parts that are shorter (in bytes) are not compressed.
MIN_PACKED = 300
#: Pieces smaller than this (in bytes) are joined before they are sent.
_ENOUGH = 64 * 1024

_JSON = {"Content-Type": "application/json"}
_ERROR = {"Content-Type": 'application/json; error="true"'}


class Wish(NamedTuple):
    """The parts of a document that a client asks for in addition to its body.

    ``history`` is the number of revisions of the document's history to show; None means all. The
    history ends at the first revision that is in ``known``. ``since`` asks for the contents of
    attachments, except those that the client already has from one of these revisions; None means
    no contents. ``expiry`` asks for the document's expiry time.
    """

    history: int | None = 0
    known: Sequence[str] = ()
    since: Sequence[str] | None = None
    expiry: bool = False

    @classmethod
    def of(cls, call: Call) -> Wish:
        """Return what a request for a document asks for in its query string.

        Raises a 400 GatewayError if a list of revisions is not a JSON array of strings.
        """
        known, since = call.strings("revs_from"), call.strings("atts_since")
        return cls(
            history=call.integer("revs_limit") if call.flag("revs") else 0,
            known=(since if known is None else known) or (),
            since=(since or ()) if call.flag("attachments") else None,
            expiry=call.flag("show_exp"),
        )


def members(database: Database, document: Document, wish: Wish) -> dict[str, Any]:
    """Return a document's special properties, including those that the client asks for.

    The ``data`` of an attachment is a Content object, which is read when it is sent. Raises a 404
    GatewayError if the content of an attachment is missing.
    """
    members = document.members()
    if wish.history != 0:
        # A client may name any number of revisions; only those of this document matter.
        known = list(frozenset(wish.known).intersection(document.history))
        members["_revisions"] = document.revisions(wish.history, known)
    if wish.expiry and document.expires is not None:
        members["_exp"] = expiry.shown(document.expires)
    if document.attachments:
        members["_attachments"] = document.stubs()
        if wish.since is not None:
            oldest = 1 + _newest_known(document, wish.since)
            for name, meta in document.attachments.items():
                revpos = meta.get("revpos")
                if isinstance(revpos, int) and revpos >= oldest:
                    shown = members["_attachments"][name]
                    shown["data"] = attachments.content(database, meta)
                    del shown["stub"]
    return members


def _newest_known(document: Document, revs: Sequence[str]) -> int:
    """Return the generation of a document's newest revision that is in ``revs``, or 0."""
    among = frozenset(revs)
    known = [rev for rev in document.history if rev in among]
    return canonical.generation(known[0]) if known else 0


# ---------------------------------------------------------------------- JSON


def as_json(document: Document, members: Mapping[str, Any]) -> list[Piece]:
    """Return a document as pieces of JSON, with the contents of attachments in base64."""
    contents = _contents(members)
    if not contents:
        return [document.text(dict(members)).encode()]
    # The mark is random, so that no document contains it.
    mark = secrets.token_hex(16)
    text = document.text(_with_data(members, dict.fromkeys(contents, mark)))
    first, *rest = text.split(mark)
    pieces: list[Piece] = [first.encode()]
    # The members of an object are sorted in canonical JSON.
    for name, following in zip(sorted(contents), rest, strict=True):
        pieces += [Base64(contents[name]), following.encode()]
    return pieces


def _contents(members: Mapping[str, Any]) -> dict[str, Content]:
    """Return the contents of the attachments that are sent with the document, by name."""
    shown = members.get("_attachments", {})
    return {
        name: meta["data"] for name, meta in shown.items() if isinstance(meta.get("data"), Content)
    }


def _with_data(members: Mapping[str, Any], data: Mapping[str, str]) -> dict[str, Any]:
    """Return the special properties with ``data`` in place of the contents of attachments.

    Attachments that are not in ``data`` are marked as following in separate parts.
    """
    contents = _contents(members)
    if not contents:
        return dict(members)
    shown = dict(members["_attachments"])
    for name in contents:
        if name in data:
            shown[name] = {**shown[name], "data": data[name]}
        else:
            shown[name] = {**shown[name], "follows": True}
            del shown[name]["data"]
    return {**members, "_attachments": shown}


# ----------------------------------------------------------------- multipart


def related(
    document: Document, members: Mapping[str, Any], *, packed: bool = False
) -> Iterator[Section]:
    """Yield the parts of a multipart/related document: its JSON, then its larger attachments."""
    contents = _contents(members)
    small = {
        name: base64.b64encode(content.read(MAX_INLINE)).decode()
        for name, content in contents.items()
        if content.length <= MAX_INLINE
    }
    yield _json_section(document.text(_with_data(members, small)), packed=packed)
    for name in sorted(contents.keys() - small.keys()):
        quoted = json.dumps(name, ensure_ascii=False)
        headers = {"Content-Disposition": f"attachment; filename={quoted}"}
        content_type = members["_attachments"][name].get("content_type")
        if content_type:
            headers["Content-Type"] = content_type
        yield Section(headers, [contents[name]])


def mixed(document: Document, members: Mapping[str, Any], *, packed: bool = False) -> Section:
    """Return a document as a part of multipart/mixed.

    A document with attachments becomes a nested multipart/related part.
    """
    if not _contents(members):
        return _json_section(document.text(dict(members)), packed=packed)
    boundary = _new_boundary()
    headers = {
        "Content-Type": _content_type("related", boundary),
        "X-Doc-Id": document.uid,
        "X-Rev-Id": document.rev,
    }
    return Section(headers, multipart.write(related(document, members, packed=packed), boundary))


def error_section(row: Mapping[str, Any]) -> Section:
    """Return a part of multipart/mixed with an error in place of a document."""
    return Section(_ERROR, [canonical.dumps(row).encode()])


def _json_section(text: str, *, packed: bool) -> Section:
    data = text.encode()
    if packed and len(data) >= MIN_PACKED:
        return Section({**_JSON, "Content-Encoding": "gzip"}, [gzip.compress(data)])
    return Section(_JSON, [data])


def _new_boundary() -> str:
    return secrets.token_hex(30)


def packs(call: Call) -> bool:
    """Return whether the client accepts compressed parts in a multipart answer."""
    return "gzip" in call.headers.get("x-accept-part-encoding", "")


def _content_type(subtype: str, boundary: str) -> str:
    return f'multipart/{subtype}; boundary="{boundary}"'


# ------------------------------------------------------------------- answers


def multipart_answer(
    subtype: str, sections: Iterable[Section], headers: Mapping[str, str] | None = None
) -> Answer:
    """Return a multipart answer of a subtype such as ``mixed``."""
    boundary = _new_boundary()
    answer = Answer(headers={"Content-Type": _content_type(subtype, boundary), **(headers or {})})
    return fill(answer, itertools.chain(multipart.write(sections, boundary), [b"\r\n"]))


def fill(answer: Answer, pieces: Iterable[Piece], length: int | None = None) -> Answer:
    """Give an answer a body, and return the answer.

    ``length`` is the size of the body in bytes, if it is known. A long body becomes a stream that
    is generated while it is sent. Errors in generating its beginning are raised here.
    """
    chunks = _chunks(pieces)
    beginning = list(itertools.islice(chunks, 2))
    if len(beginning) < 2:
        answer.body = b"".join(beginning)
    else:
        answer.stream = _resumed(beginning, chunks)
        answer.length = length
    return answer


def length(pieces: Iterable[Piece]) -> int:
    """Return the total length of the pieces, in bytes."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)


def _chunks(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """Yield the bytes of the pieces; small pieces are joined."""
    waiting = b""
    for piece in pieces:
        for data in (piece,) if isinstance(piece, bytes) else piece.chunks():
            waiting += data
            if len(waiting) >= _ENOUGH:
                yield waiting
                waiting = b""
    if waiting:
        yield waiting


def _resumed(beginning: list[bytes], rest: Iterator[bytes]) -> Generator[bytes, None, None]:
    while beginning:
        yield beginning.pop(0)
    yield from rest
