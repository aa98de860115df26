"""Attachments that hold scripts, opened in Chromium where the gateway is mounted in a site: none of
them ever runs.

FUZZ_SEED repeats a run; TORTURE=1 opens all contents as all types.
"""

from __future__ import annotations

import base64
import io
import json
import random
from urllib.parse import quote

import pytest

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from tests.counts import SEED, TORTURE
from tests.gateway.fuzz.process import ServerProcess
from tests.gateway.fuzz.wire import Client, Request
from tests.gateway.hostile import chromium

SCRIPT = (
    "try{fetch('/canary?NAME')}finally{(new Image).src='/canary?NAME';document.cookie='a=NAME'}"
)
XHTML = (
    '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>x</title></head><body>'
    f'<script><![CDATA[{SCRIPT}]]></script><img src="x:" onerror="{SCRIPT}"/></body></html>'
)
HTML = f"<!DOCTYPE html><html><body><script>{SCRIPT}</script><img src=x: onerror={SCRIPT!r}></html>"
#: What is in the attachments.
CONTENTS = {
    "html": HTML,
    "xhtml": XHTML,
    "xml": f'<?xml version="1.0"?>{XHTML}',
    "svg": (
        f'<svg xmlns="http://www.w3.org/2000/svg" onload="{SCRIPT}"><script>{SCRIPT}</script>'
        f'<foreignObject>{XHTML}</foreignObject></svg>'
    ),
    "mathml": (
        '<math xmlns="http://www.w3.org/1998/Math/MathML">'
        f'<mtext>{XHTML}</mtext><maction actiontype="statusline#javascript:{SCRIPT}">'
        "<mtext>x</mtext></maction></math>"
    ),
    "stylesheet": (
        '<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="#s"?><!DOCTYPE d ['
        '<!ATTLIST xsl:stylesheet id ID #REQUIRED>]><d><xsl:stylesheet id="s" version="1.0" '
        'xmlns:xsl="http://www.w3.org/1999/XSL/Transform"><xsl:template match="/">'
        f"{XHTML}</xsl:template></xsl:stylesheet></d>"
    ),
    "parts": f"--b\r\nContent-Type: text/html\r\n\r\n{HTML}\r\n--b\r\nContent-Type: text/html\r\n"
    "\r\n",
    "message": (
        "From: a@example.com\r\nMIME-Version: 1.0\r\n"
        f"Content-Type: text/html\r\nContent-Location: http://x/\r\n\r\n{HTML}"
    ),
    "script": SCRIPT,
    "pdf": f"%PDF-1.4\n{HTML}",
}  # fmt: skip
#: Types that browsers run, or might.
TYPES = [
    "text/html", "TEXT/HTML", "text/html; charset=utf-8", "text/html;", "text/html ;x",
    "text/html,",
    "text/plain, text/html", "text/html, text/plain", "text/plain; x, text/html",
    "image/png,text/html",
    "text/html\t", "\ttext/html", " text/html", "text/html\n", "text/ht\nml", "text/html\0",
    "text/plain\r\nContent-Type: text/html", "text/html(comment)", "(x)text/html", '"text/html"',
    "text/plain;charset=utf-7", "text/plain;a=text/html", "application/xhtml+xml",
    "application/xhtml+xml;charset=utf-16", "application/xml", "text/xml", "text/xsl",
    "application/xslt+xml", "application/rss+xml", "application/atom+xml", "application/mathml+xml",
    "application/vnd.mozilla.xul+xml", "image/svg+xml", "image/svg", "IMAGE/SVG+XML;x=y",
    "image/svg+xml,image/png", "text/vtt", "text/cache-manifest", "text/css", "text/javascript",
    "application/javascript", "text/ecmascript", "application/x-shockwave-flash",
    "application/pdf", "application/json", "application/ld+json", "application/wasm",
    "multipart/x-mixed-replace; boundary=b", "multipart/mixed; boundary=b",
    "multipart/related; boundary=b; type=text/html", "multipart/byteranges; boundary=b",
    "message/rfc822", "message/http", "application/x-mimearchive", "application/octet-stream",
    "application/unknown", "unknown/unknown", "*/*", "/", "text", "html", "x", "", ";", ",",
    "text/", "/html", "text/plain", "image/png", "image/gif", "audio/mpeg", "video/mp4",
    "application/x-ns-proxy-autoconfig", "model/vnd.mts", "font/svg", "text/x-component",
    "text/rdf", "text/htm", "text/x-html", "application/hta", "application/x-html",
    "application/vnd.wap.xhtml+xml", "text/webviewhtml", "application/signed-exchange;v=b3",
    "application/webbundle;v=b2",
]  # fmt: skip


