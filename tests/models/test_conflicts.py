"""Doing it again where somebody else was first: retry_on_conflict."""

from __future__ import annotations

import asyncio
import logging
import re

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction, sync_to_async
from django.db import connection, transaction

from django_cbtools.models import MergeConflict, retry_on_conflict
from django_cbtools.sync_gateway import (
    SyncGatewayBulkError,
    SyncGatewayConflict,
    SyncGatewayNotFound,
)
from tests.models.rivals import at_once, failing
from tests.testapp.models import CBArticle

# ------------------------------------------------------------------ functions


@pytest.mark.parametrize("times", [1, 2])
def test_it_is_done_again_until_it_succeeds(rival, times):
    first = rival(times)

    @at_once
    def publish(uid, *, title):
        """Publish it."""
        document = CBArticle(uid)
        document.title = title
        first()
        document.save()
        return document.rev

    rev = publish(first.uid, title="new")
    saved = CBArticle(first.uid)
    assert (saved.title, saved.year_published, saved.rev) == ("new", 2014 + 100 * times, rev)
    assert (publish.__name__, publish.__doc__) == ("publish", "Publish it.")


def test_the_last_conflict_is_raised(rival):
    first = rival(times=99)

    @at_once
    def publish():
        document = CBArticle(first.uid)
        first()
        document.save()

    with pytest.raises(SyncGatewayConflict) as caught:
        publish()
    assert (caught.value.uid, first.called) == (first.uid, 3)
    assert CBArticle(first.uid).title == "t"


def test_no_arguments_are_needed(slept):
    function, calls = failing(2)
    assert retry_on_conflict(function)(1, b=2) == "attempt 3"
    assert calls == [((1,), {"b": 2})] * 3
    assert len(slept) == 2


def test_each_wait_is_longer_and_none_is_like_another(slept):
    for _ in range(50):
        function, _ = failing(9)
        with pytest.raises(SyncGatewayConflict, match="attempt 5"):
            retry_on_conflict(attempts=5, delay=2, backoff=3)(function)()
    assert len(slept) == 4 * 50
    for number, expected in enumerate([2, 6, 18, 54]):
        waited = slept[number::4]
        assert all(expected / 2 <= seconds <= expected * 1.5 for seconds in waited)
        assert len(set(waited)) > 1


def test_one_attempt_never_waits(slept):
    function, calls = failing(1)
    with pytest.raises(SyncGatewayConflict, match="attempt 1"):
        retry_on_conflict(attempts=1)(function)()
    assert (len(calls), slept) == (1, [])


def test_a_merge_conflict_is_one_too():
    function, calls = failing(1, MergeConflict(("title",), "atl_x"))
    assert at_once(function)() == "attempt 2"
    assert len(calls) == 2


@pytest.mark.parametrize(
    "error",
    [
        ValueError("x"),
        SyncGatewayNotFound("x"),
        # The documents beside the refused ones are saved, and would be once more.
        SyncGatewayBulkError({"a": SyncGatewayConflict("x", status=409)}, saved=1),
    ],
)
def test_nothing_else_is_done_again(error):
    function, calls = failing(1, error)
    with pytest.raises(type(error)):
        at_once(function)()
    assert len(calls) == 1


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"delay": -1}, {"backoff": -0.5}])
def test_numbers_that_make_no_sense(wrong):
    with pytest.raises(ValueError, match=r"retry_on_conflict\(\) takes"):
        retry_on_conflict(**wrong)


def test_a_number_is_no_function():
    with pytest.raises(TypeError, match="decorates a function, not 3"):
        retry_on_conflict(3)


def test_log(caplog, slept):
    function, _ = failing(1)
    with caplog.at_level(logging.INFO, "django_cbtools"):
        retry_on_conflict(function)()
    (record,) = caplog.records
    assert record.name == "django_cbtools.conflicts"
    assert re.fullmatch(
        r"failing.<locals>.function: 'attempt 1'. Again in 0\.[2-7]\d seconds\.",
        record.getMessage(),
    )


# ----------------------------------------------------------------------- async


def test_async_function(rival, monkeypatch):
    first = rival(times=2)
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)

    @retry_on_conflict
    async def publish(title):
        document = CBArticle()
        await document.aload(first.uid)
        document.title = title
        await sync_to_async(first)()
        await document.asave()
        return document.title

    assert iscoroutinefunction(publish)
    assert async_to_sync(publish)("new") == "new"
    assert CBArticle(first.uid).year_published == 2214
    assert len(slept) == 2
    assert 0.25 <= slept[0] <= 0.75


def test_async_function_raises_the_last_conflict():
    tried = []

    @at_once
    async def publish():
        tried.append(1)
        raise SyncGatewayConflict(f"attempt {len(tried)}")

    with pytest.raises(SyncGatewayConflict, match="attempt 3"):
        asyncio.run(publish())


# ---------------------------------------------------------------- transactions


def test_inside_atomic(rival):
    first = rival()

    @at_once
    def publish():
        document = CBArticle(first.uid)
        document.title = "new"
        first()
        document.save()

    with transaction.atomic():
        publish()
    assert CBArticle(first.uid).title == "new"
    assert first.called == 2


def test_each_attempt_may_be_a_transaction(rival):
    first = rival()

    @at_once
    @transaction.atomic
    def publish():
        CBArticle(uid="atl_other", channels=["c"]).save()
        document = CBArticle(first.uid)
        if first.called == 0:
            first()
            # As it would have been: the rival's write is not undone with ours.
            first.called = 1
            raise SyncGatewayConflict("stale")
        document.save()

    publish()
    assert CBArticle("atl_other").rev.startswith("1-")


@pytest.mark.django_db(transaction=True)
def test_a_broken_transaction_is_left_alone(caplog):
    function, calls = failing(1)

    @at_once
    def publish():
        with transaction.atomic(savepoint=False):
            function()

    with pytest.raises(SyncGatewayConflict, match="attempt 1"), transaction.atomic():
        publish()
    assert len(calls) == 1
    assert not connection.needs_rollback
    assert "the transaction is broken" in caplog.text
