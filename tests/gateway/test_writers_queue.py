"""Transactions of one process have their turns at the SQLite file; no thread waits for itself."""

from __future__ import annotations

import sqlite3
import threading

import pytest
from django.db import OperationalError, connection, connections, transaction

from django_cbtools.backends.embedded import writers
from tests.gateway.test_turns import wait_for

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "plain"])


@pytest.fixture
def turns():
    with transaction.atomic():
        found = connection._turns
    yield found
    assert found.enter(timeout=0)  # nobody has kept it
    found.leave()


def in_thread(work):
    def call():
        try:
            work()
        finally:
            for wrapper in connections.all(initialized_only=True):
                wrapper._close()  # close() leaves a database in memory open

    thread = threading.Thread(target=call)
    thread.start()
    return thread


def test_writers_write_in_the_order_in_which_they_come(turns):
    order = []

    def write(number):
        with transaction.atomic():
            order.append(number)

    threads = []
    with transaction.atomic():
        for number in range(30):
            threads.append(in_thread(lambda number=number: write(number)))
            wait_for(lambda: turns.waiting == len(threads))
    for thread in threads:
        thread.join()
    assert order == list(range(30))


def test_blocks_inside_of_others_have_no_turn_of_their_own(turns):
    with transaction.atomic():
        with transaction.atomic():
            assert connection._turns is turns
        with pytest.raises(KeyError), transaction.atomic():
            raise KeyError
        assert connection._turns is turns
    assert connection._turns is None


def test_a_connection_that_is_dropped_in_a_transaction(turns):
    """The fixture sees that nobody has kept the turn."""
    in_thread(lambda: transaction.atomic().__enter__()).join()


def test_a_transaction_that_a_commit_begins(turns):
    done = []

    def another():
        with transaction.atomic():
            done.append(connection._turns is turns)

    with transaction.atomic():
        transaction.on_commit(another)
    assert done == [True]


def test_a_connection_that_is_closed_inside_gives_its_turn_back(turns):
    with transaction.atomic():
        connection.close()
        assert connection._turns is None
    with pytest.raises(OperationalError), transaction.atomic():
        connection.cursor().execute("nonsense")
    assert connection._turns is None


def test_a_thread_inside_another_transaction_does_not_wait(turns):
    """Whoever has the turn may be waiting for that very transaction."""
    done = threading.Event()

    def write():
        connection.settings_dict = {**connection.settings_dict, "OPTIONS": {"timeout": 0}}
        with transaction.atomic(using="plain"):
            with pytest.raises(OperationalError), transaction.atomic():
                pass
            assert writers.enter(connection) is None
        done.set()

    with transaction.atomic():
        thread = in_thread(write)
        thread.join()
    assert done.is_set()


def test_one_that_sqlite_refuses_gives_its_turn_back(turns):
    other = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    connection.ensure_connection()
    connection.connection.execute("PRAGMA busy_timeout = 0")
    try:
        with pytest.raises(OperationalError, match="locked"), transaction.atomic():
            pass
        assert connection._turns is None
    finally:
        other.close()
        connection.close()


def test_whoever_has_waited_for_long_enough_goes_on_without(turns, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {"timeout": 0})
    assert turns.enter()
    try:
        with transaction.atomic():
            assert connection._turns is None
    finally:
        turns.leave()


def test_two_names_of_one_file_have_one_queue(tmp_path, turns):
    link = tmp_path / "link.sqlite3"
    link.symlink_to(connection.settings_dict["NAME"])
    assert writers._real_path(str(link)) in writers._files
