"""Manifests of files that a service worker keeps, and what browsers are given of them."""

from __future__ import annotations

import json
import re
import struct

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.contrib.staticfiles import storage
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.template import engines
from django.test import RequestFactory
from django.urls import include, path, set_script_prefix

from django_cbtools.contrib.offline import checks, manifests, webapp
from django_cbtools.contrib.offline.middleware import COOKIE, name_of, offline_user

OWN = "django_cbtools/offline.js"
HASHED = "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"


def page(request, **kwargs):
    return HttpResponse("A page")


def about_me(request):
    return HttpResponse(request.user.get_username())


urlpatterns = [
    path("offline/", include("django_cbtools.contrib.offline.urls")),
    path("notes/", page, name="notes"),
    path("notes/gone/", page, name="gone"),
    path("me/", about_me),
    path("<slug:team>/sync/", include("django_cbtools.embedded.urls.public")),
    path("a/", include([path("sync/", include("django_cbtools.embedded.urls.public"))])),
]

FILES = {
    "main.css": "body {}",
    "main.js": "1",
    "webapp/img/a.svg": "<svg/>",
    "webapp/img/online-only/b.svg": "<svg/>",
    "webapp/icon.png": b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", 192, 128),
    "other/main.css": "p {}",
}


@pytest.fixture(autouse=True)
def static(settings, tmp_path):
    folder = tmp_path / "static"
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    settings.STATICFILES_DIRS = [folder]
    settings.STATICFILES_FINDERS = [
        "django.contrib.staticfiles.finders.FileSystemFinder",
        "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    ]
    settings.STATIC_URL = "/static/"
    settings.ROOT_URLCONF = __name__
    settings.DEBUG = True  # files are read anew
    return folder


@pytest.fixture
def manifest(settings):
    """The manifest of some options, as it is told to the worker."""

    def told(**options):
        settings.OFFLINE_MANIFEST = {"webapp": options}
        return manifests.get("webapp").as_json()

    return told


def kept(told):
    return {url.removeprefix("/static/") for url in told["files"]} - {OWN}


# ------------------------------------------------------------------ which files


def test_patterns_match_whole_names(manifest):
    """The manifest of the seed's tutorial."""
    told = manifest(
        cache=(r"main\.css", r"main\.js", r"webapp/img/.*"), exclude=(r"webapp/img/online-only/.*",)
    )
    assert kept(told) == {"main.css", "main.js", "webapp/img/a.svg"}
    assert f"/static/{OWN}" in told["files"]


def test_a_name_alone_keeps_all_files(settings):
    settings.OFFLINE_MANIFEST = "webapp.manifest"
    assert kept(manifests.get("webapp.manifest").as_json()) > set(FILES)


def test_the_script_is_kept_in_any_case(manifest):
    assert manifest(cache=[], exclude=[".*"])["files"] == [f"/static/{OWN}"]


def test_several_manifests(settings):
    settings.OFFLINE_MANIFEST = {
        "notes": {"scope": "/notes/", "cache": [r"main\..*"]},
        "maps": {"scope": "/maps/", "cache": [r"other/.*"]},
    }
    told = [manifests.get(name).as_json() for name in manifests.names()]
    assert [(each["name"], each["scope"], kept(each)) for each in told] == [
        ("notes", "/notes/", {"main.css", "main.js"}),
        ("maps", "/maps/", {"other/main.css"}),
    ]


def test_several_sites_of_one_origin(settings):
    settings.OFFLINE_MANIFEST = "webapp"
    manifest = manifests.get("webapp")
    assert manifest.urls()["scope"] == "/"
    set_script_prefix("/here/")
    try:
        assert manifest.urls()["scope"] == "/here/"
    finally:
        set_script_prefix("/")


def test_hashed_names(manifest, settings, static, tmp_path):
    settings.STORAGES = {**settings.STORAGES, "staticfiles": {"BACKEND": HASHED}}
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.DEBUG = False
    storage.staticfiles_storage.hashed_files = {
        "main.css": "main.0123.css", OWN: "django_cbtools/offline.4567.js",
    }  # fmt: skip
    told = manifest(cache=[r"main\.css"])
    assert kept(told) == {"main.0123.css", "django_cbtools/offline.4567.js"}
    storage.staticfiles_storage.hashed_files["main.css"] = "main.89ab.css"
    assert manifest(cache=[r"main\.css"])["version"] != told["version"]


# ------------------------------------------------------------------ the version


def test_the_version_is_that_of_the_files(manifest, static, monkeypatch):
    options = {"cache": [r"main\..*"], "fallback": {"/notes/": "/notes/"}}
    version = manifest(**options)["version"]
    (static / "other" / "main.css").write_text("p {color: red}")
    assert manifest(**options)["version"] == version
    (static / "main.css").write_text("body {color: red}")
    changed = manifest(**options)["version"]
    (static / "main.more.css").write_text("")
    more = manifest(**options)["version"]
    fallback = manifest(**options | {"fallback": {"/notes/": "/notes/gone/"}})["version"]
    monkeypatch.setattr(manifests, "worker_source", lambda: "another worker")
    assert len({version, changed, more, fallback, manifest(**options)["version"]}) == 5


def test_files_are_read_once_where_debug_is_off(manifest, settings, static):
    version = manifest()["version"]
    settings.DEBUG = False
    assert manifest()["version"] == version
    (static / "main.css").write_text("changed")
    assert manifest()["version"] == version
    settings.DEBUG = True
    assert manifest()["version"] != version


# ------------------------------------------------------------------ URLs


def test_urls_by_path_and_by_name(manifest):
    told = manifest(
        scope="notes", pages=["notes", "/notes/2/"], fallback={"notes": "gone"},
        network=["/notes/live/", "https://tiles.example.com/"],
    )  # fmt: skip
    assert told["scope"] == "/notes/"
    assert told["pages"] == ["/notes/", "/notes/2/"]
    assert told["fallback"] == {"/notes/": "/notes/gone/"}
    assert told["network"][1:] == ["/notes/live/", "https://tiles.example.com/"]


def test_the_gateway_is_left_to_the_network(manifest):
    assert manifest()["network"] == ["/a/sync/", "*"]


# ------------------------------------------------------------------ what browsers get


@pytest.fixture
def notes(settings):
    settings.OFFLINE_MANIFEST = {
        "notes": {
            "scope": "/notes/", "pages": ["/notes/"], "cache": [r"main\.css"],
            "app": {
                "name": "Notes & more", "theme_color": "#0b6e6e",
                "icons": ["webapp/icon.png", {"src": "webapp/img/a.svg", "purpose": "maskable"}],
                "start_picture": "webapp/icon.png",
            },
        },
        "plain": {"scope": "/plain/"},
    }  # fmt: skip


def test_the_worker(client, notes, settings):
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    response = client.get("/offline/notes/worker.js")
    assert response["Content-Type"] == "text/javascript; charset=utf-8"
    assert response["Service-Worker-Allowed"] == "/notes/"
    assert {"no-store", "no-cache"} <= set(response["Cache-Control"].split(", "))
    script = response.content.decode()
    told = json.loads(re.match(r"const offline = (\{.*?^\});$", script, re.S | re.M)[1])
    assert (
        told == client.get("/offline/notes/files.json").json() == manifests.get("notes").as_json()
    )
    assert script.endswith(manifests.worker_source())
    assert client.get("/offline/none/worker.js").status_code == 404


def test_the_web_app(client, notes):
    response = client.get("/offline/notes/app.webmanifest")
    assert response["Content-Type"] == "application/manifest+json"
    assert "no-store" in response["Cache-Control"]
    assert response.json() == {
        "id": "/notes/", "scope": "/notes/", "start_url": "/notes/", "display": "standalone",
        "name": "Notes & more", "theme_color": "#0b6e6e",
        "icons": [
            {"src": "/static/webapp/icon.png", "type": "image/png", "sizes": "192x128"},
            {"src": "/static/webapp/img/a.svg", "type": "image/svg+xml", "sizes": "any",
             "purpose": "maskable"},
        ],
    }  # fmt: skip


def rendered(name):
    template = engines["django"].from_string("{% load offline %}{% offline name %}")
    return template.render({"name": name})


def test_the_tag(notes):
    assert rendered("notes").splitlines() == [
        '<link rel="manifest" href="/offline/notes/app.webmanifest">',
        '<link rel="apple-touch-icon" href="/static/webapp/icon.png">',
        '<link rel="apple-touch-startup-image" href="/static/webapp/icon.png">',
        '<meta name="theme-color" content="#0b6e6e">',
        '<meta name="mobile-web-app-capable" content="yes">',
        '<meta name="apple-mobile-web-app-title" content="Notes &amp; more">',
        f'<script src="/static/{OWN}" data-worker="/offline/notes/worker.js" '
        'data-scope="/notes/" defer></script>',
    ]
    assert rendered("plain").count("<") == 2
    with pytest.raises(KeyError):
        rendered("none")


# ------------------------------------------------------------------ who is logged in


@pytest.mark.django_db
def test_the_cookie_says_who_is_logged_in(client, settings):
    settings.MIDDLEWARE = [
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django_cbtools.contrib.offline.middleware.offline_user",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ]
    alice, bob = map(get_user_model().objects.create_user, ["alice", "bob"])
    client.force_login(alice)
    assert COOKIE not in client.get("/notes/").cookies  # nobody has looked at the session
    told = client.get("/me/").cookies[COOKIE]
    assert (told.value, told["httponly"], told["samesite"]) == (name_of(alice.pk), "", "Lax")
    assert int(told["max-age"]) > 365 * 24 * 60 * 60
    assert COOKIE not in client.get("/me/").cookies
    client.force_login(bob)
    assert client.get("/me/").cookies[COOKIE].value == name_of(bob.pk) != name_of(alice.pk)
    client.session.flush()
    assert client.get("/me/").cookies[COOKIE].value == ""
    settings.SESSION_EXPIRE_AT_BROWSER_CLOSE = True
    client.force_login(bob)
    assert client.get("/me/").cookies[COOKIE]["max-age"] == ""


def test_without_sessions_and_without_threads():
    async def get_response(request):
        return HttpResponse()

    response = async_to_sync(offline_user(get_response))(RequestFactory().get("/"))
    assert not response.cookies


# ------------------------------------------------------------------ checks


def found():
    return [
        (message.id.removeprefix("cbtools."), message.msg) for message in checks.check_offline()
    ]


def read():
    return [manifests.get(name) for name in manifests.names()]


WRONG = {
    "another form": ([], "has to be a dictionary"),
    "a name": ({"a b": {}}, "A name is made of"),
    "no options": ({"a": None}, "have to be a dictionary"),
    "an option": ({"a": {"caches": []}}, "no option 'caches'; they are app, cache, exclude"),
    "a pattern": ({"a": {"cache": ["("]}}, r"'\(' is no regular expression"),
    "a text for a list": ({"a": {"cache": "main"}}, "“cache” has to be a list"),
    "a scope": ({"a": {"scope": 1}}, "“scope” has to be a URL"),
    "a URL": ({"a": {"pages": ["nowhere"]}}, "'nowhere' is neither a path nor the name"),
    "another host": ({"a": {"fallback": {"/": "//b/"}}}, "'//b/' is neither"),
    "another scope": ({"a": {"scope": "/b/", "pages": ["/c/"]}}, "/c/ is not below the scope /b/"),
    "fallbacks": ({"a": {"fallback": ["/"]}}, "“fallback” has to be a dictionary"),
    "a fallback": ({"a": {"fallback": {"/": 1}}}, "“fallback” has to have URLs"),
    "an icon": ({"a": {"app": {"icons": ["none.png"]}}}, "no static file 'none.png'"),
    "icons": ({"a": {"app": {"icons": "a.png"}}}, "“icons” has to be a list"),
    "a picture": ({"a": {"app": {"start_picture": "none.png"}}}, "no static file 'none.png'"),
}


@pytest.mark.parametrize(("setting", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said(settings, setting, said):
    settings.OFFLINE_MANIFEST = setting
    ((key, message),) = found()
    assert key == "E031"
    assert re.search(said, message)
    with pytest.raises(ImproperlyConfigured, match=said):
        [(webapp.as_json(each), webapp.start_picture(each)) for each in read()]


def test_a_pattern_without_files(settings, notes):
    settings.OFFLINE_MANIFEST = {"a": {"cache": [r"main\.css", r"main\.scss"]}}
    ((key, message),) = found()
    assert key == "W019"
    assert r"'main\\.scss'" in message


def test_what_is_right_is_passed(notes, settings):
    assert found() == []
    settings.ROOT_URLCONF = "tests.gateway.pouchdb.urls"
    assert found() == [("E031", "No browser can ask for the manifests: they have no URL.")]
    settings.OFFLINE_MANIFEST = {}
    assert found() == []
