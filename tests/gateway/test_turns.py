"""Turns: first come, first served, and nobody has more places than he may."""

from __future__ import annotations

import threading
import time

import pytest

from django_cbtools.embedded.turns import Turns
from tests.programs import run


def wait_for(condition):
    while not condition():
        time.sleep(0.001)


class Guests:
    """Threads that wait for a turn, and the order in which they have had it."""

    def __init__(self, turns):
        self.turns = turns
        self.order = []
        self.inside = []
        self.threads = []

    def come(self, name, user=None):
        done = threading.Event()

        def have_a_turn():
            with self.turns.turn(user):
                self.order.append(name)
                self.inside.append(name)
                done.wait()
                self.inside.remove(name)

        thread = threading.Thread(target=have_a_turn, daemon=True)
        before = len(self.order) + len(self.turns._waiting)
        thread.start()
        wait_for(lambda: len(self.order) + len(self.turns._waiting) > before)
        self.threads.append(thread)
        return done


def test_first_come_first_served():
    guests = Guests(Turns())
    events = [guests.come(n) for n in range(50)]
    assert guests.inside == [0]
    for n, event in enumerate(events):
        wait_for(lambda n=n: guests.inside == [n])
        event.set()
    wait_for(lambda: not guests.inside)
    assert guests.order == list(range(50))


def test_one_user_has_no_more_places_than_he_may():
    guests = Guests(Turns(places=3, each=2))
    first = guests.come("a1", "a")
    more = [guests.come(f"a{n}", "a") for n in (2, 3, 4)]
    assert guests.inside == ["a1", "a2"]
    polite = guests.come("b1", "b")
    wait_for(lambda: "b1" in guests.inside)
    first.set()
    wait_for(lambda: "a3" in guests.inside)
    assert guests.order == ["a1", "a2", "b1", "a3"]
    polite.set()
    for event in more:
        event.set()
    for thread in guests.threads:
        thread.join()
    assert guests.order == ["a1", "a2", "b1", "a3", "a4"]
    assert not guests.turns._held


def test_whoever_is_nobody_in_particular_has_no_limit():
    turns = Turns(places=3, each=1)
    assert [turns.enter(None, timeout=0) for _ in range(4)] == [True, True, True, False]


def test_whoever_gives_up_is_passed_over():
    turns = Turns()
    assert turns.enter()
    assert not turns.enter(timeout=0)
    assert not turns._waiting
    turns.leave()
    assert turns.enter(timeout=0)


def test_an_exception_gives_the_place_back():
    turns = Turns()
    with pytest.raises(KeyError), turns.turn():
        raise KeyError
    assert turns.enter(timeout=0)


FORK = """
import os
from django_cbtools.embedded.turns import Turns

turns = Turns()
turns.enter()
turns._lock.acquire()  # as another thread may have done
if not os.fork():
    turns.leave()
    assert turns.enter(timeout=0) and not turns.enter(timeout=0)
    os._exit(0)
assert os.wait()[1] == 0
"""


def test_a_child_does_not_wait_for_threads_of_its_parent():
    run("-c", FORK)
