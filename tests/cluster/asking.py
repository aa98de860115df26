"""What tests write into a cluster, and how it refuses them."""

from __future__ import annotations

import traceback

import pytest

from django_cbtools import cluster
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.query import view_rows
from tests.cluster.mock import PASSWORD

BY_N = {"map": "function (doc, meta) { emit(doc.n, doc.text); }"}


def write(documents):
    with cluster.connected() as (_, bucket):
        for uid, document in documents.items():
            bucket.default_collection().upsert(uid, document)


def view_indexes():
    with cluster.connected() as (_, bucket):
        return bucket.view_indexes()


# --------------------------------------------------------------------- errors


def refused(error, ask=lambda: view_rows("d/v")):
    """What is said of a query that fails; nothing of it has the password."""
    with pytest.raises(error) as caught:
        ask()
    shown = "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in shown
    if isinstance(caught.value, SyncGatewayException):
        assert type(caught.value.__cause__).__name__ == caught.value.error
    return str(caught.value)
