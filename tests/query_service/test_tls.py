"""HTTPS: which certificates are taken, and what is said of those that are not."""

from __future__ import annotations

import ssl

import pytest
from urllib3.exceptions import InsecureRequestWarning

from django_cbtools.query_service import errors
from tests.query_service.services import service
from tests.query_service.stand_in import EXCHANGES, StandIn
from tests.sync_gateway.scripted import (
    LOGIN,
    Server,
    check_nothing_secret,
    closed_port,
    told,
    url_of,
)

DOCUMENTS = EXCHANGES["documents"]["statement"]


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    """Nothing of the machine's own."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def ask(*servers, **options):
    rows = list(service(*servers, **options).query(DOCUMENTS, ["a"]))
    assert [key for key, _ in rows] == ["a1", "a2", "a3"]


def refused(*servers, **options):
    """What is said of a service with which there is no common TLS."""
    with pytest.raises(errors.OperationalError) as caught:
        ask(*servers, retries=0, **options)
    check_nothing_secret(told(caught.value))
    return str(caught.value)


def test_trusted(ca):
    with StandIn(ca.server()) as server:
        for _ in range(2):
            ask(server, verify=ca.file)
        assert server.headers("Authorization") == [LOGIN] * 2
        assert len(server.accepted) == 1


def test_trusted_by_the_environment(ca, monkeypatch):
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", ca.file)
    with StandIn(ca.server()) as server:
        ask(server)


@pytest.mark.parametrize("hosts", [("127.0.0.1",), ("elsewhere.example.com",)])
def test_not_trusted(ca, stranger, hosts):
    options = {"verify": ca.file} if hosts[0] != "127.0.0.1" else {"verify": stranger.file}
    with StandIn(ca.server(*hosts)) as server:
        assert "OPTIONS['verify']" in refused(server, **options)
        assert server.seen == []


def test_not_checked(ca):
    with StandIn(ca.server()) as server, pytest.warns(InsecureRequestWarning):
        ask(server, verify=False)


def test_own_certificates(ca, stranger):
    both, certificate, key = ca.client()
    wrong = stranger.client()[0]
    with StandIn(ca.server(clients=ca)) as server:
        ask(server, verify=ca.file, cert=both)
        ask(server, verify=ca.file, cert=[certificate, key])
        assert "OPTIONS['cert']" in refused(server, verify=ca.file, cert=wrong)
        assert "OPTIONS['cert']" in refused(server, verify=ca.file)
        assert len(server.seen) == 2


def test_wrong_schemes(ca):
    def complain(connection):
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with Server(complain) as plain, StandIn(ca.server()) as secret:
        there = plain.url.replace("http://", "https://")
        assert "should HOST begin with http://" in refused(there, verify=ca.file)
        refused(secret.url.replace("https://", "http://"))
        assert secret.seen == []


def test_next_host(ca, stranger):
    """One whose certificate is not trusted is an error, not one to pass over."""
    with StandIn(ca.server()) as server, closed_port() as port:
        ask(url_of(port, "https"), server, verify=ca.file)
    with StandIn(stranger.server()) as other, StandIn(ca.server()) as server:
        refused(other, server, verify=ca.file)
        assert server.seen == []


def test_old_versions(ca):
    with StandIn(ca.server(version=ssl.TLSVersion.TLSv1_2)) as server:
        ask(server, verify=ca.file)
