"""What a follower keeps, over a bad line: its own writes are no conflicts."""

from __future__ import annotations

import json

import pytest

from django_cbtools.exceptions import SyncGatewayConflict, SyncGatewayUnavailable
from django_cbtools.following.notes import Note
from tests.sync_gateway.scripted import HTTP, reply, use

GONE = {"error": "not_found", "reason": "missing"}
CONFLICT = {"error": "conflict", "reason": "Document update conflict"}


class Gateway:
    """A gateway with one local document. ``loses`` says of each write in turn what is lost: its
    "answer", or the "request"; ``is_down`` is whether it can be read."""

    def __init__(self):
        self.body, self.version, self.loses, self.is_down = None, 0, [], False

    def __call__(self, request):
        if request.method == "GET":
            if self.is_down:
                return None
            if self.body is None:
                return reply(GONE, 404)
            return reply({**self.body, "_id": "_local/x", "_rev": f"0-{self.version}"})
        lost = self.loses.pop(0) if self.loses else ""
        if lost == "request":
            return None
        body = json.loads(request.body)
        if body.pop("_rev", "0-0") != f"0-{self.version}":
            return reply(CONFLICT, 409)
        self.body, self.version = body, self.version + 1
        return None if lost else reply({"id": "_local/x", "rev": f"0-{self.version}"}, 201)


@pytest.fixture
def gateway(settings):
    gateway = Gateway()
    with HTTP(gateway) as server:
        use(settings, server.url, retries=0)
        yield gateway


@pytest.mark.parametrize("loses", [["answer"], ["request"], ["answer", "answer"]])
def test_lost_answers(gateway, loses):
    note = Note("test", "x")
    assert note.read() is None
    note.write({"n": 1})
    gateway.loses = loses
    note.write({"n": 2})
    assert gateway.body["n"] == 2
    note.write({"n": 3})
    assert gateway.body["n"] == 3


def test_gateway_that_goes_down_before_it_can_be_asked(gateway):
    note = Note("test", "x")
    note.write({"n": 1})
    gateway.loses, gateway.is_down = ["answer"], True
    with pytest.raises(SyncGatewayUnavailable):
        note.write({"n": 2})
    gateway.is_down = False
    note.write({"n": 3})
    assert gateway.body["n"] == 3


def test_somebody_else_has_written(gateway):
    note, other = Note("test", "x"), Note("test", "x")
    note.write({"n": 1})
    other.read()
    other.write({"n": 2})
    with pytest.raises(SyncGatewayConflict):
        note.write({"n": 3})
    gateway.loses = ["request"]
    with pytest.raises(SyncGatewayConflict):
        note.write({"n": 4})
    assert gateway.body["n"] == 2
