"""Views of Couchbase Server, by the real SDK and Couchbase's mock of a cluster.

What the mock does not understand (a range of keys, staleness) is looked at in the address that the
SDK sent.
"""

from __future__ import annotations

import socket
import ssl
import threading
import traceback
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import couchbase.cluster
import pytest
import requests
import trustme
from couchbase.bucket import Bucket
from couchbase.exceptions import (
    DesignDocumentNotFoundException,
    InternalServerFailureException,
    UnAmbiguousTimeoutException,
    ViewErrorContext,
)
from couchbase.management.views import (
    DesignDocument,
    DesignDocumentNamespace,
    View,
    ViewIndexManager,
)
from couchbase.options import ViewOptions
from couchbase.views import ViewOrdering, ViewScanConsistency
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools import cluster, query
from django_cbtools.cluster import connection, options
from django_cbtools.cluster.views import view_options
from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
    SyncGatewayUnavailable,
)
from django_cbtools.models import query_objects
from django_cbtools.query import (
    STALE_OK,
    STALE_UPDATE_AFTER,
    STALE_UPDATE_BEFORE,
    Query,
    query_view,
    view_rows,
)
from tests.cluster import site
from tests.cluster.mock import BUCKET, PASSWORD, running_mock
from tests.cluster.nodes import running_node
from tests.programs import forked_server, run
from tests.testapp.models import CBArticle

BY_N = {"map": "function (doc, meta) { emit(doc.n, doc.text); }"}


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


def write(documents):
    with cluster.connected() as (_, bucket):
        for uid, document in documents.items():
            bucket.default_collection().upsert(uid, document)


def view_indexes():
    with cluster.connected() as (_, bucket):
        return bucket.view_indexes()


@pytest.fixture
def by_n(mock):
    """The view ``d/v`` of five documents, by number."""
    cluster.deploy("d", {"v": BY_N, "count": {**BY_N, "reduce": "_count"}})
    write({uid: {"n": n, "text": uid * 2} for n, uid in enumerate("abcde")})


def sent(query=None, **defaults):
    """The parameters in the address of a query, as the SDK sent it."""
    with pytest.raises(SyncGatewayException) as caught:
        query_view("d/missing", None, query)
    return dict(parse_qsl("&".join(caught.value.__cause__.error_context.query_string)))


# ----------------------------------------------------------------------- rows


def test_rows(by_n):
    assert view_rows("d/v") == [(uid, n, uid * 2) for n, uid in enumerate("abcde")]
    assert query_view("d/v", 3) == ["d"]
    assert query_view("d/v", 9) == []
    assert query_view("d/v", None, Query(keys=[0, 4])) == ["a", "e"]
    assert query_view("d/v", None, Query(keys=(4,))) == ["e"]
    assert query_view("d/v", None, Query(descending=True, limit=2, skip=1)) == ["d", "c"]


def test_reduced_rows(by_n):
    assert view_rows("d/count") == [("", None, 5)]
    assert view_rows("d/count", Query(group=True, keys=[0, 1])) == [("", 0, 1), ("", 1, 1)]
    assert query_view("d/count", 3) == ["d"]
    assert len(view_rows("d/count", Query(reduce=False))) == 5


def test_default_design_document(mock):
    cluster.deploy("django_cbtools", {"v": BY_N})
    write({"a": {"n": 1}})
    assert query_view("v", 1) == ["a"]


def test_objects_are_the_gateways(gateway_by_http, by_n):
    """The cluster says which; the documents are loaded through the gateway."""
    saved = CBArticle(title="One", channels=["news"])
    saved.save()
    write({saved.uid: {"n": "title"}})
    assert [found.title for found in query_objects("d/v", "title", CBArticle)] == ["One"]


KEYS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.just("a&b=é 🍺+%"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=3,
)
PARAMETERS = {
    "key": KEYS,
    "startkey": KEYS,
    "endkey": KEYS,
    "startkey_docid": st.text("aé&= +%🍺/", min_size=1),
    "endkey_docid": st.text("aé&= +%🍺/", min_size=1),
    "inclusive_end": st.booleans(),
    "descending": st.booleans(),
    "limit": st.integers(0, 2**31),
    "skip": st.integers(0, 2**31),
    "reduce": st.booleans(),
    "group": st.booleans(),
    "group_level": st.integers(0, 9),
    "stale": st.sampled_from([STALE_OK, STALE_UPDATE_AFTER, STALE_UPDATE_BEFORE, True, False]),
}


def test_parameters(by_n):
    """The cluster is asked for what the gateway would be asked for."""
    names = {
        "start_key": "startkey",
        "end_key": "endkey",
        "start_key_doc_id": "startkey_docid",
        "end_key_doc_id": "endkey_docid",
    }

    @given(st.fixed_dictionaries({}, optional=PARAMETERS))
    def check(parameters):
        asked = Query(**parameters)
        found = {names.get(name, name): value for name, value in sent(asked).items()}
        assert found == asked.query_string(stale=False, reduce=False)

    check()


