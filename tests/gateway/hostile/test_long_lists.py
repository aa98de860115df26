"""What a client lists costs as much as it is long, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest

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
