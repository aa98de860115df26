"""The example's field notes in Chromium: written where the server is stopped, and seen elsewhere
when it is back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps

from tests import pictures
from tests.forms.serving import Example
from tests.forms.test_example_pages import SIZES, axe, fits, problems  # noqa: F401
from tests.gateway.hostile import chromium

TEXT = "Fog at the gate. No flights before nine."
HOSTILE = {
    "_id": "note_hostile", "doc_type": "note", "channels": ["user-1"], "written": {"a": []},
    "airport_uid": 1, "text": "<img src=x onerror=\"document.title = 'ran'\">",
    "_attachments": {
        "a.svg": {"content_type": "image/svg+xml", "data": "PHN2Zy8+"},
        "a.html": {"content_type": "text/html", "data": "PGI+"},
    },
}  # fmt: skip
SYNCED = "document.documentElement.dataset.state === 'synced'"
WAITING = "document.documentElement.dataset.state === 'waiting'"
BOTH = r"/gone\n\nFog is thick|thick\n\nFog is gone/.test($('notes').textContent)"
HAS_PHOTO = "document.querySelector('.photos img')?.naturalWidth > 0"


class Watched(chromium.Chromium):
    """A browser that remembers what goes wrong in its pages, and whom they ask."""

    def __init__(self, program: str, folder: Path, site: str) -> None:
        self.told: list[str] = []
        self.others: set[str] = set()
        self.site = site
        super().__init__(program, folder)

    def new_window(self, *, profile: bool = False) -> str:
        now, self._session = self._session, super().new_window(profile=profile)
        for domain in ("Runtime", "Log", "Network"):
            self._ask(f"{domain}.enable")
        window, self._session = self._session, now
        return window

    def _receive(self) -> dict[str, Any]:
        event = super()._receive()
        name, params = event.get("method"), event.get("params", {})
        if name == "Runtime.exceptionThrown" or params.get("type") in ("error", "warning"):
            self.told.append(str(params))
        if name == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.told.append(str(params["entry"]))
        if name == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith((self.site, "data:", f"blob:{self.site}", "about:")):
                self.others.add(url)
        return event

    def errors(self) -> list[str]:
        """What has gone wrong since the last look, but for what a stopped server explains."""
        told, self.told = self.told, []
        # PouchDB does not catch every error of fetch(), hence the last one.
        explained = (
            "ERR_CONNECTION_REFUSED", "ERR_INTERNET_DISCONNECTED",
            "'value': 'Failed to fetch'",
        )  # fmt: skip
        return [each for each in told if not any(name in each for name in explained)]

    def go_offline(self, is_offline: bool) -> None:
        """What the window asks the network for fails, or does not any more."""
        self._ask(
            "Network.emulateNetworkConditions",
            offline=is_offline, latency=0, downloadThroughput=-1, uploadThroughput=-1,
        )  # fmt: skip


@pytest.fixture
def site(tmp_path):
    example = Example(tmp_path / "documents.sqlite3")
    yield example
    example.stop()


@pytest.fixture
def browser(tmp_path, site):
    program = chromium.find()
    if program is None:
        pytest.skip("Chromium is not installed")
    browser = Watched(program, tmp_path / "profile", site.url)
    yield browser
    browser.close()


def log_in(browser, site):
    browser.open(f"{site.url}/accounts/login/?next=/notes/")
    browser.evaluate("id_username.value = 'ada'; id_password.value = 'secret'")
    browser.leave("document.querySelector('main form button').click()")
    browser.wait(SYNCED)


def write(browser, text, airport="00AK"):
    browser.evaluate(f"airport.value = {airport!r}; $('text').value = {text!r}")
    browser.evaluate("document.querySelector('#form button').click()")


def change(browser, text):
    browser.evaluate("document.querySelector('.edit').click()")
    write(browser, text)
    browser.wait(f"document.querySelector('#notes .text').textContent === {text!r}")


def notes(browser):
    return browser.evaluate(
        "Array.from(document.querySelectorAll('#notes .text'), (each) => each.textContent)"
    )


def test_notes_are_written_without_a_server(site, browser, axe, tmp_path):  # noqa: F811
    photo = tmp_path / "photo.png"
    fog = ImageOps.colorize(Image.linear_gradient("L"), "#7fa8cc", "#eef1f2")
    fog.resize((2000, 1500)).save(photo)
    browser.resize(*SIZES["narrow"])
    log_in(browser, site)
    browser.evaluate("navigator.serviceWorker.ready.then(() => true)")
    assert browser._ask("Page.getInstallabilityErrors")["installabilityErrors"] == []
    assert browser.errors() == []

    site.stop()
    browser.choose("#photos", photo)
    write(browser, TEXT)
    browser.wait(HAS_PHOTO)
    browser.wait(WAITING)
    assert notes(browser) == [TEXT]
    assert browser.evaluate("document.querySelector('.unsent').offsetHeight") > 0
    for width, height in SIZES.values():
        browser.resize(width, height)
        assert fits(browser)
    assert problems(browser, axe) == []
    pictures.take(browser, "offline-written")

    assert browser.open(f"{site.url}/notes/")
    browser.wait(HAS_PHOTO)
    assert notes(browser) == [TEXT]
    assert browser.evaluate("document.querySelector('.photos img').naturalWidth") == 1600
    assert browser.errors() == []

    site.start()
    browser.wait(f"{SYNCED} && !document.querySelector('.unsent').offsetHeight")
    pictures.take(browser, "offline-synced")
    first, second = browser.window, browser.new_window(profile=True)

    # It has arrived in Django,
    browser.resize(*SIZES["wide"])
    assert browser.open(f"{site.url}/notes/arrived/")
    browser.wait(HAS_PHOTO)
    assert TEXT in browser.evaluate("document.querySelector('main').innerText")
    assert problems(browser, axe) == []
    browser.open(f"{site.url}/admin/fieldnotes/cbnote/")
    assert "Fog at the gate" in browser.evaluate("document.querySelector('#result_list').innerText")
    browser.leave("document.querySelector('#result_list .field-__str__ a').click()")
    pictures.take(browser, "admin-note")
    # and in another browser.
    browser.window = second
    browser.resize(*SIZES["narrow"])
    log_in(browser, site)
    browser.wait(HAS_PHOTO)
    assert notes(browser) == [TEXT]
    assert browser.errors() == []

    # Both change it, one of them without a network. Nothing is lost.
    browser.window = first
    browser.open(f"{site.url}/notes/")
    browser.wait(f"{SYNCED} && {HAS_PHOTO}")
    browser.go_offline(True)
    change(browser, "Fog is gone")
    browser.window = second
    change(browser, "Fog is thick")
    browser.wait(f"{SYNCED} && !document.querySelector('.unsent').offsetHeight")
    browser.window = first
    browser.go_offline(False)
    browser.wait("document.querySelector('.versions')?.offsetHeight > 0")
    browser.wait("document.documentElement.dataset.state === 'refused'")
    told = browser.evaluate("document.querySelector('.versions').innerText")
    assert "Fog is gone" in told
    assert "Fog is thick" in told
    assert problems(browser, axe) == []
    pictures.take(browser, "offline-conflict")
    browser.evaluate("document.querySelector('.both').click()")
    for browser.window in (first, second):
        browser.wait(f"{SYNCED} && {HAS_PHOTO} && {BOTH}")
    assert browser.errors() == []

    # What another device has written runs nowhere. The first browser is closed: PouchDB there may
    # be about to ask the server when that is stopped, and catches no error of that.
    browser.window = first
    browser.open("about:blank")
    browser.window = second
    browser.evaluate(f"store.local.put({json.dumps(HOSTILE)})")
    browser.wait(f"document.querySelectorAll('#notes .text').length === 2 && {SYNCED}")
    assert HOSTILE["text"] in notes(browser)
    assert browser.evaluate("document.images.length") == 1
    assert browser.evaluate("document.title") == "Field notes · Example"
    assert browser.errors() == []

    # Who has logged out leaves nothing that others see.
    browser.leave("document.querySelector('#log-out button').click()")
    site.stop()
    assert browser.open(f"{site.url}/notes/")
    browser.wait("document.getElementById('logged-out').offsetHeight > 0")
    assert notes(browser) == []
    assert "Fog" not in browser.evaluate("document.body.innerText")
    assert browser.evaluate("document.cookie").count("offline_user") == 0
    assert browser.errors() == []
    assert browser.others == set()
