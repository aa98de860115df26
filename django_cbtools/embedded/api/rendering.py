"""Write documents into answers: as JSON or multipart, with or without attachments."""

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
#: Pieces smaller than this (in bytes) are sent together.
_ENOUGH = 64 * 1024

_JSON = {"Content-Type": "application/json"}
_ERROR = {"Content-Type": 'application/json; error="true"'}


class Wish(NamedTuple):
    """What a client asks for beside a document's body.

    ``history`` is the number of revisions of its history (None: all). The history ends at a
    revision that the client knows (``known``). ``since`` asks for the contents of attachments,
    without those that the client has with one of these revisions; None: no contents.
    """

    history: int | None = 0
    known: Sequence[str] = ()
    since: Sequence[str] | None = None
    expiry: bool = False

    @classmethod
    def of(cls, call: Call) -> Wish:
        """What a request for a document asks for; raises a 400 GatewayError."""
        known, since = call.strings("revs_from"), call.strings("atts_since")
        return cls(
            history=call.integer("revs_limit") if call.flag("revs") else 0,
            known=(since if known is None else known) or (),
            since=(since or ()) if call.flag("attachments") else None,
            expiry=call.flag("show_exp"),
        )


def members(database: Database, document: Document, wish: Wish) -> dict[str, Any]:
    """A document's special properties, including those that the client asks for.

    The ``data`` of its attachments are Content objects, which are read when they are sent. Raises a
    404 GatewayError if the content of an attachment is missing.
    """
    members = document.members()
    if wish.history != 0:
        # A client may name any number of revisions.
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
    """The generation of the newest revision of a document that is in ``revs``; 0 if none is."""
    among = frozenset(revs)
    known = [rev for rev in document.history if rev in among]
    return canonical.generation(known[0]) if known else 0


# ---------------------------------------------------------------------- JSON


def as_json(document: Document, members: Mapping[str, Any]) -> list[Piece]:
    """A document as JSON, with attachments as base64."""
    contents = _contents(members)
    if not contents:
        return [document.text(dict(members)).encode()]
    # It is random, so that no document contains it.
    mark = secrets.token_hex(16)
    text = document.text(_with_data(members, dict.fromkeys(contents, mark)))
    first, *rest = text.split(mark)
    pieces: list[Piece] = [first.encode()]
    # Canonical JSON has the members of an object in order.
    for name, following in zip(sorted(contents), rest, strict=True):
        pieces += [Base64(contents[name]), following.encode()]
    return pieces


def _contents(members: Mapping[str, Any]) -> dict[str, Content]:
    """The attachments that are sent with their contents."""
    shown = members.get("_attachments", {})
    return {
        name: meta["data"] for name, meta in shown.items() if isinstance(meta.get("data"), Content)
    }


def _with_data(members: Mapping[str, Any], data: Mapping[str, str]) -> dict[str, Any]:
    """The special properties with ``data`` in place of the contents of attachments.

    Attachments that ``data`` does not name are marked as following in parts of their own.
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
    """A document as the parts of multipart/related: its JSON, then its larger attachments."""
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
    """A document as a part of multipart/mixed. With attachments, it is multipart/related itself."""
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
    """An error in the place of a document."""
    return Section(_ERROR, [canonical.dumps(row).encode()])


def _json_section(text: str, *, packed: bool) -> Section:
    data = text.encode()
    if packed and len(data) >= MIN_PACKED:
        return Section({**_JSON, "Content-Encoding": "gzip"}, [gzip.compress(data)])
    return Section(_JSON, [data])


def _new_boundary() -> str:
    return secrets.token_hex(30)


def packs(call: Call) -> bool:
    """Whether a client accepts compressed parts of an answer."""
    return "gzip" in call.headers.get("x-accept-part-encoding", "")


def _content_type(subtype: str, boundary: str) -> str:
    return f'multipart/{subtype}; boundary="{boundary}"'


# ------------------------------------------------------------------- answers


def multipart_answer(
    subtype: str, sections: Iterable[Section], headers: Mapping[str, str] | None = None
) -> Answer:
    """A multipart answer."""
    boundary = _new_boundary()
    answer = Answer(headers={"Content-Type": _content_type(subtype, boundary), **(headers or {})})
    return fill(answer, itertools.chain(multipart.write(sections, boundary), [b"\r\n"]))


def fill(answer: Answer, pieces: Iterable[Piece], length: int | None = None) -> Answer:
    """The answer with a body (of ``length`` bytes, if that is known).

    A long body becomes a stream: it is made while it is sent. Errors that occur while its beginning
    is made are raised here.
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
    """The length of all pieces together, in bytes."""
    return sum(len(piece) if isinstance(piece, bytes) else piece.length for piece in pieces)


def _chunks(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """The bytes of pieces; small pieces are joined."""
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