def test_every_parameter_is_tried():
    assert {*PARAMETERS, "keys"} == query._PARAMETERS


def test_none_is_a_key(by_n):
    assert sent(Query(key=None))["key"] == "null"
    assert sent(Query(startkey=None, limit=None)) == {
        "start_key": "null",
        "reduce": "false",
        "stale": "false",
    }


def test_staleness(by_n, settings):
    for stale, text in ((STALE_OK, "ok"), (STALE_UPDATE_AFTER, "update_after"), (False, "false")):
        settings.COUCHBASE_STALE = stale
        assert sent()["stale"] == text
        assert sent(Query(stale=STALE_UPDATE_BEFORE))["stale"] == "false"
    for stale in ViewScanConsistency:
        assert sent(ViewOptions(scan_consistency=stale))["stale"] == stale.value


def test_options_of_the_sdk(by_n):
    assert query_view("d/v", None, ViewOptions(key=3)) == ["d"]
    assert query_view("d/v", None, ViewOptions(order=ViewOrdering.DESCENDING, limit=1)) == ["e"]
    assert query_view("d/v", None, ViewOptions(order=ViewOrdering.ASCENDING, limit=1)) == ["a"]
    found = sent(ViewOptions(debug=True, raw={"connection_timeout": "5"}, startkey=1, skip=2))
    assert found == {
        "debug": "true",
        "connection_timeout": "5",
        "start_key": "1",
        "skip": "2",
        "stale": "false",
        "reduce": "false",
    }
    assert sent(ViewOptions(raw={"stale": "ok"}))["stale"] == "ok"


def test_views_in_development(by_n):
    assert view_options({}) == {"namespace": DesignDocumentNamespace.PRODUCTION}
    view_indexes().upsert_design_document(
        DesignDocument("d", {"draft": View("function (doc, meta) { emit(null, null); }")}),
        DesignDocumentNamespace.DEVELOPMENT,
    )
    asked = ViewOptions(namespace=DesignDocumentNamespace.DEVELOPMENT, limit=1)
    assert query_view("d/draft", None, asked) == ["a"]
    with pytest.raises(SyncGatewayException):
        query_view("d/draft", None, Query())


def test_timeout(by_n, settings):
    slow = "function (doc, meta) { java.lang.Thread.sleep(500); emit(meta.id, null); }"
    cluster.deploy("slow", {"v": {"map": slow}})
    short = timedelta(seconds=0.05)
    for asked in (Query(timeout=0.05), Query(timeout=short), ViewOptions(timeout=short)):
        with pytest.raises(SyncGatewayUnavailable, match="the query's own timeout"):
            query_view("slow/v", None, asked)
    settings.COUCHBASE_OPTIONS = {"views_timeout": 0.05}
    with pytest.raises(SyncGatewayUnavailable, match="'views_timeout'"):
        view_rows("slow/v")


def test_timeout_of_the_gateway(settings):
    settings.COUCHBASE_DATABASE = "plain"
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        settings.SYNC_GATEWAY_URL = settings.SYNC_GATEWAY_ADMIN_URL = url
        for asked in (Query(timeout=0.1), ViewOptions(timeout=timedelta(seconds=0.1))):
            with pytest.raises(SyncGatewayUnavailable, match="deadline"):
                query_view("d/v", None, asked)


@pytest.mark.parametrize("keys", [5, None])
def test_keys_that_are_no_list(by_n, keys):
    with pytest.raises(SyncGatewayBadRequest, match=r"d/v.*keys must be a list"):
        query_view("d/v", None, Query(keys=keys))


# ----------------------------------------------------------- design documents


def deployed(design):
    views = view_indexes().get_design_document(
        design, DesignDocumentNamespace.PRODUCTION
    ).views  # fmt: skip
    return {name: (view.map, view.reduce) for name, view in views.items()}


def test_deploy(mock):
    text = "function (doc, meta) {\n  emit('é🍺', meta.id);\n}\n"
    cluster.deploy("replaced", {"v": BY_N, "w": BY_N})
    cluster.deploy("replaced", {"v": {"map": text, "reduce": "_sum"}})
    assert deployed("replaced") == {"v": (text, "_sum")}


def test_what_is_there_is_not_deployed_again(mock, monkeypatch):
    upserted = []
    upsert = ViewIndexManager.upsert_design_document

    def spy(self, design, *args):
        upserted.append(design.name)
        upsert(self, design, *args)

    monkeypatch.setattr(ViewIndexManager, "upsert_design_document", spy)
    views = {"v": BY_N, "w": {**BY_N, "reduce": "_count"}}
    changes = [
        views,
        {"v": BY_N},
        {"v": {"map": BY_N["map"] + "\n"}},
        {"v": {**BY_N, "reduce": "_count"}},
        {"v": {**BY_N, "reduce": "_sum"}},
        {"w": {**BY_N, "reduce": "_sum"}},
    ]
    for number, change in enumerate(changes):
        assert cluster.deploy("changing", change) is True, number
        assert cluster.deploy("changing", change) is False, number
    assert upserted == ["changing"] * len(changes)


