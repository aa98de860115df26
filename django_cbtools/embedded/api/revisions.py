"""REST API: missing revisions (`_revs_diff`) and revision trees (`_revtree`) of documents."""

from __future__ import annotations

from django_cbtools import canonical

from ..documents import documents, listing
from ..gostructs import Map
from ..http.answers import Answer
from ..http.messages import ADMIN_PORT, Call, document_id

_TEXT = "text/plain; charset=UTF-8"


def revs_diff(call: Call) -> Answer:
    """POST _revs_diff: return which of the given revisions are missing, and possible ancestors."""
    asked = call.struct(Map("map[string][]string", "[]string")) or {}
    # As on a real gateway, null is skipped, and so are design documents on the public port.
    wanted = {
        uid: revs
        for uid, revs in asked.items()
        if revs is not None and (call.port == ADMIN_PORT or not uid.startswith("_design/"))
    }
    rows = {}
    for uid, document in listing.named(call.database, list(wanted), bodies=False):
        row = listing.difference(document, wanted[uid])
        if row:
            rows[uid] = row
    # A real gateway sends this content type (09-revs.json).
    return Answer(200, canonical.dumps(rows).encode(), {"Content-Type": _TEXT.lower()})


def revision_tree(call: Call) -> Answer:
    """GET _revtree: return the revision tree of a document as a Graphviz graph."""
    tree = documents.current(call.database, document_id(call.names["doc"])).tree
    edges: dict[str, None] = {}
    for leaf in tree.leaves():
        for rev in tree.history(leaf):
            parent = tree.parent(rev)
            if parent or rev == leaf:
                edges[_edge(parent, rev, is_deleted=tree.is_deleted(rev))] = None
    text = "digraph graphname{" + "".join(edges) + "}"
    return Answer(200, text.encode(), {"Content-Type": _TEXT})


def _edge(parent: str, rev: str, *, is_deleted: bool) -> str:
    if is_deleted:
        label = '[label="Tombstone", fontcolor=red]'
        return f'"{rev}" [fontcolor=red];"{parent}" -> "{rev}" {label};'
    return f'"{parent}" -> "{rev}"; '
