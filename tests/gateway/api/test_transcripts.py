"""The embedded gateway beside the recordings of a real one, in process and over HTTP.

Every scenario in the folder is tested. ``DIFFERING`` lists the steps that do not agree, and why;
one that agrees all of a sudden is to be taken off it.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

import pytest
from django.db import connection

from django_cbtools.embedded import schema
from django_cbtools.sync_gateway.transport.in_process import SCHEME, InProcessAdapter
from tests.counts import TORTURE

TRANSCRIPTS = Path(__file__).parents[1] / "transcripts"
sys.path.insert(0, str(TRANSCRIPTS))

import exchange  # noqa: E402
import replay  # noqa: E402

SCENARIOS = sorted(path.stem for path in TRANSCRIPTS.glob("[0-9]*.json"))
#: By scenario and number of the step, why our answer is another.
DIFFERING: dict[tuple[str, int], str] = {
    ("01-server-root", 31): "there is no Go runtime to tell about",
    ("30-config", 15): "V8 has other words for a syntax error",
    ("30-config", 19): "V8 has other words for a syntax error",
    ("15-attachments", 54): "bad base64 is the client's fault: 400, not 500",
}
#: What waits for seconds, or is of many megabytes: without TORTURE=1, it is asked over HTTP alone.
LONG = {"13-changes", "05-doc-bodies"}


class OverHTTP(exchange.Gateway):
    """The gateway; one that another thread asks is closed after each request."""

    def send(self, *args, **kwargs):
        try:
            return super().send(*args, **kwargs)
        finally:
            if threading.current_thread() is not threading.main_thread():
                self.close()

    def close(self):
        self.http.close()


class InProcess(OverHTTP):
    """The gateway in this process."""

    def __init__(self, admin, public):
        super().__init__(admin, public)
        self.http.mount(f"{SCHEME}://", InProcessAdapter(trusted=False))

    def close(self):
        super().close()
        if threading.current_thread() is not threading.main_thread():
            connection.close()


@pytest.fixture
def in_process(transactional_db, settings, monkeypatch):
    settings.SYNC_GATEWAY_BUCKET = exchange.DB
    monkeypatch.setattr(exchange, "Gateway", InProcess)
    gateway = InProcess(f"{SCHEME}://admin", f"{SCHEME}://public")
    yield gateway
    gateway.close()


@pytest.fixture
def over_http(http_gateway, settings, monkeypatch):
    settings.SYNC_GATEWAY_BUCKET = exchange.DB
    monkeypatch.setattr(exchange, "Gateway", OverHTTP)
    public, admin = http_gateway.urls
    gateway = OverHTTP(admin, public)
    yield gateway
    gateway.close()


@pytest.mark.torture
@pytest.mark.parametrize("scenario", [one for one in SCENARIOS if TORTURE or one not in LONG])
def test_scenario_agrees_in_process(scenario, in_process, monkeypatch):
    check(scenario, in_process, monkeypatch)


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_scenario_agrees_over_http(scenario, over_http, monkeypatch):
    check(scenario, over_http, monkeypatch)


def check(scenario, gateway, monkeypatch):
    monkeypatch.setattr(replay.subprocess, "run", lambda *args, **kwargs: _reset(gateway, **kwargs))
    document = json.loads((TRANSCRIPTS / f"{scenario}.json").read_text(encoding="utf-8"))
    for step in document["steps"]:
        # A real gateway sees some time later what has been written.
        step.pop("wait_before_s", None)
    differences = replay.replay(gateway, document, skip_backend=True)
    expected = {number for name, number in DIFFERING if name == scenario}
    shown = [
        (step["n"], step["name"], found) for step, found in differences if step["n"] not in expected
    ]
    assert not shown
    disagreeing = {step["n"] for step, _ in differences}
    assert disagreeing == expected, "these steps agree now: take them off the list"


def _reset(gateway, *, input, **kwargs):
    with connection.cursor() as cursor:
        for table in schema.TABLES:
            cursor.execute(f"DELETE FROM {table}")
    response, _, _ = gateway.send("admin", "PUT", f"/{exchange.DB}/", data=input)
    assert response.status_code == 201, response.text


def test_enough_agrees():
    steps = sum(
        len(json.loads((TRANSCRIPTS / f"{name}.json").read_text(encoding="utf-8"))["steps"])
        for name in SCENARIOS
    )
    assert len(DIFFERING) <= steps - 1040
