"""Clients that ask for attachments, in process and over HTTP."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.documents import attachments
from django_cbtools.sync_gateway import SyncGateway
from tests.gateway.attachments.client import Client


@pytest.fixture
def client(db):
    client = Client()
    # The database is made when it is first asked for.
    assert client.get("/").status_code == 200
    yield client
    client.http.close()


@pytest.fixture
def by_http(http_gateway):
    client = Client(*http_gateway.urls)
    yield client
    client.http.close()


@pytest.fixture(params=["in process", "over HTTP"])
def either(request):
    return request.getfixturevalue("client" if request.param == "in process" else "by_http")


@pytest.fixture
def bob(client):
    SyncGateway.put_user("bob", password="bob's", admin_channels=["b"])


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(attachments, "CHUNK", 300)
