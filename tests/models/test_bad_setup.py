"""What an unlucky operator sets: each mistake gets an error of ours that says what to do."""

from __future__ import annotations

import logging
import socket
import sqlite3

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, NotSupportedError, OperationalError, connections, transaction

from django_cbtools.exceptions import SyncGatewayException, SyncGatewayUnavailable
from django_cbtools.models import load_objects, query_view
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import clean_buckets
from tests.testapp.models import Bookmark, CBArticle

#: Everything that reaches documents, users or views.
DOCUMENTS = {
    "save": lambda: CBArticle(channels=["news"]).save(),
    "load": lambda: CBArticle("atl_x"),
    "delete": lambda: SyncGateway.delete_document("atl_x", "1-a"),
    "bulk_create": lambda: CBArticle.objects.bulk_create([CBArticle(channels=["news"])]),
    "load_objects": lambda: load_objects(["atl_x"], CBArticle),
    "all_docs": lambda: SyncGateway.all_docs([], really_all=True),
}
ADMIN = {
    "put_user": lambda: SyncGateway.put_user("x", password="secret"),
    "get_users": SyncGateway.get_users,
    "create_session": lambda: SyncGateway.create_session("x"),
    "query_view": lambda: query_view("by_type", "article"),
    "create_cb_views": lambda: call_command("create_cb_views", verbosity=0),
    "create_sg_users": lambda: call_command("create_sg_users"),
}


def everything(actions):
    return pytest.mark.parametrize("action", actions.values(), ids=actions)


# ------------------------------------------------------------------ settings


@everything(DOCUMENTS | ADMIN)
def test_real_gateway_and_embedded_backend_together(action, settings):
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:4984"
    with pytest.raises(ImproperlyConfigured, match="Take SYNC_GATEWAY_URL away"):
        action()


@everything(DOCUMENTS | ADMIN)
def test_neither_a_gateway_nor_the_embedded_backend(action, settings):
    settings.COUCHBASE_DATABASE = "plain"
    with pytest.raises(
        ImproperlyConfigured, match="There is no place for documents: set DATABASES"
    ):
        action()


@everything(DOCUMENTS | ADMIN | {"objects": CBArticle.objects.count, "clean": clean_buckets})
def test_alias_that_does_not_exist(action, settings):
    settings.COUCHBASE_DATABASE = "nowhere"
    with pytest.raises(ImproperlyConfigured, match="'nowhere', which is no alias in DATABASES"):
        action()


@everything(ADMIN)
def test_gateway_without_an_admin_url(action, settings):
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:4984"
    with pytest.raises(ImproperlyConfigured, match="Set SYNC_GATEWAY_ADMIN_URL"):
        action()


def test_orm_without_a_place_for_documents(settings):
    settings.COUCHBASE_DATABASE = "plain"
    with pytest.raises(ImproperlyConfigured, match="There is no place for documents: set"):
        CBArticle.objects.count()


@pytest.mark.parametrize("alias", ["plain", "default"])
def test_orm_where_there_is_none(settings, alias):
    """It names the gateway that has the documents, not the alias as their place."""
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:4984"
    with pytest.raises(ImproperlyConfigured, match="There is no ORM for documents: they are in t"):
        CBArticle.objects.using(alias).count()
    with pytest.raises(NotSupportedError, match="There is no ORM for documents: they are in the"):
        list(Bookmark.objects.filter(article__title="x").using("plain"))


@everything(DOCUMENTS | ADMIN | {"objects": CBArticle.objects.count})
def test_couchbase_server_without_a_gateway(action, couchbase_alias):
    couchbase_alias()
    with pytest.raises(ImproperlyConfigured, match="written through a gateway: set SYNC_GATEWAY_U"):
        action()


def test_couchbase_server_has_no_tables(settings, couchbase_alias):
    couchbase_alias()
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:4984"
    connection = connections["server"]
    with transaction.atomic("server"):
        with pytest.raises(ZeroDivisionError), transaction.atomic("server"):
            raise ZeroDivisionError
        connection.validate_no_broken_transaction()
    with pytest.raises(NotSupportedError, match="an ordinary model"):
        Bookmark.objects.using("server").count()
    with pytest.raises(DatabaseError, match="documents alone"):
        call_command("migrate", database="server", verbosity=0)


def test_orm_in_another_alias():
    with pytest.raises(ImproperlyConfigured, match="in 'plain': they are in 'default'"):
        CBArticle.objects.using("plain").count()
    with pytest.raises(ImproperlyConfigured, match="in 'plain': they are in 'default'"):
        CBArticle(channels=["c"]).save(using="plain")


def test_serving_an_embedded_gateway_that_is_none(settings):
    settings.COUCHBASE_DATABASE = "plain"
    with pytest.raises(CommandError, match="There is no embedded gateway to serve"):
        call_command("run_sync_gateway")


@pytest.mark.parametrize("name", ["USER", "PASSWORD", "GUEST_USER", "GUEST_PASSWORD"])
@pytest.mark.parametrize("value", [None, ""])
def test_users_without_a_name_or_password(name, value, settings, db):
    setattr(settings, f"SYNC_GATEWAY_{name}", value)
    put = SyncGateway.put_guest_user if name.startswith("GUEST") else SyncGateway.put_admin_user
    with pytest.raises(ImproperlyConfigured, match=f"Set SYNC_GATEWAY_{name}"):
        put()
    assert SyncGateway.get_users() == []


