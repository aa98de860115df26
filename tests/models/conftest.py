"""Fixtures of the tests of models."""

from __future__ import annotations

import time

import pytest

from django_cbtools.sync_gateway.transport import in_process
from tests.models.rivals import Rival


@pytest.fixture
def round_trips(monkeypatch):
    """What the gateway is asked: methods and the ends of paths."""
    asked = []
    respond = in_process.respond

    def counting(call):
        asked.append(f"{call.method} {call.path.rpartition('/')[2]}")
        return respond(call)

    monkeypatch.setattr(in_process, "respond", counting)
    return asked


@pytest.fixture
def rival(db):
    return Rival


@pytest.fixture
def slept(monkeypatch):
    """The seconds that were waited for, without waiting."""
    seconds = []
    monkeypatch.setattr(time, "sleep", seconds.append)
    return seconds
