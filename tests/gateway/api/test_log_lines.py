"""Whatever a client writes, a log has a line for it that is nobody else's."""

from __future__ import annotations

import logging

import pytest
from django.db import DatabaseError

from django_cbtools.embedded.database import Database
from django_cbtools.embedded.databases import resync
from django_cbtools.embedded.documents import documents
from django_cbtools.models import load_objects, try_else_return_none_obj
from django_cbtools.sync_gateway import SyncGateway
from tests.gateway.access.client import ADMIN, DB, create_database, function
from tests.testapp.models import CBArticle

pytestmark = pytest.mark.django_db

FORGED = "a\n[ERROR] forged\r\x1b[2J\u2028"


@pytest.fixture
def lines(caplog):
    """What is logged of the library, which must be something."""
    with caplog.at_level(logging.INFO, "django_cbtools"):
        yield
    records = caplog.get_records("call")
    assert records
    for record in records:
        assert "forged" in record.getMessage()
        assert record.getMessage().isprintable()


def write(uid=FORGED, **body):
    return ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": uid, **body}]})[1][0]


@pytest.mark.parametrize(
    "body",
    ["log(doc.text);", "log('x');", "throw new Error(doc.text);", "while (true) {}"],
)
def test_sync_function(lines, body):
    create_database(function(body), javascript_timeout_secs=1)
    write(text=FORGED)


def test_refusal_whose_reason_is_hidden(lines):
    hidden = {"unsupported": {"force_api_forbidden_errors": True}}
    create_database(function("throw {forbidden: doc.text};"), **hidden)
    assert write(text=FORGED)["status"] == 403


def test_refusal_in_a_resync(lines):
    create_database()
    write(text=FORGED)
    create_database(function("throw {forbidden: doc.text};"))
    resync.run(Database.open("default", DB), {}, regenerate_sequences=False)


def test_document_that_is_left_out_of_a_view(lines):
    create_database()
    write(text=FORGED)
    name = f"/_design/{FORGED}"
    map_function = "function (doc) { throw new Error(doc.text); }"
    assert ADMIN.put(name, {"views": {"v": {"map": map_function}}})[0] == 201
    assert ADMIN.get(f"{name}/_view/v", stale="false")[1]["rows"] == []


def test_database_that_fails(lines, monkeypatch):
    create_database()

    def fail(database, uids):
        raise DatabaseError("a disk")

    monkeypatch.setattr(documents, "find", fail)
    assert ADMIN.get(f"/{FORGED}")[0] == 503


def test_value_that_a_field_cannot_read(lines):
    SyncGateway.save_json(FORGED, {"doc_type": "article", "published": FORGED, "channels": []})
    assert CBArticle(FORGED).published == FORGED


def test_document_that_is_not_there(lines):
    assert try_else_return_none_obj(FORGED, CBArticle) is None
    assert load_objects([FORGED], CBArticle) == []
