"""As ``tests.gateway.fuzz.server``, but revisions are digests as they were up to Sync Gateway 2.6:
with ``_attachments``, as they are kept (db/crud.go there: storeAttachments comes before
createRevID).
"""

from __future__ import annotations

import base64
import runpy
from collections.abc import Mapping
from typing import Any

from django_cbtools import canonical
from tests.gateway.attachments.client import digest_of

_digest_body, _revision_id = canonical.digest_body, canonical.revision_id


class _Text(str):
    """What was digested without attachments, and these."""

    attachments: Any


def digest_body(body: Mapping[str, Any]) -> str:
    text = _Text(_digest_body(body))
    text.attachments = body.get("_attachments")
    return text


def revision_id(parent: str, text: str) -> str:
    attachments = getattr(text, "attachments", None)
    if attachments is not None:
        kept = {name: _stub(meta, parent) for name, meta in attachments.items()}
        text = canonical.dumps({**canonical.loads(text)[0], "_attachments": kept})
    return _revision_id(parent, text)


def _stub(meta: dict[str, Any], parent: str) -> dict[str, Any]:
    if "data" not in meta:
        return meta
    data = base64.b64decode(meta["data"])
    return {
        **{key: value for key, value in meta.items() if key in ("content_type", "encoding")},
        "digest": digest_of(data),
        "length": len(data),
        "revpos": canonical.generation(parent) + 1,
        "stub": True,
    }


canonical.digest_body, canonical.revision_id = digest_body, revision_id

if __name__ == "__main__":
    runpy.run_module("tests.gateway.fuzz.server", run_name="__main__")
