"""The public API in a site's own urls, by Django's client and by servers."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

from django_cbtools.sync_gateway import SyncGateway


@pytest.fixture
def mounted(settings):
    settings.ROOT_URLCONF = "tests.gateway.server.mounted.urls"
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


@pytest.fixture
def alice():
    SyncGateway.put_user("alice", password="alice's", admin_channels=["a"])


@pytest.fixture
def client(mounted, db, alice, client):
    client.handler.enforce_csrf_checks = True
    return client


SITE = """
import os
from django.conf import settings
settings.configure(
    SECRET_KEY="tests", ROOT_URLCONF="tests.gateway.server.mounted.urls", ALLOWED_HOSTS=["*"],
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
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[4])])
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
    command = ("gunicorn", "--bind", "127.0.0.1:0", "site_for_tests")
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
