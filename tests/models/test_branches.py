"""What conflicts and revisions cost."""

from __future__ import annotations

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.branches import push
from tests.testapp.models import CBArticle

LEAVES = ["POST _changes", "POST _bulk_get"]


@pytest.mark.parametrize("count", [1, 2, 10])
def test_leaves_take_two_requests(db, round_trips, count):
    for number in range(count):
        push("atl_1", f"abc{number}", title=str(number))
    del round_trips[:]
    assert len(CBArticle.conflicts("atl_1")) == (count if count > 1 else 0)
    assert round_trips == LEAVES


@pytest.mark.parametrize(("winner", "writes"), [("1-abc2", 0), ("1-abc0", 1)])
def test_resolving_takes_a_write_for_each_that_changes(db, round_trips, winner, writes):
    for number in range(3):
        push("atl_1", f"abc{number}", title=str(number))
    del round_trips[:]
    CBArticle.resolve_conflict("atl_1", winner=winner)
    assert round_trips == [*LEAVES, *["PUT atl_1"] * (writes + 2)]


@pytest.mark.parametrize("count", [1, 2, 30])
def test_revisions_take_two_requests(db, round_trips, count):
    article = CBArticle(title="t", channels=["c"])
    for number in range(count):
        article.year_published = number
        article.save()
    del round_trips[:]
    found = CBArticle.revisions(article.uid, 40)
    years = [each.instance.year_published for each in found]
    assert years == list(range(count))[::-1]
    assert round_trips == [f"GET {article.uid}", "POST _bulk_get"][: min(count, 2)]
    assert [each.rev for each in SyncGateway.get_revisions(article.uid, 2)] == [
        each.rev for each in found[:2]
    ]
