"""Settings of a cluster: hosts and options, and those that are wrong."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command

from django_cbtools import cluster
from django_cbtools.cluster import options
from django_cbtools.query import query_view, view_rows
from tests.cluster.asking import refused
from tests.cluster.mock import BUCKET, PASSWORD


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        ("db.example.com", "couchbase://db.example.com"),
        ("a.example.com,b.example.com", "couchbase://a.example.com,b.example.com"),
        (["a.example.com", "b.example.com:11210"], "couchbase://a.example.com,b.example.com:11210"),
        (("a.example.com",), "couchbase://a.example.com"),
        ("couchbase://a,b", "couchbase://a,b"),
        ("couchbases://cb.example.com", "couchbases://cb.example.com"),
        (["couchbases://cb.example.com"], "couchbases://cb.example.com"),
        ("couchbase://a?network=external", "couchbase://a?network=external"),
        ("couchbase://[::1]", "couchbase://[::1]"),
    ],
    ids=str,
)
def test_hosts(settings, hosts, text):
    settings.COUCHBASE_HOSTS = hosts
    assert options.connection_string() == text


@pytest.mark.parametrize(
    "hosts",
    [
        "http://a:8091",
        "couchbase://",
        "a b",
        "a, b",
        " a",
        ["couchbase://a", "couchbases://b"],
        [" "],
    ],
    ids=str,
)
def test_hosts_that_are_none(settings, hosts):
    settings.COUCHBASE_HOSTS = hosts
    with pytest.raises(ImproperlyConfigured, match="COUCHBASE_HOSTS cannot be"):
        options.connection_string()


def test_hosts_with_a_login(cluster_settings):
    cluster_settings.COUCHBASE_HOSTS = f"couchbase://{BUCKET}:{PASSWORD}@127.0.0.1"
    assert "COUCHBASE_PASSWORD" in refused(ImproperlyConfigured)


def test_hosts_together_with_the_embedded_gateway(settings):
    settings.COUCHBASE_HOSTS = "127.0.0.1"
    for ask in (lambda: view_rows("d/v"), lambda: call_command("create_cb_views")):
        with pytest.raises(ImproperlyConfigured, match=r"COUCHBASE_HOSTS.*embedded"):
            ask()


def test_options(settings, tmp_path):
    settings.COUCHBASE_HOSTS = "127.0.0.1:1"
    settings.COUCHBASE_USER, settings.COUCHBASE_PASSWORD = "somebody", PASSWORD
    certificates = tmp_path / "ca.pem"
    certificates.touch()
    settings.COUCHBASE_OPTIONS = {
        "views_timeout": 1.5,
        "kv_timeout": timedelta(seconds=2),
        "tcp_keep_alive_interval": 60,
        "max_http_connections": 3,
        "network": "external",
        "trust_store_path": certificates,
        "tls_verify": "peer",
        "enable_tracing": True,
    }
    found = options.cluster_options(options.of_settings())
    login = found.pop("authenticator")
    assert (login["username"], login["password"]) == ("somebody", PASSWORD)
    assert found == {
        "views_timeout": timedelta(seconds=1.5),
        "kv_timeout": timedelta(seconds=2),
        "tcp_keep_alive_interval": timedelta(seconds=60),
        "max_http_connections": 3,
        "network": "external",
        "trust_store_path": str(certificates),
        "tls_verify": "peer",
        "enable_tracing": True,
        "enable_metrics": False,
    }


@pytest.mark.parametrize(
    "setting",
    [
        {"views_timeout": 0}, {"views_timeout": -1}, {"views_timeout": "5"},
        {"views_timeout": True}, {"views_timeout": float("nan")}, {"views_timeout": 1e12},
        {"tls_verify": "sometimes"}, {"tls_verify": False}, {"max_http_connections": "3"},
        {"enable_tls": 1}, {"trust_store_path": 5}, {"trust_store_path": "/no/such/file"},
        {"cert_path": "/no/such/file", "key_path": __file__},
        {"cert_path": __file__, "key_path": "/no/such/file"},
    ],
    ids=str,
)  # fmt: skip
def test_options_that_are_wrong(cluster_settings, setting):
    cluster_settings.COUCHBASE_HOSTS = "127.0.0.1:1"
    cluster_settings.COUCHBASE_OPTIONS = setting
    message = refused(ImproperlyConfigured)
    assert any(f"COUCHBASE_OPTIONS[{name!r}]" in message for name in setting)


def test_options_that_are_unknown(cluster_settings):
    cluster_settings.COUCHBASE_HOSTS = "127.0.0.1:1"
    cluster_settings.COUCHBASE_OPTIONS = {"view_timeout": 5, 7: 8, "authenticator": 5}
    message = refused(ImproperlyConfigured)
    assert "unknown options: 7, authenticator, view_timeout. Known are: " in message
    assert "key_path" in message
    assert "views_timeout" in message
    cluster_settings.COUCHBASE_OPTIONS = ["views_timeout"]
    assert "a dictionary, not list" in refused(ImproperlyConfigured)


@pytest.mark.parametrize("name", ["cert_path", "key_path"])
def test_half_a_client_certificate(cluster_settings, name):
    cluster_settings.COUCHBASE_HOSTS = "127.0.0.1:1"
    cluster_settings.COUCHBASE_OPTIONS = {name: __file__}
    assert "'cert_path'" in refused(ImproperlyConfigured)


def test_no_user(mock, settings):
    settings.COUCHBASE_USER = None
    assert "Set COUCHBASE_USER" in refused(ImproperlyConfigured)


def test_settings_that_change(by_n, settings):
    with cluster.connected() as (before, _), cluster.connected() as (again, _):
        assert again is before
    settings.COUCHBASE_OPTIONS = {"views_timeout": 20}
    assert query_view("d/v", 3) == ["d"]
    with pytest.raises(RuntimeError, match=r"closed|connected"):
        before.bucket(BUCKET)
