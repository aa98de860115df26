"""Turns: first come, first served, and nobody has more places than he may."""

from __future__ import annotations

import asyncio
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
        before = len(self.order) + self.turns.waiting
        thread.start()
        wait_for(lambda: len(self.order) + self.turns.waiting > before)
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


def test_users_who_wait_get_places_by_turns():
    """However many threads one of them has, and whenever another comes."""
    guests = Guests(Turns())
    events = [guests.come(name, name[0]) for name in ("a1", "a2", "a3", "a4", "b1", "c1", "b2")]
    by_name = dict(zip(("a1", "a2", "a3", "a4", "b1", "c1", "b2"), events, strict=True))
    order = ("a1", "a2", "b1", "c1", "a3", "b2", "a4")
    for name in order:
        wait_for(lambda name=name: guests.inside == [name])
        by_name[name].set()
    for thread in guests.threads:
        thread.join()
    assert tuple(guests.order) == order


def test_tasks_wait_without_a_thread():
    turns = Turns()
    order = []

    async def come(name):
        await turns.enter_async(name)
        order.append(name)
        await asyncio.sleep(0)
        turns.leave(name)

    async def everybody():
        turns.enter("first")
        tasks = [asyncio.create_task(come(name)) for name in "aab"]
        given_up = asyncio.create_task(come("c"))
        await asyncio.sleep(0)
        assert turns.waiting == 4
        given_up.cancel()
        await asyncio.wait([given_up])
        turns.leave("first")
        await asyncio.gather(*tasks)

    asyncio.run(everybody())
    assert order == ["a", "b", "a"]
    assert (turns._free, turns.waiting) == (1, 0)


def test_a_task_that_is_cancelled_after_its_turn_has_come():
    turns = Turns()

    async def come():
        await turns.enter_async()

    async def everybody():
        turns.enter()
        task = asyncio.create_task(come())
        await asyncio.sleep(0)
        turns.leave()
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(everybody())
    assert turns.enter(timeout=0)
