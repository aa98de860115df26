"""Short ways to write documents and to ask views about them."""

from __future__ import annotations

import atexit
import functools
import json
from collections.abc import Iterable, Mapping
from typing import Any

from py_mini_racer import MiniRacer

from django_cbtools.embedded import javascript
from django_cbtools.query import Query, ViewRow, view_rows
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import ADMIN, request

BY_N = "function (doc, meta) { emit(doc.n, null); }"


def put_design(name: str, **views: Any) -> None:
    """Deploy views, each given as its map function, or as map and reduce function."""
    bodies = {}
    for view, functions in views.items():
        map_function, reduce = (functions, "") if isinstance(functions, str) else functions
        bodies[view] = {"map": map_function, "reduce": reduce}
    request(ADMIN, "PUT", "_design", name, body={"views": bodies})


def put_view(map_function: str, reduce: str = "") -> None:
    """Deploy the view ``d/v``."""
    put_design("d", v=(map_function, reduce))


def write(documents: Mapping[str, Mapping[str, Any] | None]) -> None:
    """Create, update and (None) delete documents, in this order."""
    known = SyncGateway.all_docs(list(documents))["rows"]
    revs = {row["id"]: row["value"]["rev"] for row in known if "value" in row}
    bodies = []
    for uid, document in documents.items():
        body = {"_id": uid, **({"_deleted": True} if document is None else document)}
        if uid in revs:
            body["_rev"] = revs[uid]
        bodies.append(body)
    for row in SyncGateway.bulk_docs(bodies):
        assert "rev" in row, row


def rows(view: str = "d/v", **parameters: Any) -> list[ViewRow]:
    return view_rows(view, Query(**parameters))


def ids(view: str = "d/v", **parameters: Any) -> list[str]:
    return [row.id for row in rows(view, **parameters)]


def loads(monkeypatch: Any) -> list[int]:
    """How many documents V8 is given, each time that it is given any from now on."""
    sizes = []
    call_text = javascript.Engine.call_text

    def spy(self: javascript.Engine, text: str, *args: Any) -> str:
        call = json.loads(text)
        if call[0] == "load":
            sizes.append(len(call[1][0]))
        return call_text(self, text, *args)

    monkeypatch.setattr(javascript.Engine, "call_text", spy)
    return sizes


@functools.cache
def _reference() -> Any:
    context = MiniRacer()
    atexit.register(context.close)
    return context.eval(
        """
        text => {
          const compare = new Intl.Collator("en-US").compare;
          const texts = JSON.parse(text);
          const sorted = texts.map((text, n) => [text.toWellFormed(), n]);
          sorted.sort((a, b) => compare(a[0], b[0]));
          const ranks = new Array(texts.length);
          let rank = 0;
          sorted.forEach(([text, n], at) => {
            if (at && compare(sorted[at - 1][0], text) !== 0) rank++;
            ranks[n] = rank;
          });
          return JSON.stringify(ranks);
        }
        """
    )


def ranks(texts: Iterable[str]) -> dict[str, int]:
    """The places of texts in V8's own order; those that compare as equal share one."""
    listed = list(set(texts))
    places = json.loads(_reference()(json.dumps(listed)))
    return dict(zip(listed, places, strict=True))
