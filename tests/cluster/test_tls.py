"""A cluster by TLS."""

from __future__ import annotations

import pytest

from django_cbtools.exceptions import SyncGatewayForbidden, SyncGatewayUnavailable
from tests.cluster.asking import refused
from tests.cluster.nodes import running_node


def connect(settings, node, error, **options):
    """Ask a node by TLS; one whose certificate is good refuses the login."""
    settings.COUCHBASE_HOSTS = f"couchbases://{node.host}"
    settings.COUCHBASE_OPTIONS = options
    return refused(error)


def test_trusted_certificate(cluster_settings, ca):
    with running_node(ca.server()) as node:
        connect(
            cluster_settings, node, SyncGatewayForbidden, trust_store_path=ca.file
        )  # fmt: skip
        assert node.certificates == [None]


@pytest.mark.parametrize("trusts", ["others", "the system's"])
def test_certificate_that_is_not_trusted(cluster_settings, ca, stranger, trusts):
    trusted = {"trust_store_path": stranger.file} if trusts == "others" else {}
    with running_node(ca.server()) as node:
        message = connect(
            cluster_settings, node, SyncGatewayUnavailable, bootstrap_timeout=0.5, **trusted
        )
        assert node.certificates == []
    assert "COUCHBASE_OPTIONS['trust_store_path']" in message


def test_certificate_that_is_not_checked(cluster_settings, ca):
    with running_node(ca.server()) as node:
        connect(cluster_settings, node, SyncGatewayForbidden, tls_verify="none")


def test_client_certificate(cluster_settings, ca):
    """It is the login."""
    cluster_settings.COUCHBASE_USER = cluster_settings.COUCHBASE_PASSWORD = None
    _, certificate, key = ca.client()
    with running_node(ca.server(clients=ca)) as node:
        connect(
            cluster_settings, node, SyncGatewayUnavailable,
            trust_store_path=ca.file, cert_path=certificate, key_path=key,
        )  # fmt: skip
        (shown,) = node.certificates
    assert shown["subjectAltName"] == (("email", "client@example.com"),)


def test_file_that_is_no_certificate(cluster_settings):
    cluster_settings.COUCHBASE_HOSTS = "couchbases://127.0.0.1:1"
    cluster_settings.COUCHBASE_OPTIONS = {"trust_store_path": __file__}
    assert "COUCHBASE_OPTIONS['trust_store_path']" in refused(SyncGatewayUnavailable)