def _random_type(chance: random.Random) -> str:
    """A type with something odd in it."""
    text = chance.choice(TYPES)
    for _ in range(chance.randrange(3)):
        place = chance.randrange(len(text) + 1)
        odd = chance.choice(
            [" ", "\t", ",", ";", "\0", "\x0b", "\xa0", "\xad", "é", "+xml", '"', "/"]
        )
        text = text[:place] + odd + text[place:]
    return chance.choice([text, text.upper(), text.title(), f"{text}, {chance.choice(TYPES)}"])


def _attachments() -> dict[str, tuple[str, str]]:
    """Content and type of each attachment, by its name."""
    chance = random.Random(SEED)
    types = TYPES if TORTURE else chance.sample(TYPES, 5)
    types = [*types, *(_random_type(chance) for _ in range(300 if TORTURE else 2))]
    pairs = [
        (content, kind)
        for kind in types
        for content in (CONTENTS if TORTURE else chance.sample(sorted(CONTENTS), 1))
    ]
    pairs += [
        ("html", "text/html"),
        ("html", "text/plain"),
        ("svg", "image/svg+xml"),
        ("xml", "text/xsl"),
    ]
    pairs += [("xhtml", "application/xhtml+xml"), ("stylesheet", "text/xml")]
    return {f"a{number}": pair for number, pair in enumerate(pairs)}


@pytest.fixture
def browser(tmp_path):
    program = chromium.find()
    if program is None:
        pytest.skip("Chromium is not installed")
    browser = chromium.Chromium(program, tmp_path / "profile")
    yield browser
    browser.close()


def _store(file, attachments):
    given = {
        name: {
            "content_type": kind,
            "data": base64.b64encode(CONTENTS[content].replace("NAME", name).encode()).decode(),
        }
        for name, (content, kind) in attachments.items()
    }
    given["none"] = {"data": base64.b64encode(HTML.replace("NAME", "none").encode()).decode()}
    config = {"guest": {"disabled": False, "admin_channels": ["*"]}}
    with ServerProcess(file) as server:
        admin = Client(server.urls[1])
        for path, body in (("/db/", config), ("/db/doc", {"_attachments": given})):
            reply = admin.ask(Request("admin", "PUT", path, {}, json.dumps(body).encode()))
            assert reply.status == 201, reply
        admin.close()


@pytest.mark.torture
def test_no_script_runs(browser, tmp_path):
    print(f"seed {SEED}")
    file = tmp_path / "documents.sqlite3"
    attachments = _attachments()
    _store(file, attachments)
    with ServerProcess(file, module="tests.gateway.hostile.site") as server:
        (site,) = server.urls
        shown = []
        for name in [*attachments, "none"]:
            path = f"/sync/db/doc/{name}"
            if browser.open(site + path):
                shown.append(name)
            browser.open(f"{site}/frame?src={quote(path)}")
        for path in (
            "/sync/db/doc", "/sync/db/doc?attachments=true", "/sync/db/doc?open_revs=all",
            "/sync/db/_changes?include_docs=true", "/sync/db/_all_docs?include_docs=true",
            f"/sync/db/{quote('<script>' + SCRIPT + '</script>')}",
            f"/sync/db/doc?rev={quote('<script>' + SCRIPT + '</script>')}",
            f"/sync/{quote('<script>' + SCRIPT + '</script>')}/",
        ):  # fmt: skip
            browser.open(site + path)
            browser.open(f"{site}/frame?src={quote(path)}")
        # Scripts that may run are seen.
        assert browser.open(f"{site}/control")
        browser.open(f"{site}/ran")
        found = json.loads(browser.evaluate("document.body.innerText"))["ran"]
        assert {name: attachments.get(name) for name in found} == {"control": None}
        assert browser.evaluate("document.cookie") == ""
        server.stop()
        assert "Traceback" not in server.log()
    # What cannot do any harm is shown, and nothing else.
    inert = {name for name, (_, kind) in attachments.items() if kind in ("text/plain", "image/png")}
    assert inert <= set(shown)


def test_parts_are_not_shown_to_a_browser(transactional_db):
    """Firefox would show each as its own Content-Type says."""
    for accept, expected in (("text/html,*/*;q=0.8", "attachment"), ("*/*", None)):
        path, read = "/test_documents/_bulk_get", io.BytesIO(b'{"docs": []}').read
        headers = {"accept": accept}
        answer = respond(Call("admin", "default", "POST", path, headers=headers, read=read))
        assert answer.status == 200
        assert answer.headers.get("Content-Disposition") == expected
        assert answer.headers["Content-Security-Policy"].endswith("sandbox")
