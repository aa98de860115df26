"""What writes by QuerySets cost on the embedded backend."""

from __future__ import annotations

import pytest
from django.db import connection

from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.documents.documents import Documents
from tests.testapp.models import CBAuthor

from ..test_queryset_writes import WRITES, saved


@pytest.mark.parametrize("how", WRITES)
def test_many_take_as_many_queries_as_few(db, how, monkeypatch):
    """One request to the gateway; beside it, the same queries however many documents there are."""
    requests, queries = [], []
    bulk_docs = SyncGateway.bulk_docs

    def request(docs):
        counted = len(queries)
        rows = bulk_docs(docs)
        del queries[counted:]  # what the embedded gateway does in there is its business
        requests.append(len(docs))
        return rows

    def query(execute, sql, *args):
        queries.append(sql)
        return execute(sql, *args)

    monkeypatch.setattr(Documents, "bulk_docs", request)
    for count in (3, 300):
        CBAuthor.all_objects.all().hard_delete()
        saved(count, st_deleted=how == "undelete")
        del requests[:], queries[:]
        with connection.execute_wrapper(query):
            WRITES[how]()
        assert requests == [count]
        assert len(queries) == (1 if how == "bulk_update" else 2)
