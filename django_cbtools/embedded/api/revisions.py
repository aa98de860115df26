"""REST API: missing revisions (`_revs_diff`) and revision trees (`_revtree`) of documents."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence

from django_cbtools import canonical

from ..documents import documents, listing
from ..documents.documents import Document
from ..gostructs import Map
from ..http.answers import Answer
from ..http.messages import ADMIN_PORT, Call, document_id

#: A possible ancestor is at most this many generations older than the missing revision.
_NEAR = 100
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
        row = _difference(document, wanted[uid])
        if row:
            rows[uid] = row
    # A real gateway sends this content type (09-revs.json).
    return Answer(200, canonical.dumps(rows).encode(), {"Content-Type": _TEXT.lower()})


def _difference(document: Document | None, revs: Sequence[str]) -> dict[str, list[str]]:
    if document is None:
        return {"missing": list(revs)}
    tree, known = document.tree, set(revs)
    missing = [rev for rev in revs if rev not in tree]
    if not missing:
        return {}
    numbers = sorted({canonical.generation(rev) for rev in missing if documents.REV.match(rev)})
    possible: dict[str, None] = {}
    for leaf in tree.leaves():
        below = canonical.generation(leaf)
        place = bisect(numbers, below)
        if leaf in known:
            continue
        if place and numbers[place - 1] == below and tree.parent(leaf):
            possible[tree.parent(leaf)] = None
        if place < len(numbers) and numbers[place] <= below + _NEAR:
            possible[leaf] = None
    return {"missing": missing, **({"possible_ancestors": list(possible)} if possible else {})}


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
