"""Clusters that cannot be asked, or refuse: what their errors say."""

from __future__ import annotations

from pathlib import Path

import pytest
from couchbase.bucket import Bucket
from couchbase.exceptions import (
    DesignDocumentNotFoundException,
    InternalServerFailureException,
    ViewErrorContext,
)

from django_cbtools import cluster
from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.query import view_rows
from tests.cluster.asking import BY_N, refused
from tests.cluster.mock import BUCKET
from tests.cluster.nodes import running_node


@pytest.fixture
def impatient(cluster_settings):
    cluster_settings.COUCHBASE_OPTIONS = {"bootstrap_timeout": 0.5}
    return cluster_settings


@pytest.mark.parametrize(
    "hosts", ["127.0.0.1:1", "no-such-host.invalid", ["127.0.0.1:1", "couchbase.invalid"]], ids=str
)
def test_no_cluster(impatient, hosts):
    impatient.COUCHBASE_HOSTS = hosts
    for ask in (lambda: view_rows("d/v"), lambda: cluster.deploy("d", {"v": BY_N})):
        message = refused(SyncGatewayUnavailable, ask)
        assert "COUCHBASE_HOSTS" in message
        assert "COUCHBASE_OPTIONS['bootstrap_timeout']" in message


def test_port_of_something_else(impatient, http_gateway):
    for url in http_gateway.urls:
        impatient.COUCHBASE_HOSTS = url.removeprefix("http://")
        assert "COUCHBASE_HOSTS" in refused(SyncGatewayUnavailable)


def test_wrong_password(cluster_settings):
    with running_node() as node:
        cluster_settings.COUCHBASE_HOSTS = node.host
        message = refused(SyncGatewayForbidden)
    assert "COUCHBASE_USER and COUCHBASE_PASSWORD" in message


def test_wrong_password_for_design_documents(mock, settings):
    settings.COUCHBASE_PASSWORD = "other"
    message = refused(SyncGatewayForbidden, lambda: cluster.deploy("d", {"v": BY_N}))
    assert "COUCHBASE_USER and COUCHBASE_PASSWORD" in message


def test_no_such_bucket(mock, settings):
    settings.COUCHBASE_BUCKET = "test_nothing"
    assert "COUCHBASE_BUCKET" in refused(SyncGatewayNotFound)
    settings.COUCHBASE_BUCKET = None
    settings.SYNC_GATEWAY_BUCKET = BUCKET
    cluster.deploy("d", {"v": BY_N})
    assert view_rows("d/v") == []


def error_of(status, monkeypatch):
    """As the SDK raises it where a view is answered so; the mock has no such answers."""
    failure = InternalServerFailureException(
        context=ViewErrorContext(http_status=status, http_body='{"error":"x","reason":"y"}')
    )

    def fail(*args, **kwargs):
        raise failure

    monkeypatch.setattr(Bucket, "view_query", fail)


@pytest.mark.parametrize(
    ("status", "error", "named"),
    [
        (400, SyncGatewayBadRequest, "malformed"),
        (401, SyncGatewayForbidden, "COUCHBASE_USER"),
        (403, SyncGatewayForbidden, "COUCHBASE_USER"),
        (404, SyncGatewayNotFound, "manage.py create_cb_views"),
        (405, SyncGatewayUnavailable, "405"),
        (500, SyncGatewayUnavailable, "500"),
        (503, SyncGatewayUnavailable, "503"),
    ],
)
def test_answers_of_other_servers(mock, monkeypatch, status, error, named):
    error_of(status, monkeypatch)
    with pytest.raises(error, match=named) as caught:
        view_rows("d/v")
    assert caught.value.status == status
    assert "View d/v" in str(caught.value)
    assert '"reason":"y"' in caught.value.reason


def test_missing_view(mock, monkeypatch):
    def fail(*args, **kwargs):
        raise DesignDocumentNotFoundException

    monkeypatch.setattr(Bucket, "view_query", fail)
    assert "manage.py create_cb_views" in refused(SyncGatewayNotFound)


def test_failing_leaves_nothing_behind(mock, settings):
    """Neither threads nor connections, however long the errors are kept."""
    tasks, files = Path("/proc/self/task"), Path("/proc/self/fd")
    if not tasks.exists():
        pytest.skip("this system does not say which threads there are")
    kept = []

    def fail(error):
        with pytest.raises(error) as caught:
            view_rows("d/v")
        kept.append(caught.value)
        return len(list(tasks.iterdir())), len(list(files.iterdir()))

    def check(error):
        # What earlier tests have left may still be going.
        threads, connections = fail(error)
        threads_after, connections_after = fail(error)
        assert threads_after <= threads
        assert connections_after <= connections

    settings.COUCHBASE_BUCKET = "test_nothing"
    check(SyncGatewayNotFound)
    settings.COUCHBASE_HOSTS = "127.0.0.1:1"
    settings.COUCHBASE_OPTIONS = {"bootstrap_timeout": 0.05}
    check(SyncGatewayUnavailable)
