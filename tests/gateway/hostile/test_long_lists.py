"""What a client lists costs as much as it is long, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cbtools.embedded.documents import listing
from django_cbtools.embedded.documents.documents import Document
from tests.gateway.access.client import ADMIN, create_database

pytestmark = pytest.mark.django_db

FEW, TIMES = 1000, 16


def seconds(work: Callable[[], Any]) -> float:
    def once() -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    return min(once() for _ in range(3))


def check(work: Callable[[int], Any]) -> None:
    """Sixteen times as much takes about sixteen times as long, not 256 times."""
    few = seconds(lambda: work(FEW))
    many = seconds(lambda: work(FEW * TIMES))
    assert many < few * TIMES * 4, (few, many)


@pytest.fixture(autouse=True)
def documents() -> None:
    create_database("function () {}")
    ADMIN.put("/one", {})
    for number in range(20):
        ADMIN.ask("POST", "/_bulk_docs", {
            "docs": [{
                "_id": "branched", "_deleted": number > 0,
                "_revisions": {"start": 2, "ids": [f"b{number}", f"a{number}"]},
            }],
            "new_edits": False,
        })  # fmt: skip


@pytest.mark.parametrize("uid", ["one", "branched", "never"])
@pytest.mark.parametrize("generation", ["2-{}", "{}-a"])
def test_revisions_that_are_not_known(uid: str, generation: str) -> None:
    def work(count: int) -> None:
        revs = [generation.format(number) for number in range(2, count + 2)]
        status, answer = ADMIN.ask("POST", "/_revs_diff", {uid: revs})
        assert status == 200
        assert len(answer[uid]["missing"]) == count

    check(work)


def test_possible_ancestors() -> None:
    rev = ADMIN.get("/one")[1]["_rev"]
    for asked, found in (
        (["1-x"], None), (["2-x"], [rev]), (["101-x"], [rev]), (["102-x"], None),
        (["102-x", "5-y"], [rev]), ([rev, "2-x"], None), (["x", "0-x", "-1-x"], None),
    ):  # fmt: skip
        answer = ADMIN.ask("POST", "/_revs_diff", {"one": asked})[1]
        assert answer["one"].get("possible_ancestors") == found
        assert answer["one"]["missing"] == [it for it in asked if it != rev]


def test_revisions_that_a_client_has() -> None:
    def work(count: int) -> None:
        tree = ",".join(f'"{number}-a"' for number in range(count, 0, -1))
        document = Document("uid", f"{count}-a", "", 1, False, "{}", f"[{tree}]")
        known = [f"{number}-a" for number in range(count, 0, -1)]
        assert document.revisions(known=known[-3:])["start"] == count
        assert len(document.revisions(known=known)["ids"]) == 1

    check(work)


def queries(*request: Any, **query: Any) -> int:
    """How many queries it takes to answer a request."""
    with CaptureQueriesContext(connection) as captured:
        assert b"".join(ADMIN.send(*request, **query).chunks())
    return len(captured)


def test_revisions_of_one_document() -> None:
    """A document is not read anew for each of its revisions: it may be large."""
    revs = [f"1-{number}" for number in range(500)]
    few = queries("GET", "/one", open_revs=revs[:1])
    assert queries("GET", "/one", open_revs=revs) == few


def test_a_document_that_is_asked_for_many_times() -> None:
    docs = [{"id": "one", "rev": f"1-{number}"} for number in range(500)]
    few = queries("POST", "/_bulk_get", {"docs": docs[:1]})
    assert queries("POST", "/_bulk_get", {"docs": docs}) < few + 20


@pytest.mark.parametrize("size", [1, listing._MAX_BYTES])
def test_ids_with_nul_in_lists(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are ids of no document, also where a batch ends early."""
    monkeypatch.setattr(listing, "_MAX_BYTES", size)
    uids = ["one\0x", "branched\0", "one", "\0", "one\0x", "never"]
    _, answer = ADMIN.ask("POST", "/_all_docs", {"keys": uids})
    assert [row.get("id") for row in answer["rows"]] == [None, None, "one", None, None, None]
    _, missing = ADMIN.ask("POST", "/_revs_diff", {uid: ["1-x"] for uid in uids})
    assert missing.keys() == set(uids)
    body = {"filter": "_doc_ids", "doc_ids": uids}
    _, changes = ADMIN.ask("POST", "/_changes", body)
    assert [entry["id"] for entry in changes["results"]] == ["one"]
    _, rows = ADMIN.ask("POST", "/_changes", {**body, "include_docs": True})
    assert rows["results"][0]["doc"]["_id"] == "one"
    text = b"".join(
        ADMIN.send("POST", "/_bulk_get", {"docs": [{"id": uid} for uid in uids]}).chunks()
    )
    assert text.count(b'"error":"not_found"') == len(uids) - 1
