"""The public API in a site's own urls, among all that Django puts before a view."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import requests
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.db import connection, connections
from django.http import HttpResponse
from django.urls import include, path, reverse

from django_cbtools.embedded.server import site
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import quote_uid

urlpatterns = [
    path("sync/", include("django_cbtools.embedded.urls.public")),
    path("page/", lambda request: HttpResponse(str(connection.in_atomic_block)), name="page"),
]

DB = "/sync/test_documents"
LOGIN = {"Authorization": "Basic " + base64.b64encode(b"alice:alice's").decode()}
IDS = [
    "plain",
    "a/b",
    "a/b/c",
    "100%",
    "p/50%",
    "x%2Fy",
    "a b",
    "é",
    "🍺",
    "a?b",
    "a#b",
    "a+b",
    "a;b=c",
]


@pytest.fixture
def mounted(settings):
    settings.ROOT_URLCONF = __name__
    settings.SESSION_ENGINE = "django.contrib.sessions.backends.signed_cookies"
    settings.APPEND_SLASH = True
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000
    settings.LOGIN_URL = "/login/"
    settings.MIDDLEWARE = [
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ]


def test_the_site_can_still_reverse_its_urls(mounted):
    assert reverse("page") == "/page/"


@pytest.fixture
def alice():
    SyncGateway.put_user("alice", password="alice's", admin_channels=["a"])


@pytest.fixture
def client(mounted, db, alice, client):
    client.handler.enforce_csrf_checks = True
    return client


def _put(client, uid, body, **extra):
    return client.put(
        f"{DB}/{uid}", json.dumps(body), content_type="application/json", headers=LOGIN, **extra
    )


# ---------------------------------------------------------------- middlewares


def test_documents_are_written_and_read(client):
    assert _put(client, "x", {"channels": ["a"], "n": 1}).status_code == 201
    answer = client.get(f"{DB}/x", headers=LOGIN)
    assert answer.status_code == 200
    assert answer.json()["n"] == 1
    assert answer["Etag"] == f'"{answer.json()["_rev"]}"'
    bulk = client.post(
        f"{DB}/_bulk_docs", {"docs": [{}, {}]}, content_type="application/json", headers=LOGIN
    )
    assert bulk.status_code == 201
    deleted = client.delete(f"{DB}/x?rev={answer.json()['_rev']}", headers=LOGIN)
    assert deleted.status_code == 200


def test_login_is_the_gateways_own(client):
    assert client.get("/page/").status_code == 302
    answer = client.get(f"{DB}/x")
    assert answer.status_code == 401
    assert answer.json() == {"error": "Unauthorized", "reason": "Login required"}
    assert answer["WWW-Authenticate"] == 'Basic realm="Couchbase Sync Gateway"'
    SyncGateway.save_json("private", {"channels": ["b"]})
    answer = client.get(f"{DB}/private", headers=LOGIN)
    assert (answer.status_code, answer.json()["error"]) == (403, "Forbidden")


def test_body_over_djangos_limits(client, settings):
    settings.DATA_UPLOAD_MAX_NUMBER_FIELDS = 1
    assert _put(client, "x", {"channels": ["a"], "text": "x" * 100_000}).status_code == 201
    assert len(client.get(f"{DB}/x", headers=LOGIN).json()["text"]) == 100_000
    assert _put(client, "y", {"text": "x" * 21 * 1024 * 1024}).status_code == 413


def test_form_is_refused_as_the_gateway_does(client):
    answer = client.post(f"{DB}/_bulk_docs", {"docs": "x"}, headers=LOGIN)
    assert answer.status_code == 400
    assert "415 Invalid content type multipart/form-data" in answer.json()["reason"]


def test_body_that_does_not_arrive(client, monkeypatch):
    class Broken:
        def read(self, size=None):
            raise ConnectionResetError("Connection reset by peer")

    monkeypatch.setattr("django.core.handlers.wsgi.LimitedStream", lambda stream, limit: Broken())
    answer = _put(client, "x", {"channels": ["a"]})
    assert answer.status_code == 400
    assert "Connection reset by peer" in answer.json()["reason"]


@pytest.mark.parametrize(
    "address", ["/_all_dbs", "/_user/", "/_user/alice", "/_session/1", "/_design/x", "/_config"]
)
def test_admin_api_is_not_reachable(address, client):
    for method in (client.get, client.put, client.post, client.delete):
        for start in ("/sync", DB):
            # What cannot be read of a design document is refused first.
            assert method(start + address, headers=LOGIN).status_code in (400, 403, 404, 405)
    assert SyncGateway.get_user("alice")["admin_channels"] == ["a", "public"]


def test_slashes_at_the_end_are_the_gateways_own(client):
    _put(client, "x", {"channels": ["a"]})
    answer = client.get(f"{DB}", headers=LOGIN)
    assert (answer.status_code, answer["Location"]) == (301, f"{DB}/")
    answer = client.get(f"{DB}/x/", headers=LOGIN)
    assert (answer.status_code, answer["Location"]) == (301, f"{DB}/x")
    answer = client.get(f"{DB}/none", headers=LOGIN)
    assert (answer.status_code, answer.json()["reason"]) == (404, "missing")
    assert client.get("/sync/").json()["couchdb"] == "Welcome"
    assert client.get("/sync", follow=False)["Location"] == "/sync/"


def test_head_and_options(client):
    _put(client, "x", {"channels": ["a"]})
    answer = client.head(f"{DB}/x", headers=LOGIN)
    assert (answer.status_code, answer.content) == (200, b"")
    answer = client.options(f"{DB}/x", headers=LOGIN)
    assert (answer.status_code, answer["Allow"]) == (204, "GET, HEAD, PUT, DELETE")


def test_session_by_cookie(client):
    def log_in(**headers):
        login = {"name": "alice", "password": "alice's"}
        return client.post(
            f"{DB}/_session", login, content_type="application/json", headers=headers
        )

    assert log_in(Origin="http://elsewhere").status_code == 400
    assert log_in(Host="testserver", Origin="http://testserver").status_code == 200
    answer = log_in()
    assert answer.status_code == 200
    cookie = SimpleCookie(answer["Set-Cookie"])["SyncGatewaySession"]
    assert cookie["path"] == DB
    client.cookies["SyncGatewaySession"] = cookie.value
    client.cookies["other"] = '{"odd": [1]}'
    assert client.get(f"{DB}/").status_code == 200
    assert client.get(f"{DB}/_session").json()["userCtx"]["name"] == "alice"
    assert client.delete(f"{DB}/_session").status_code == 200
    assert client.get(f"{DB}/").status_code == 401


def test_cache_of_the_site_keeps_out(client, settings):
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        *settings.MIDDLEWARE,
        "django.middleware.cache.FetchFromCacheMiddleware",
    ]
    _put(client, "x", {"channels": ["a"], "n": 1})
    first = client.get(f"{DB}/x", headers=LOGIN)
    assert first.status_code == 200
    assert client.get(f"{DB}/x").status_code == 401
    _put(client, f"x?rev={first.json()['_rev']}", {"channels": ["a"], "n": 2})
    assert client.get(f"{DB}/x", headers=LOGIN).json()["n"] == 2


@pytest.mark.django_db(transaction=True)
def test_requests_are_in_no_transaction_of_the_site(mounted, alice, client, settings, monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    settings.MIDDLEWARE = []
    inside = []
    monkeypatch.setattr(
        site,
        "respond",
        lambda call, respond=site.respond: (
            inside.append(connection.in_atomic_block) or respond(call)
        ),
    )
    assert client.get("/page/").content == b"True"
    assert _put(client, "x", {"channels": ["a"]}).status_code == 201
    assert inside == [False]
    connections["default"].close()
    assert client.get(f"{DB}/x", headers=LOGIN).status_code == 200


# ---------------------------------------------------------------------- paths

RAW_PATHS = {
    "as Django sees it": ("/sync/{}", ""),
    "with the server's prefix": ("/app/sync/{}", "/app"),
    "a proxy took the prefix away": ("/sync/{}", "/app"),
    "a proxy put another prefix in front": ("/outside/app/sync/{}", "/app"),
    "with the host": ("http://testserver/sync/{}", ""),
    "with the query": ("/sync/{}?n=/a/b", ""),
    "something else": ("/rewritten", ""),
}


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI", "UNENCODED_URL"])
@pytest.mark.parametrize(("raw", "prefix"), RAW_PATHS.values(), ids=RAW_PATHS)
def test_raw_path_is_used_where_it_is_the_same_path(name, raw, prefix, client, settings):
    settings.FORCE_SCRIPT_NAME = prefix or None
    escaped = "test_documents/p%2F50%25"
    extra = {name: raw.format(escaped), "SCRIPT_NAME": prefix}
    answer = _put(client, "p%2F50%25", {"channels": ["a"]}, **extra)
    # Where nobody says whether the slash is one of the path, it is taken for the id's.
    assert (answer.status_code, answer.json()["id"]) == (201, "p/50%")
    if raw != "/rewritten":
        extra[name] = raw.format("test_documents")
        answer = client.get("/sync/test_documents", headers=LOGIN, **extra)
        assert (answer.status_code, answer["Location"]) == (301, f"{prefix}/sync/test_documents/")


@pytest.mark.parametrize("path", ["/sync/é/", "/sync/a%0Ab/", "/sync/%2F%2Fevil.example/"])
def test_odd_paths(path, client):
    assert client.get(path).status_code in (301, 400, 401, 404)


def test_ids_with_newlines(client):
    assert _put(client, "a%0Ab", {"channels": ["a"]}).status_code == 201
    assert client.get(f"{DB}/a%0Ab", headers=LOGIN).json()["_id"] == "a\nb"
    # Only the gateway redirects, and no header is made of it.
    answer = client.get("/sync/a%0Ab", headers=LOGIN)
    assert (answer.status_code, answer["Location"]) == (301, "/sync/a%0Ab/")


@pytest.mark.parametrize(
    ("uid", "name"), [("a/b", "c"), ("a", "b/c"), ("a/b/c", "d"), ("a/b", "c/d%2F"), ("é/b", "/c")]
)
def test_attachments_of_ids_with_slashes(uid, name, client):
    """Here the server does not say which slash was escaped."""
    other = _put(client, quote_uid(f"{uid}/{name}".rpartition("/")[0] + "/x"), {"channels": ["a"]})
    rev = _put(client, quote_uid(uid), {"channels": ["a"]}).json()["rev"]
    address = f"{DB}/{quote_uid(uid)}/{quote_uid(name)}"
    png = {"content_type": "image/png", "headers": LOGIN}
    answer = client.put(f"{address}?rev={rev}", b"content", **png)
    assert (answer.status_code, answer.json()["id"]) == (201, uid)
    assert client.get(address, headers=LOGIN).content == b"content"
    assert name in client.get(f"{DB}/{quote_uid(uid)}", headers=LOGIN).json()["_attachments"]
    answer = client.delete(f"{address}?rev={answer.json()['rev']}", headers=LOGIN)
    assert (answer.status_code, answer.json()["id"]) == (200, uid)
    assert client.get(address, headers=LOGIN).status_code == 404
    assert other.status_code == 201


@pytest.mark.parametrize("path", ["a/../x", "a/./b/c", "a/b/c/", "_design/a/b/c", "_x/a/b/c"])
def test_paths_of_several_slashes_that_are_no_ids(path, client):
    assert client.get(f"{DB}/{path}", headers=LOGIN).status_code in (301, 404)
    assert client.get(f"{DB}/{'a/' * 400}b", headers=LOGIN).status_code in (400, 404)


@pytest.mark.parametrize("length", ["9" * 20, "9" * 5000, "-5", "x", "\u00b2"])
def test_lengths_that_are_none(length, client):
    answer = _put(client, "x", {"channels": ["a"]}, CONTENT_LENGTH=length)
    assert answer.status_code in (400, 413)


# -------------------------------------------------------------------- servers

SITE = """
import os
from django.conf import settings
settings.configure(
    SECRET_KEY="tests", ROOT_URLCONF="tests.gateway.server.test_mounted", ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["django_cbtools"],
    DATABASES={"default": {"ENGINE": "django_cbtools.backends.embedded", "NAME": "site.sqlite3",
                             "ATOMIC_REQUESTS": True}},
    SYNC_GATEWAY_BUCKET="test_documents",
    SYNC_GATEWAY_OPTIONS={"longpoll_timeout": float(os.environ.get("LONGPOLL_TIMEOUT", 100))},
)
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
application = get_wsgi_application()
asgi = get_asgi_application()
from django_cbtools.sync_gateway import SyncGateway
SyncGateway.put_user("alice", password="alice's", admin_channels=["a"])
"""


@pytest.fixture
def serve(tmp_path):
    """What starts a server of the site in a process of its own, and says its address."""
    (tmp_path / "site_for_tests.py").write_text(SITE)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[3])])
    }
    environment.pop("DJANGO_SETTINGS_MODULE", None)
    with ExitStack() as stack:

        def start(*command, **more):
            server = stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-m", *command],
                    cwd=tmp_path, env=environment | more, stderr=subprocess.PIPE, text=True,
                )
            )  # fmt: skip
            stack.callback(server.kill)
            lines = []
            for line in server.stderr:
                lines.append(line)
                found = re.search(r"(?:Listening at:|running on) (http://\S+)", line)
                if found:
                    break
            else:
                pytest.fail("".join(lines))
            log = threading.Thread(target=lambda: lines.extend(server.stderr))
            log.start()

            def stop():
                server.terminate()
                server.wait()
                log.join()
                assert "Traceback" not in "".join(lines), "".join(lines)

            stack.callback(stop)
            return found[1]

        yield start


@pytest.fixture
def gunicorn(serve):
    """The address of a site behind a proxy that leaves the prefix /app in the path."""
    command = ("gunicorn", "--bind", "127.0.0.1:0", "--workers", "2", "site_for_tests")
    return serve(*command, SCRIPT_NAME="/app") + "/app"


@pytest.fixture
def uvicorn(serve):
    """The address of the site under ASGI."""
    options = ("--port", "0", "--timeout-graceful-shutdown", "1")
    return serve("uvicorn", *options, "site_for_tests:asgi")


@pytest.fixture
def runserver(mounted, transactional_db, alice):
    """The address of this site, served as ``manage.py runserver`` does."""
    server = ThreadedWSGIServer(("127.0.0.1", 0), WSGIRequestHandler)
    server.set_app(WSGIHandler())
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.parametrize("name", ["gunicorn", "uvicorn"])
def test_server_that_gives_the_raw_path(name, request):
    site = request.getfixturevalue(name)
    address, prefix = site + DB, urlsplit(site).path
    with requests.Session() as session:
        session.auth = ("alice", "alice's")
        for uid in IDS:
            document = {"channels": ["a"], "id_is": uid}
            answer = session.put(f"{address}/{quote_uid(uid)}", json=document)
            assert (answer.status_code, answer.json()["id"]) == (201, uid)
            answer = session.get(f"{address}/{quote_uid(uid)}")
            assert (answer.status_code, answer.json()["id_is"]) == (200, uid)
        rows = session.get(f"{address}/_all_docs").json()["rows"]
        assert sorted(row["id"] for row in rows) == sorted(IDS)

        answer = session.get(address, allow_redirects=False)
        assert answer.headers["Location"] == f"{prefix}{DB}/"
        login = {"name": "alice", "password": "alice's"}
        session.auth = None
        assert session.post(f"{address}/_session", json=login).status_code == 200
        (cookie,) = session.cookies
        assert cookie.path == f"{prefix}{DB}"
        assert session.get(f"{address}/plain").status_code == 200
        assert session.get(f"{address}/_user/alice").status_code == 404
        large = {"channels": ["a"], "text": "x" * 3_000_000}
        assert session.put(f"{address}/large", json=large).status_code == 201


def test_server_that_gives_no_raw_path(runserver):
    """Ids with slashes work there too: what is there decides."""
    address = runserver + DB
    with requests.Session() as session:
        session.auth = ("alice", "alice's")
        for uid in IDS:
            answer = session.put(f"{address}/{quote_uid(uid)}", json={"channels": ["a"]})
            assert (answer.status_code, answer.json()["id"]) == (201, uid)
            assert session.get(f"{address}/{quote_uid(uid)}").json()["_id"] == uid
        assert session.get(f"{address}/plain").status_code == 200


# ---------------------------------------------------------------------- feeds


def _process(server):
    """The threads and files of the process that listens at an address."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    port = f":{urlsplit(server).port:04X}"
    inode = next(f[9] for f in map(str.split, lines) if f[1].endswith(port) and f[3] == "0A")
    for folder in Path("/proc").glob("[0-9]*/fd"):
        with suppress(OSError):
            if f"socket:[{inode}]" in map(os.readlink, folder.iterdir()):
                return folder, folder.parent / "task"
    raise AssertionError("nobody listens")


