"""Writes whose answers do not come, of documents whose histories end early."""

from __future__ import annotations

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayAnswerLost,
    SyncGatewayBulkError,
    SyncGatewayConflict,
)
from tests.sync_gateway.lost_answers.writes import (
    ARRIVED,
    NOT_ARRIVED,
    lost_write,
    new_article,
    saved_article,
    write_on,
)


@pytest.fixture
def short(line):
    """A gateway that keeps three revisions in a history."""
    assert line.rival.ask("POST", "/_config", {"revs_limit": 3})[0] == 201
    yield line
    assert line.rival.ask("POST", "/_config", {"revs_limit": 1000})[0] == 201


@pytest.mark.parametrize(
    ("fault", "others", "error"),
    [
        (ARRIVED, 1, None),
        (ARRIVED, 2, None),
        (ARRIVED, 3, SyncGatewayAnswerLost),
        (ARRIVED, 9, SyncGatewayAnswerLost),
        (NOT_ARRIVED, 1, SyncGatewayConflict),
        (NOT_ARRIVED, 3, SyncGatewayConflict),
        (NOT_ARRIVED, 4, SyncGatewayAnswerLost),
        (NOT_ARRIVED, 9, SyncGatewayAnswerLost),
    ],
)
@pytest.mark.parametrize("how", ["save", "bulk"])
def test_update_in_a_short_history(short, uid, fault, others, error, how):
    article = saved_article(uid)
    lost_write(short, fault, lambda: write_on(short, uid, others))
    _check_short(short, article, error, how)


@pytest.mark.parametrize(
    ("fault", "others", "error"),
    [
        (ARRIVED, 2, None),
        (ARRIVED, 3, SyncGatewayAnswerLost),
        (NOT_ARRIVED, 3, SyncGatewayConflict),
        (NOT_ARRIVED, 4, SyncGatewayAnswerLost),
    ],
)
@pytest.mark.parametrize("how", ["save", "bulk"])
def test_create_in_a_short_history(short, uid, fault, others, error, how):
    lost_write(short, fault, lambda: write_on(short, uid, others))
    _check_short(short, new_article(uid), error, how)


def _check_short(line, article, error, how):
    rev, found = article.rev, None
    try:
        if how == "save":
            article.save()
        else:
            SyncGateway.save_documents([article])
    except SyncGatewayBulkError as caught:
        found = type(caught.errors[article.uid])
    except (SyncGatewayAnswerLost, SyncGatewayConflict) as caught:
        found = type(caught)
    assert found is error
    assert (article.rev == rev) == (error is not None)
    assert line.writes == 1
    assert line.rival.leaves(article.uid)[0]["title"].startswith("other")