def test_unknown_option(settings):
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:4984"
    settings.SYNC_GATEWAY_OPTIONS = {"time_out": 5}
    with pytest.raises(ImproperlyConfigured, match="unknown options: time_out"):
        CBArticle("atl_x")


@pytest.mark.parametrize("address", ["127.0.0.1:4984", "http://[bad", "http://", "ftp://x"])
def test_addresses_that_are_none(address, settings):
    settings.COUCHBASE_DATABASE = "plain"
    settings.SYNC_GATEWAY_URL = address
    with pytest.raises(ImproperlyConfigured, match="SYNC_GATEWAY_URL is no address"):
        DOCUMENTS["load"]()


def test_gateway_that_does_not_answer(settings, caplog):
    with socket.socket() as reserved:  # bound, and nobody listens
        reserved.bind(("127.0.0.1", 0))
        url = f"http://secret:hidden@127.0.0.1:{reserved.getsockname()[1]}"
        settings.COUCHBASE_DATABASE = "plain"
        settings.SYNC_GATEWAY_URL = settings.SYNC_GATEWAY_ADMIN_URL = url
        settings.SYNC_GATEWAY_PASSWORD = settings.SYNC_GATEWAY_ADMIN_PASSWORD = "configured"
        settings.SYNC_GATEWAY_OPTIONS = {"backoff": 0.001}
        for action in (DOCUMENTS["save"], DOCUMENTS["load"], ADMIN["put_user"]):
            with (
                caplog.at_level(logging.DEBUG),
                pytest.raises(SyncGatewayUnavailable, match="did not answer") as caught,
            ):
                action()
            said = f"{caught.value!r} {caught.value.__cause__!r} {caplog.text}"
            assert "hidden" not in said
            assert "configured" not in said


# ------------------------------------------------------------ database files


def _garbage(path):
    path.write_bytes(b"This is no database. " * 500)


def _damaged(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE things (name TEXT)")
        connection.executemany("INSERT INTO things VALUES (?)", [("x" * 500,)] * 100)
    connection.close()
    data = path.read_bytes()
    path.write_bytes(data[:100] + b"\xff" * 2000 + data[2100:])


def _folder(path):
    path.mkdir()


FILES = {"garbage": _garbage, "damaged": _damaged, "a folder": _folder}


@pytest.fixture
def documents_in(settings, monkeypatch, django_db_blocker):
    """Keeps documents in a file of that name."""

    def use(name, **options):
        config = {**connections["default"].settings_dict, "NAME": str(name), "OPTIONS": options}
        monkeypatch.setitem(settings.DATABASES, "file", config)
        settings.COUCHBASE_DATABASE = "file"

    with django_db_blocker.unblock():
        yield use
        connections["file"].close()
        del connections["file"]


def _check_unusable(name):
    with pytest.raises(SyncGatewayUnavailable) as saving:
        CBArticle(channels=["news"]).save()
    with pytest.raises(OperationalError) as querying:
        CBArticle.objects.using("file").count()
    with pytest.raises(SyncGatewayException):
        SyncGateway.put_user("x", password="secret")
    for error in (saving, querying):
        assert f"Documents cannot be kept in {name}: " in str(error.value)
        assert "the setting is NAME in DATABASES" in str(error.value)


@pytest.mark.parametrize("options", [{}, {"init_command": "PRAGMA synchronous=NORMAL;"}])
@pytest.mark.parametrize("make", FILES.values(), ids=FILES)
def test_file_that_is_no_database(make, options, tmp_path, documents_in):
    path = tmp_path / "documents.sqlite3"
    make(path)
    before = path.read_bytes() if path.is_file() else None
    documents_in(path, **options)
    _check_unusable(path)
    assert (path.read_bytes() if path.is_file() else None) == before


@pytest.mark.parametrize("place", ["missing", "file"])
def test_file_in_a_place_that_cannot_be_written(place, tmp_path, documents_in):
    (tmp_path / "file").touch()
    path = tmp_path / place / "documents.sqlite3"
    documents_in(path)
    _check_unusable(path)


def test_file_that_may_only_be_read(tmp_path, documents_in):
    path = tmp_path / "documents.sqlite3"
    sqlite3.connect(path).close()
    path.touch()
    name = f"file:{path}?mode=ro"
    documents_in(name)
    _check_unusable(name)
    assert path.read_bytes() == b""


def test_documents_that_may_only_be_read(tmp_path, documents_in):
    path = tmp_path / "documents.sqlite3"
    documents_in(path)
    article = CBArticle(title="Kept", channels=["news"])
    article.save()
    connections["file"].close()
    del connections["file"]

    documents_in(f"file:{path}?mode=ro")
    assert CBArticle(article.uid).title == "Kept"
    article.title = "Changed"
    with pytest.raises(SyncGatewayUnavailable, match="attempt to write a readonly database"):
        article.save()
    assert CBArticle(article.uid).title == "Kept"


def test_strangers_are_not_told_where_the_file_is(tmp_path, documents_in, client, settings):
    from django_cbtools.embedded.api.gateway import respond
    from django_cbtools.embedded.http.messages import Call

    path = tmp_path / "documents.sqlite3"
    _garbage(path)
    documents_in(path)
    answer = respond(Call("public", "file", "GET", "/test_documents/"))
    assert answer.status == 503
    assert b"documents.sqlite3" not in answer.body
