"""The service worker in Chromium: what it keeps, what it shows instead, and how it is replaced."""

from __future__ import annotations

import threading
from contextlib import suppress
from socket import SHUT_RDWR
from wsgiref.simple_server import WSGIRequestHandler

import pytest
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer
from django.http import HttpResponse
from django.template import engines
from django.urls import include, path

from tests.gateway.hostile import chromium

PAGE = """{% load offline static %}<!doctype html>
<html lang="en"><head><title>{{ title }}</title>{% offline "app" %}
<link rel="icon" href="data:,"><script src="{% static 'main.js' %}" defer></script></head>
<body>Hello {{ user }}</body></html>"""

#: The status that a proxy in front of the site would answer with.
STATUS = {"page": 200}


def page(request):
    context = {"title": request.path, "user": request.COOKIES.get("user", "nobody")}
    text = engines["django"].from_string(PAGE).render(context)
    return HttpResponse(text, status=STATUS["page"])


def echo(request):
    return HttpResponse(request.method)


urlpatterns = [
    path("app/", page),
    path("app/other/", page),
    path("app/sorry/", page),
    path("app/live/", echo),
    path("offline/", include("django_cbtools.contrib.offline.urls")),
]


class Quiet(WSGIRequestHandler):
    def log_message(self, format, *args):
        """A line for each request is not wanted."""


class Server(ThreadedWSGIServer):
    """A server that closes its connections when it is closed; browsers make some in advance."""

    daemon_threads = True

    def get_request(self):
        accepted = super().get_request()
        vars(self).setdefault("accepted", []).append(accepted[0])
        return accepted

    def server_close(self):
        super().server_close()
        for connection in vars(self).get("accepted", ()):
            with suppress(OSError):
                connection.shutdown(SHUT_RDWR)


class Site:
    """The site, served by a thread, always at the same address."""

    def __init__(self):
        self.port = 0
        self.start()

    def start(self):
        self._server = Server(("127.0.0.1", self.port), Quiet)
        self._server.set_app(StaticFilesHandler(WSGIHandler()))
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02])
        self._thread.start()

    def stop(self):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def manifest(settings, tmp_path):
    (tmp_path / "main.js").write_text("document.body.dataset.version = 1;")
    settings.STATICFILES_DIRS = [tmp_path]
    settings.STATICFILES_FINDERS = [
        "django.contrib.staticfiles.finders.FileSystemFinder",
        "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    ]
    settings.STATIC_URL = "/static/"
    settings.ROOT_URLCONF = __name__
    settings.DEBUG = True  # files are read anew
    settings.MIDDLEWARE = []
    options = {
        "scope": "/app/", "pages": ["/app/"], "cache": [r"main\.js"],
        "fallback": {"/app/": "/app/sorry/"},
    }  # fmt: skip
    settings.OFFLINE_MANIFEST = {"app": options}
    return options


@pytest.fixture
def site(manifest):
    site = Site()
    yield site
    site.stop()


@pytest.fixture
def browser(site, tmp_path):
    program = chromium.find()
    if program is None:
        pytest.skip("Chromium is not installed")
    browser = chromium.Chromium(program, tmp_path / "profile")
    yield browser
    browser.close()


def installed(browser, version):
    """Wait until the worker of a version answers, and no other one has anything."""
    found = browser.evaluate(
        "new Promise((done) => { const look = async () => {"
        "  const names = await caches.keys();"
        f"  const is_kept = names.join() === 'offline /app/ app {version}';"
        "  if (is_kept && navigator.serviceWorker.controller) done([]);"
        "  else setTimeout(look, 50); }; look();"
        f"  setTimeout(() => caches.keys().then(done), {chromium.PATIENCE * 500}); }})"
    )
    assert found == []


def shown(browser):
    """The title, the text, and the version of the script."""
    browser.wait("document.body.dataset.version")
    return browser.evaluate(
        "[document.title, document.body.innerText, document.body.dataset.version]"
    )


def fetched(browser, url, method="GET"):
    return browser.evaluate(
        f"fetch({url!r}, {{method: {method!r}}}).then((answer) => answer.text(), () => 'failed')"
    )


def test_the_worker(browser, site, manifest, client, tmp_path):
    def version():
        return client.get("/offline/app/files.json").json()["version"]

    url = f"http://127.0.0.1:{site.port}"
    browser.open(f"{url}/app/")
    browser.evaluate("document.cookie = 'user=alice; path=/'")
    browser.open(f"{url}/app/")
    installed(browser, version())
    assert shown(browser) == ["/app/", "Hello alice", "1"]

    # What is kept is nobody's, wherever she has been; all other pages are replaced.
    browser.open(f"{url}/app/other/")
    assert shown(browser) == ["/app/other/", "Hello alice", "1"]
    site.stop()
    for path_, title in (("app/", "/app/"), ("app/?a=b", "/app/"), ("app/other/", "/app/sorry/")):
        browser.open(f"{url}/{path_}")
        assert shown(browser) == [title, "Hello nobody", "1"]
    assert fetched(browser, "/app/live/") == "failed"
    assert not browser.open(f"{url}/elsewhere/")

    # The site is back, with another script.
    (tmp_path / "main.js").write_text("document.body.dataset.version = 2;")
    site.start()
    browser.open(f"{url}/app/")
    installed(browser, version())
    STATUS["page"] = 503
    browser.open(f"{url}/app/")
    assert shown(browser) == ["/app/", "Hello nobody", "2"]
    STATUS["page"] = 200
    assert [fetched(browser, "/app/live/", each) for each in ("GET", "POST")] == ["GET", "POST"]

    # Nothing but what the manifest lists.
    manifest["network"] = ["/offline/"]
    browser.open(f"{url}/app/")
    installed(browser, version())
    assert [fetched(browser, "/app/live/", each) for each in ("GET", "POST")] == ["failed", "POST"]
    assert "offline /app/" not in fetched(browser, "/offline/app/files.json")
    assert shown(browser) == ["/app/", "Hello alice", "2"]