def _counted(server):
    return [len(list(folder.iterdir())) for folder in _process(server)]


def _wait_for_fewer(server, files, threads):
    """Wait until the process has fewer of both; what it no longer needs takes a moment to end."""
    while [*map(int.__lt__, _counted(server), (files, threads))] != [True, True]:
        time.sleep(0.05)


def _follow(server, kind, **query):
    asked = requests.get(
        f"{server}{DB}/_changes", {"feed": kind, "timeout": 0, **query}, auth=("alice", "alice's"),
        stream=True,
    )  # fmt: skip
    return asked


def test_feeds_under_asgi_hold_nothing(uvicorn):
    """Neither while they wait nor when their clients have left."""
    _follow(uvicorn, "normal").close()
    files, threads = _counted(uvicorn)
    feeds = [_follow(uvicorn, kind, since=1) for kind in ("continuous", "longpoll") * 20]
    # Each has its socket; the pool's threads have a few more.
    _wait_for_fewer(uvicorn, files + 40 + 20, threads + 20)
    answer = requests.put(f"{uvicorn}{DB}/x", json={"channels": ["a"]}, auth=("alice", "alice's"))
    assert answer.status_code == 201
    for feed in feeds:
        assert b'"id":"x"' in next(line for line in feed.iter_lines() if b'"id"' in line)
        feed.close()
    for _ in range(3):
        for feed in [_follow(uvicorn, "continuous", since=9) for _ in range(20)]:
            feed.close()
    _wait_for_fewer(uvicorn, files + 20, threads + 20)


