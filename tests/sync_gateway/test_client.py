"""The gateway's client: users, errors, addresses, settings; in process and over HTTP."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cbtools import conf
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway.calls.client import quote_uid
from tests.ports import free_ports
from tests.testapp.models import CBArticle


@pytest.fixture(params=["in process", "over HTTP"])
def gateway(request):
    request.getfixturevalue("db" if request.param == "in process" else "gateway_by_http")


# The fixture is chosen at run time, and a server's threads need committed data.
pytestmark = pytest.mark.django_db(transaction=True)


def test_documents_and_errors(gateway):
    SyncGateway.save_json("a", {"n": 1})
    with pytest.raises(SyncGatewayConflict) as caught:
        SyncGateway.save_json("a", {"n": 2})
    error = caught.value
    assert (error.status, error.error, error.reason) == (409, "conflict", "Document exists")
    assert error.uid == "a"
    rows = SyncGateway.all_docs(["a", "missing"])["rows"]
    assert rows[0]["doc"]["n"] == 1
    assert rows[1]["error"] == "not_found"
    assert SyncGateway.all_docs([]) == {"rows": []}
    assert [row["id"] for row in SyncGateway.all_docs([], really_all=True)["rows"]] == ["a"]
    with pytest.raises(SyncGatewayConflict):
        SyncGateway.delete_document("a", "1-0123456789abcdef0123456789abcdef")
    SyncGateway.delete_document("a", rows[0]["value"]["rev"])
    with pytest.raises(SyncGatewayBadRequest, match="reserved"):
        SyncGateway.save_json("b", {"_sync": 1})


@pytest.mark.parametrize("uid", ["", "_user/x", "_x", ".", "..", "../_user/x", "a/../b", "é" * 126])
def test_uids_that_are_other_addresses_are_refused(gateway, uid):
    SyncGateway.put_user("x", password="secret")
    for call in (
        lambda: SyncGateway.save_json(uid, {"n": 1}),
        lambda: SyncGateway.delete_document(uid, "1-a"),
        lambda: SyncGateway.bulk_docs([{"_id": uid}]),
    ):
        with pytest.raises(SyncGatewayBadRequest):
            call()
    assert SyncGateway.get_users().count("x") == 1


def test_quoting_of_uids():
    # 04-doc-ids.json: unescaped twice where there is no slash.
    assert quote_uid("100%") == "100%2525"
    assert quote_uid("p/50%") == "p%2F50%25"
    assert quote_uid("a b") == "a%20b"


def test_nan_is_refused(gateway):
    with pytest.raises(SyncGatewayBadRequest, match="JSON"):
        SyncGateway.save_json("a", {"n": float("nan")})


def test_wrong_password(gateway_by_http, settings):
    settings.SYNC_GATEWAY_PASSWORD = "not-the-password"
    with pytest.raises(SyncGatewayForbidden) as caught:
        SyncGateway.save_json("a", {})
    assert caught.value.status == 401
    assert "not-the-password" not in str(caught.value)


def test_no_gateway(settings):
    [port] = free_ports(1)
    settings.SYNC_GATEWAY_URL = f"http://user:hidden@127.0.0.1:{port}"
    settings.SYNC_GATEWAY_OPTIONS = {"backoff": 0.001}
    settings.COUCHBASE_DATABASE = "plain"
    with pytest.raises(SyncGatewayUnavailable, match="SYNC_GATEWAY_URL") as caught:
        SyncGateway.all_docs(["a"])
    assert "hidden" not in str(caught.value)
    assert caught.value.__cause__ is not None


class _Html(BaseHTTPRequestHandler):
    status = 200

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<html>proxy</html>"
        self.send_response(type(self).status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.mark.parametrize("status", [200, 502])
def test_a_proxys_page_is_no_gateway(settings, status, monkeypatch):
    monkeypatch.setattr(_Html, "status", status)
    with HTTPServer(("127.0.0.1", 0), _Html) as server:
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        settings.SYNC_GATEWAY_OPTIONS = {"backoff": 0.001}
        settings.SYNC_GATEWAY_URL = f"http://127.0.0.1:{server.server_port}"
        settings.COUCHBASE_DATABASE = "plain"
        with pytest.raises(SyncGatewayUnavailable):
            SyncGateway.all_docs(["a"])
        server.shutdown()


def test_settings_that_contradict_each_other(settings):
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:4984"
    with pytest.raises(ImproperlyConfigured, match="different documents"):
        CBArticle("a")


def test_settings_with_no_place_for_documents(settings):
    settings.COUCHBASE_DATABASE = "plain"
    with pytest.raises(ImproperlyConfigured, match="ENGINE"):
        CBArticle("a")
    settings.COUCHBASE_DATABASE = "nowhere"
    with pytest.raises(ImproperlyConfigured, match="no alias"):
        CBArticle("a")


def test_users_need_settings(gateway, settings):
    settings.SYNC_GATEWAY_USER = None
    with pytest.raises(ImproperlyConfigured, match="SYNC_GATEWAY_USER"):
        SyncGateway.put_admin_user()


def test_admin_address_is_asked_for(gateway_by_http, settings):
    settings.SYNC_GATEWAY_ADMIN_URL = None
    with pytest.raises(ImproperlyConfigured, match="SYNC_GATEWAY_ADMIN_URL"):
        SyncGateway.get_users()


def test_unknown_options(gateway_by_http, settings):
    settings.SYNC_GATEWAY_OPTIONS = {"timeot": 1}
    with pytest.raises(ImproperlyConfigured, match="timeot"):
        SyncGateway.get_users()


def test_nothing_secret_is_logged(gateway, caplog):
    with caplog.at_level(logging.DEBUG):
        SyncGateway.put_user("ann", password="very-secret")
        SyncGateway.create_session("ann")
        SyncGateway.save_json("a", {})
    assert "very-secret" not in caplog.text
    assert conf.get("SYNC_GATEWAY_PASSWORD") not in caplog.text


def test_round_trips(db, django_assert_num_queries):
    CBArticle(channels=["c"]).save()  # the first write makes the database
    document = CBArticle(channels=["c"])
    # database, user, find, savepoint, find again, tickets, store, release
    with django_assert_num_queries(8):
        document.save()
    with django_assert_num_queries(3):
        CBArticle(document.uid)


def test_every_error_is_a_sync_gateway_exception():
    for status in (400, 401, 403, 404, 409, 413, 415, 418, 500, 503):
        assert issubclass(SyncGatewayException.for_status(status), SyncGatewayException)


def test_import_is_light():
    code = (
        "import sys, json, django\n"
        "from django.conf import settings\n"
        "settings.configure(INSTALLED_APPS=['django_cbtools'])\n"
        "django.setup()\n"
        "import django_cbtools.models\n"
        "heavy = ('couchbase', 'py_mini_racer', 'uvicorn', 'tqdm', 'yaml', "
        "'django_cbtools.view_shapes')\n"
        "print(json.dumps([m for m in heavy if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
