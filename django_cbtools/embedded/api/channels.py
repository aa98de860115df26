"""Admin API: the channel history of documents, and the documents of a channel."""

from __future__ import annotations

from django.utils.html import escape

from django_cbtools import canonical

from ..documents import documents, memberships
from ..errors import GatewayError, bad_request, missing
from ..feed import changelog
from ..feed.sequences import LAST
from ..gostructs import Struct
from ..http.answers import Answer
from ..http.messages import Call, document_id, unescape

_COMPACTION = Struct("CompactDocChannelHistoryRequest", {"seq": "uint64"})


def channel_history(call: Call) -> Answer:
    """GET _channel_history: return the channels that a document left, with the sequences."""
    document = documents.current(call.database, document_id(call.names["doc"]))
    return call.json(canonical.dumps(memberships.left(document)))


def compact_channel_history(call: Call) -> Answer:
    """POST _channel_history/.../compact: remove the history up to a sequence."""
    uid = document_id(call.names["doc"])
    try:
        sequence = call.struct(_COMPACTION).get("seq", 0)
    except GatewayError as error:
        raise bad_request(f"invalid JSON: {error}") from None
    if not sequence:
        raise bad_request("missing seq")
    names = memberships.forget(call.database, uid, sequence)
    return call.json(canonical.dumps({"compacted_channels": names}))


def dump_channel(call: Call) -> Answer:
    """GET _dumpchannel: the documents of a channel, as an HTML page."""
    name = unescape(call.names["channel"])
    since = call.integer("since") or 0
    changes = list(changelog.read(call.database, [name], since, LAST, live=True))
    if not changes:
        raise missing("no such channel")
    title = escape(f"/{call.database.name}: “{name}” Channel")
    rows = "".join(map(_row, changes))
    page = (
        f"<!DOCTYPE html><html><head><title>{title}</title></head><body>\n"
        f"\t\t<h1>{title}</h1><code>\n"
        f"\t\t<p>Since = {changes[0].sequence - 1}</p>\n"
        "\t\t<table border=1>\n"
        "\t\t\t<tr><th>Seq</th><th>Doc</th><th>Rev</th><th>Flags</th></tr>\n"
        f"{rows}</table>\n</code></html></body>"
    )
    return Answer(200, page.encode(), {"Content-Type": 'text/html; charset="UTF-8"'})


def _row(change: changelog.Change) -> str:
    flags = documents.DELETED * change.deleted | documents.BRANCHED * change.branched
    return (
        f"\t<tr><td>{change.sequence}</td><td>{escape(change.uid)}</td>"
        f"<td>{escape(change.rev)}</td><td>{flags:08b}</td></tr>\n"
    )
