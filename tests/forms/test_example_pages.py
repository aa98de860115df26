"""The example's forms and maps in Chromium, as a person meets them, and as axe-core sees them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests import npm, pictures
from tests.docs.blocks import DOCS, read
from tests.forms.serving import Example
from tests.gateway.hostile import chromium

SIZES = {"wide": (1280, 900), "narrow": (390, 844)}


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    file = tmp_path_factory.mktemp("example") / "documents.sqlite3"
    example = Example(file, airports=99999 if pictures.ARE_TAKEN else 20)
    yield example
    example.stop()


@pytest.fixture(scope="module")
def site(example):
    return example.url


@pytest.fixture(scope="module")
def chromium_of_all(tmp_path_factory):
    program = chromium.find()
    if program is None:
        pytest.skip("Chromium is not installed")
    browser = chromium.Chromium(program, tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def browser(chromium_of_all):
    chromium_of_all.window = chromium_of_all.new_window()
    return chromium_of_all


@pytest.fixture(scope="module")
def axe():
    return (npm.install(Path(__file__).parent / "axe") / "axe-core" / "axe.min.js").read_text()


def problems(browser: Any, axe: str) -> list[str]:
    """What axe-core finds wrong with the page."""
    browser.evaluate(axe)
    found = browser.evaluate(
        "axe.run().then(({ violations }) => violations.map("
        "({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`))"
    )
    assert isinstance(found, list)
    return found


def fits(browser: Any) -> bool:
    return bool(browser.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def enter(browser: Any, **values: str) -> None:
    for name, value in values.items():
        browser.evaluate(f"document.getElementById('id_{name}').value = {value!r}")


SAVE = "document.querySelector('main form button').click()"


@pytest.mark.parametrize("size", SIZES)
def test_two_windows(site, browser, axe, size):
    page = f"{site}/articles/atl_{size}/edit/"
    windows = [browser.window, browser.new_window()]
    for browser.window in windows:
        browser.resize(*SIZES[size])
        assert browser.open(page)
    enter(browser, title="<i>Theirs</i>", year_published="1843")
    browser.leave(SAVE)
    browser.window = windows[0]
    mine = "Mine, and " + "long" * 20
    enter(browser, title=mine, body="New")
    browser.leave(SAVE)
    assert fits(browser)
    assert browser.evaluate("document.activeElement.className") == "conflict"
    if size == "wide":
        pictures.take(browser, "article-conflict")
    told = browser.evaluate("document.querySelector('.conflict table').innerText")
    assert mine in told
    assert "<i>Theirs</i>" in told
    assert problems(browser, axe) == []
    if size == "narrow":
        # By the label, as a thumb does.
        browser.evaluate("document.querySelector('.conflict label').click()")
    browser.leave(SAVE)
    title, text = (
        browser.evaluate(f"document.querySelector('{each}').innerText")
        for each in ("h1", "article")
    )
    assert title == ("<i>Theirs</i>" if size == "narrow" else mine)
    assert "1843" in text
    assert "New" in text
    if size == "wide":
        pictures.take(browser, "article-merged")


PAGES = {
    "articles": "articles/", "article-new": "articles/new/",
    "article-edit": "articles/atl_wide/edit/", "article-delete": "articles/atl_wide/delete/",
    "airports-chart": "airports/", "airports": "airports/in/US/",
    "airports-search": "airports/search/?name=a", "": "airports/search/?elevation_min=x",
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_pages_are_for_everybody(site, browser, axe, name):
    for size in SIZES:
        browser.resize(*SIZES[size])
        assert browser.open(f"{site}/{PAGES[name]}")
        assert fits(browser)
        if name and size == "wide":
            pictures.take(browser, name, whole=False)
    assert problems(browser, axe) == []


def test_an_author_is_added_beside_the_choice(site, browser):
    first, second = browser.window, browser.new_window()
    browser.open(f"{site}/articles/new/")
    enter(browser, title="Typed")
    browser.window = second
    browser.open(f"{site}/authors/new/")
    enter(browser, name="Borges")
    browser.leave(SAVE)
    browser.window = first
    # The window has come to the front; whether the choice is there by now is a matter of time.
    assert browser.evaluate(
        "new Promise((found) => {"
        "  const select = document.getElementById('id_author');"
        "  const look = () => { if (select.innerText.includes('Borges')) found(true); };"
        "  new MutationObserver(look).observe(select, {childList: true});"
        "  look();"
        "  window.dispatchEvent(new Event('focus'));"
        "})"
    )
    assert browser.evaluate("document.getElementById('id_title').value") == "Typed"
    browser.evaluate("id_author.selectedIndex = id_author.options.length - 1")
    browser.leave(SAVE)
    assert "“Typed” is saved." in browser.evaluate("document.querySelector('main').innerText")
    pictures.take(browser, "article-created")
    browser.leave("document.querySelector('.actions .danger').click()")
    browser.leave("document.querySelector('main form .danger').click()")
    assert "The article is deleted." in browser.evaluate("document.querySelector('main').innerText")
    pictures.take(browser, "article-deleted")


def test_what_happens_is_shown_live(example, browser, axe):
    """The staff see it on an open page, which stays one for everybody."""
    browser.open(f"{example.url}/accounts/login/?next=/live/")
    browser.evaluate("id_username.value = 'ada'; id_password.value = 'secret'")
    browser.leave(SAVE)
    browser.wait("document.getElementById('status').textContent === 'Live.'")
    live, second = browser.window, browser.new_window()
    browser.window = second
    browser.open(f"{example.url}/articles/new/")
    enter(browser, title="As it <happens>")
    browser.leave(SAVE)
    example.follow()
    browser.window = live
    browser.wait("document.getElementById('events').innerText.includes('As it <happens>')")
    row = browser.evaluate(
        "[...document.getElementById('events').rows]"
        ".find((row) => row.innerText.includes('As it <happens>')).innerText"
    )
    assert row.split("\t")[2:] == ["created", "ada"]
    assert browser.evaluate("+document.querySelector('#minutes .number').textContent") > 0
    for size in SIZES:
        browser.resize(*SIZES[size])
        assert fits(browser)
        if size == "wide":
            pictures.take(browser, "live")
    assert problems(browser, axe) == []


UID = re.compile(r"\b[a-z]{3}_\w{22}\b")


def test_the_shop_by_curl(site):
    """What docs/shop.rst has a reader type, and what it shows; uids are others each time."""
    block = next(each for each in read(DOCS / "shop.rst") if "curl" in each.text)
    _, *steps = re.split(r"^\$ ", block.text, flags=re.MULTILINE)
    mine: dict[str, str] = {}
    for step in steps:
        command, shown = step.split("\n", 1)
        command = command.replace("curl http://127.0.0.1:8000", f"curl -sS {site}")
        command = UID.sub(lambda found: mine[found[0]], command)
        printed = subprocess.run(
            ["bash", "-c", command], capture_output=True, text=True, check=True
        )
        assert printed.stderr == ""
        if shown.startswith("{"):
            wanted, found = json.loads(" ".join(shown.split())), json.loads(printed.stdout)
            mine.setdefault(wanted["uid"], found["uid"])
            shown = json.dumps(wanted)
            assert found == json.loads(UID.sub(lambda uid: mine[uid[0]], shown))
        else:
            assert printed.stdout == shown.strip()
    assert len(mine) == 3
