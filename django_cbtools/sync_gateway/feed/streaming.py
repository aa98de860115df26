"""Reads the rows of a feed's response from the connection while they arrive."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from django_cbtools.exceptions import SyncGatewayUnavailable

from ..calls.matching import other
from ..calls.parsing import Answer, NotAnAnswer
from ..transport import failures
from ..transport.transport import SETTINGS
from .change import Change

_CHUNK = 64 * 1024


def rows(response: requests.Response, most: int, members: dict[str, Any]) -> Iterator[Change]:
    """Yield the rows of a response. At the end, ``members`` gets the members around the rows.

    Raises SyncGatewayUnavailable if the response breaks off, is no feed, or has a row of more than
    ``most`` bytes.
    """
    pieces = response.iter_content(_CHUNK)
    answer = Answer(lambda: next(pieces, b""), most)
    with response:
        try:
            for row in answer.rows():
                yield _change(response, row)
        except NotAnAnswer as error:
            raise other(response, f"it has no rows of a feed, {error}") from error
        except RecursionError as error:
            raise other(response, "a row is nested too deeply") from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as e:
            why = failures.why_no_answer(e, SETTINGS["public"], "SYNC_GATEWAY_OPTIONS", "deadline")
            raise SyncGatewayUnavailable(
                f"The gateway at {failures.host_of(response.url)} broke off its answer to "
                f"{urlsplit(response.url).path}: {why.text} ({type(e).__name__})."
            ) from e
    if "last_seq" not in answer.members:
        raise other(response, "it has no last_seq")
    members.update(answer.members)


def _change(response: requests.Response, row: Any) -> Change:
    is_row = isinstance(row, dict)
    seq, uid, doc = (row.get(name) if is_row else None for name in ("seq", "id", "doc"))
    changes = row.get("changes") if is_row else None
    if (
        not isinstance(uid, str)
        or isinstance(seq, bool)
        or not isinstance(seq, (str, int))
        or not isinstance(changes, list)
        or (doc is not None and (not isinstance(doc, dict) or doc.get("_id") != uid))
    ):
        raise other(response, "it has no rows of a feed")
    revs = (change.get("rev") for change in changes if isinstance(change, dict))
    return Change(
        str(seq),
        uid,
        tuple(rev for rev in revs if isinstance(rev, str)),
        row.get("deleted") is True,
        tuple(row.get("removed") or ()),
        row.get("revoked") is True,
        doc,
    )