def test_command(mock, capsys):
    for _ in range(2):
        call_command("create_cb_views")
        assert capsys.readouterr().out == "4 views in 2 design documents are deployed.\n"
    write({"a": {"doc_type": "article", "channels": ["x"]}})
    assert query_view("by_type", "article") == ["a"]


def test_command_that_fails(mock, monkeypatch):
    monkeypatch.setattr(
        "django_cbtools.management.commands.create_cb_views.design_documents",
        lambda: {"broken": {"views": {"v": {"map": "function (doc { emit("}}}},
    )
    with pytest.raises(CommandError, match="Design document broken was not deployed") as caught:
        call_command("create_cb_views")
    assert isinstance(caught.value.__cause__, SyncGatewayBadRequest)


def test_names_of_views_in_development(mock):
    """The SDK would take the beginning away, and deploy over another app's views."""
    with pytest.raises(SyncGatewayBadRequest, match="'dev_'"):
        cluster.deploy("dev_tools", {"v": BY_N})


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


# ------------------------------------------------------------------- settings


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


# ------------------------------------------------------------------------ TLS


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


# -------------------------------------------------------- threads and processes


def test_threads_share_the_cluster(mock, monkeypatch):
    cluster.deploy("threads", {f"v{number}": BY_N for number in range(16)})
    write({uid: {"n": n} for n, uid in enumerate("abcde")})
    cluster.close()
    made = []
    make = couchbase.cluster.Cluster

    def spy(*arguments):
        made.append(make(*arguments))
        return made[-1]

    monkeypatch.setattr(couchbase.cluster, "Cluster", spy)
    barrier = threading.Barrier(16)

    def ask(number):
        barrier.wait()
        # The mock loses and doubles rows of a view that is asked twice at once, and takes a key
        # of 0 for none.
        return [query_view(f"threads/v{number}", n) for n in range(1, 5)]

    with ThreadPoolExecutor(16) as pool:
        for found in pool.map(ask, range(16)):
            assert found == [["b"], ["c"], ["d"], ["e"]]
    assert len(made) == 1


def test_threads_share_the_wait(cluster_settings, monkeypatch):
    """Where there is no cluster, they do not wait for it one after the other."""
    cluster_settings.COUCHBASE_HOSTS = "127.0.0.1:1"
    attempts = []

    def waiting():
        (made,) = connection._connections.values()
        return len(made._condition._waiters)

    def fail(*arguments):
        attempts.append(arguments)
        while len(attempts) == 1 and waiting() < 15:
            pass
        raise UnAmbiguousTimeoutException(message="no answer")

    monkeypatch.setattr(couchbase.cluster, "Cluster", fail)
    barrier = threading.Barrier(16)

    def ask(number):
        barrier.wait()
        refused(SyncGatewayUnavailable)

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(ask, range(16))) == [None] * 16
    assert len(attempts) == 1
    refused(SyncGatewayUnavailable)
    assert len(attempts) == 2


def test_forks(mock):
    assert run("-m", "tests.cluster.forks", mock.hosts).splitlines() == [
        "parent", "child", "grandchild", "child of a parent that is asking", "worker",
        "parent again", "last child", "last grandchild",
    ]  # fmt: skip


def test_forked_server(mock, tmp_path):
    with forked_server("tests.cluster.wsgi", tmp_path / "log", HOSTS=mock.hosts) as server:
        url = server.address()

        def ask(number):
            answer = requests.get(f"{url}/{number}", timeout=60)
            assert answer.status_code == 200, server.log()
            assert answer.json()["found"] == site.ROWS
            return answer.json()["process"]

        server.ask_both(ask)


PROGRAM = """
import sys
from tests.cluster import site
site.configure(sys.argv[1])
print(site.ask(sys.argv[2]), flush=True)
"""
EXITS = {
    "at its end": ("", 0),
    "by an exception": ("raise SystemExit(3)", 3),
    "with a thread that goes on": (
        "import contextlib, threading\n"
        "from django_cbtools.exceptions import SyncGatewayUnavailable\n"
        "started = threading.Event()\n"
        "def go_on():\n"
        "    with contextlib.suppress(SyncGatewayUnavailable):\n"
        "        while True:\n"
        "            site.ask(sys.argv[2])\n"
        "            started.set()\n"
        "threading.Thread(target=go_on, daemon=True).start()\n"
        "started.wait()",
        0,
    ),
}


@pytest.mark.parametrize(("more", "status"), EXITS.values(), ids=EXITS)
def test_clean_exit(mock, more, status):
    site.prepare()

    def check(number):
        return run("-c", PROGRAM + more, mock.hosts, str(number), status=status)

    # What goes wrong at the end of a program does so in one of a few times.
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(check, range(2))) == ["['a', 'b']\n"] * 2


def test_importing_does_not_import_the_sdk():
    assert run("-c", "import sys, django_cbtools.query; print('couchbase' in sys.modules)") == (
        "False\n"
    )
