"""Books, and what is sent of them."""

from __future__ import annotations

import pytest

from django_cbtools.exceptions import (
    SyncGatewayUnavailable,
)
from django_cbtools.signals import cb_post_delete, cb_post_save, cb_pre_delete, cb_pre_save
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import Documents
from tests.orm.writes.models import Book


@pytest.fixture
def books():
    """Three books with a key of a phone's."""
    for number, (title, year) in enumerate([("Emma", 1815), ("Ulysses", 1922), ("Solaris", 1961)]):
        SyncGateway.save_json(
            f"b{number}",
            {"doc_type": "writes_book", "channels": ["c"], "title": title, "year": year,
             "price": f"{number}.50", "st_deleted": False, "color": "red", "tags": [title]},
        )  # fmt: skip
    return list(Book.objects.order_by("uid"))


@pytest.fixture
def sent(monkeypatch):
    """The uids of each bulk request."""
    requests = []
    bulk_docs = SyncGateway.bulk_docs

    def counting(docs):
        requests.append([doc["_id"] for doc in docs])
        return bulk_docs(docs)

    monkeypatch.setattr(Documents, "bulk_docs", counting)
    return requests


@pytest.fixture
def failing(monkeypatch):
    """``failing(n)``: the n-th bulk request and all behind it get no answer."""
    bulk_docs = SyncGateway.bulk_docs

    def failing(number):
        requests = []

        def bulk(docs):
            requests.append(docs)
            if len(requests) >= number:
                raise SyncGatewayUnavailable("no answer", reason="no answer")
            return bulk_docs(docs)

        monkeypatch.setattr(Documents, "bulk_docs", bulk)
        return requests

    return failing


@pytest.fixture
def signals():
    """Signals as they come: their names and the documents' uids."""
    heard = []
    listeners = []
    for name, signal in [
        ("pre_save", cb_pre_save),
        ("post_save", cb_post_save),
        ("pre_delete", cb_pre_delete),
        ("post_delete", cb_post_delete),
    ]:

        def listener(instance, name=name, **kwargs):
            heard.append((name, instance.uid))

        listeners.append((signal, listener))
        signal.connect(listener)
    yield heard
    for signal, listener in listeners:
        signal.disconnect(listener)
