"""Certificates: those of an authority that a test trusts, and those of a stranger's."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

HOSTS = ("127.0.0.1", "localhost")


class Authority:
    """Who makes certificates; ``file`` is its own."""

    def __init__(self, folder: Path) -> None:
        self._ca = trustme.CA()
        self._folder = folder
        self._number = 0
        self.file = str(folder / "ca.pem")
        self._ca.cert_pem.write_to_path(self.file)

    def server(
        self,
        *hosts: str,
        clients: Authority | None = None,
        version: ssl.TLSVersion | None = None,
        **options: Any,
    ) -> ssl.SSLContext:
        """A server's TLS; ``clients`` is the authority whose clients it lets in."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._ca.issue_cert(*(hosts or HOSTS), **options).configure_cert(context)
        if version is not None:
            context.maximum_version = version
        if clients is not None:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.file)
        return context

    def client(self) -> tuple[str, str, str]:
        """A client's certificate and key: a file with both, and one for each."""
        certificate = self._ca.issue_cert("client@example.com")
        self._number += 1
        name = str(self._folder / f"client{self._number}")
        certificate.private_key_and_cert_chain_pem.write_to_path(f"{name}.pem")
        certificate.cert_chain_pems[0].write_to_path(f"{name}.crt")
        certificate.private_key_pem.write_to_path(f"{name}.key")
        return f"{name}.pem", f"{name}.crt", f"{name}.key"


@pytest.fixture(scope="session")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("stranger"))