def test_feeds_under_a_server_without_threads(serve):
    """A long poll answers before the server takes its worker for hung; others have their turn."""
    server = serve(
        "gunicorn", "--bind", "127.0.0.1:0", "--workers", "2", "site_for_tests",
        LONGPOLL_TIMEOUT="0.5",
    )  # fmt: skip
    answer = _follow(server, "continuous")
    assert (answer.status_code, answer.json()["error"]) == (501, "Not Implemented")
    assert "gunicorn --threads" in answer.json()["reason"]
    for heartbeat in (0, 30_000):
        polls = [_follow(server, "longpoll", since=9, heartbeat=heartbeat) for _ in range(2)]
        assert [poll.json() for poll in polls] == [{"results": [], "last_seq": "9"}] * 2
    assert requests.get(f"{server}/sync/").status_code == 200


@pytest.mark.parametrize("value", [0, -1, True, "20", [5]])
def test_longpoll_timeout_is_checked(value, client, settings):
    settings.SYNC_GATEWAY_OPTIONS = {"longpoll_timeout": value}
    with pytest.raises(ImproperlyConfigured, match="longpoll_timeout"):
        client.get(f"{DB}/_changes?feed=longpoll", headers=LOGIN)


def test_long_paths_are_compared_in_one_pass(client, monkeypatch):
    """4,000 slashes: each segment is unescaped a few times, not once for each other one."""
    unescaped = []
    monkeypatch.setattr(site, "unquote", lambda text: unescaped.append(len(text)) or unquote(text))
    path = "/a" * 4000
    answer = client.get(f"{DB}{path}", RAW_URI=f"/elsewhere{DB}{path}", headers=LOGIN)
    assert answer.status_code == 404
    assert sum(unescaped) < 10 * len(path)


def test_djangos_asynchronous_client(mounted, db, alice, async_client):
    """A test's transaction is its thread's: the gateway answers on it."""

    async def ask():
        put = await async_client.put(
            f"{DB}/x", '{"channels": ["a"]}', content_type="application/json", headers=LOGIN
        )
        feed = await async_client.get(f"{DB}/_changes?feed=longpoll", headers=LOGIN)
        assert feed.status_code == 200, feed.content
        return put.status_code, b"".join([piece async for piece in feed])

    status, changes = async_to_sync(ask)()
    assert status == 201
    assert [row["id"] for row in json.loads(changes)["results"]] == ["_user/alice", "x"]
