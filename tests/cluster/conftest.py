"""Couchbase's mock of a cluster, and settings of a program that has one."""

from __future__ import annotations

import pytest

from django_cbtools import cluster
from tests.cluster.asking import BY_N, write
from tests.cluster.mock import BUCKET, PASSWORD, running_mock


@pytest.fixture(scope="session")
def _mock():
    with running_mock() as mock:
        yield mock


@pytest.fixture
def cluster_settings(settings):
    """Settings of a program that has a cluster; where it is, is to be set."""
    settings.COUCHBASE_DATABASE = "plain"
    settings.COUCHBASE_BUCKET = settings.COUCHBASE_USER = BUCKET
    settings.COUCHBASE_PASSWORD = PASSWORD
    yield settings
    cluster.close()


@pytest.fixture
def mock(_mock, cluster_settings):
    """The mock, with no documents, as the settings' cluster."""
    _mock.flush()
    cluster_settings.COUCHBASE_HOSTS = _mock.hosts
    return _mock


@pytest.fixture
def by_n(mock):
    """The view ``d/v`` of five documents, by number."""
    cluster.deploy("d", {"v": BY_N, "count": {**BY_N, "reduce": "_count"}})
    write({uid: {"n": n, "text": uid * 2} for n, uid in enumerate("abcde")})
