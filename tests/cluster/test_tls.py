"""A cluster by TLS."""

from __future__ import annotations

import ssl

import pytest
import trustme

from django_cbtools.exceptions import SyncGatewayForbidden, SyncGatewayUnavailable
from tests.cluster.asking import refused
from tests.cluster.nodes import running_node


class Authority:
    """Who makes certificates; ``file`` is its own."""

    def __init__(self, folder):
        self._folder = folder
        self._authority = trustme.CA()
        self.file = folder / f"{id(self)}.pem"
        self._authority.cert_pem.write_to_path(self.file)

    def server(self, *, clients=False):
        """A server's TLS; ``clients``: it lets in only those with a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._authority.issue_cert("127.0.0.1").configure_cert(context)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            self._authority.configure_trust(context)
        return context

    def client(self):
        """The options of a client with a certificate."""
        made = self._authority.issue_cert("client@example.com")
        paths = {"cert_path": self._folder / "client.pem", "key_path": self._folder / "key.pem"}
        made.cert_chain_pems[0].write_to_path(paths["cert_path"])
        made.private_key_pem.write_to_path(paths["key_path"])
        return paths


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


def connect(settings, node, error, **options):
    """Ask a node by TLS; one whose certificate is good refuses the login."""
    settings.COUCHBASE_HOSTS = f"couchbases://{node.host}"
    settings.COUCHBASE_OPTIONS = options
    return refused(error)


def test_trusted_certificate(cluster_settings, authority):
    with running_node(authority.server()) as node:
        connect(
            cluster_settings, node, SyncGatewayForbidden, trust_store_path=authority.file
        )  # fmt: skip
        assert node.certificates == [None]


@pytest.mark.parametrize("trusts", ["others", "the system's"])
def test_certificate_that_is_not_trusted(cluster_settings, authority, tmp_path, trusts):
    trusted = {"trust_store_path": Authority(tmp_path).file} if trusts == "others" else {}
    with running_node(authority.server()) as node:
        message = connect(
            cluster_settings, node, SyncGatewayUnavailable, bootstrap_timeout=0.5, **trusted
        )
        assert node.certificates == []
    assert "COUCHBASE_OPTIONS['trust_store_path']" in message


def test_certificate_that_is_not_checked(cluster_settings, authority):
    with running_node(authority.server()) as node:
        connect(cluster_settings, node, SyncGatewayForbidden, tls_verify="none")


def test_client_certificate(cluster_settings, authority):
    """It is the login."""
    cluster_settings.COUCHBASE_USER = cluster_settings.COUCHBASE_PASSWORD = None
    with running_node(authority.server(clients=True)) as node:
        connect(
            cluster_settings, node, SyncGatewayUnavailable,
            trust_store_path=authority.file, **authority.client(),
        )  # fmt: skip
        (certificate,) = node.certificates
    assert certificate["subjectAltName"] == (("email", "client@example.com"),)


def test_file_that_is_no_certificate(cluster_settings):
    cluster_settings.COUCHBASE_HOSTS = "couchbases://127.0.0.1:1"
    cluster_settings.COUCHBASE_OPTIONS = {"trust_store_path": __file__}
    assert "COUCHBASE_OPTIONS['trust_store_path']" in refused(SyncGatewayUnavailable)
