from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Generator
from typing import Any

import pytest

from django_cbtools import cluster, conf
from django_cbtools.exceptions import SyncGatewayException, SyncGatewayNotFound
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import ADMIN, request
from django_cbtools.tests import clean_buckets

IS_LIVE = bool(conf.get("SYNC_GATEWAY_URL"))
WAYS = ["live"] if IS_LIVE else ["in process", "over HTTP"]
#: Seconds that an index or a feed may lag behind.
PATIENCE = 30
#: Keyspaces of the fixture ``collections``.
A, B = "cbtools.a", "cbtools.b"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "contract" in item.path.parts:
            # The server's threads need committed data; the fixture is chosen at run time.
            item.add_marker(pytest.mark.django_db(transaction=True))


@pytest.fixture(params=WAYS)
def gateway(request: pytest.FixtureRequest) -> Generator[None, None, None]:
    """A gateway with no documents in it; where it is real, it is left so."""
    if request.param == "over HTTP":
        request.getfixturevalue("gateway_by_http")
    if request.param == "live":
        SyncGateway.put_admin_user()
        clean_buckets()
    yield
    if request.param == "live":
        clean_buckets()


@pytest.fixture
def user(gateway: None) -> Generator[Callable[..., str], None, None]:
    """Makes users, of names that nobody else has, and deletes them afterwards."""
    names: list[str] = []

    def make(name: str = "ann", **config: Any) -> str:
        names.append(f"cbtools-test-{secrets.token_hex(4)}-{name}")
        SyncGateway.put_user(names[-1], password="secret", **config)
        return names[-1]

    yield make
    for name in names:
        try:
            SyncGateway.delete_user(name)
        except SyncGatewayNotFound:
            continue


@pytest.fixture
def collections(gateway: None, settings: Any) -> Generator[None, None, None]:
    """A database of two collections, A and B, in place of the one that the settings name."""
    scope, first, second = "cbtools", A.partition(".")[2], B.partition(".")[2]
    by_channels = {"sync": "function (doc) { channel(doc.channels); }"}
    scopes = {scope: {"collections": {first: by_channels, second: by_channels}}}
    config = {"scopes": scopes, "num_index_replicas": 0}
    shared = SyncGateway.get_config().get("bucket")
    # The same name each time: a gateway wants a resync of one that takes over collections.
    settings.SYNC_GATEWAY_BUCKET = "test_cbtools_keyspaces"
    settings.SYNC_GATEWAY_DATABASE = {"scopes": scopes}
    try:
        SyncGateway.create_database(config)
    except SyncGatewayException:
        if not IS_LIVE:
            raise
        # There is no bucket of that name.
        SyncGateway.create_database({**config, "bucket": shared})
    try:
        eventually(SyncGateway.database_state, "Online")
        SyncGateway.put_admin_user()
        clean_buckets()
        yield
        eventually(SyncGateway.database_state, "Online")
        clean_buckets()
    finally:
        request(ADMIN, "DELETE", "")


@pytest.fixture
def design(gateway: None) -> Generator[Callable[..., str], None, None]:
    """Deploys a design document, of a name that nobody else has, and deletes it afterwards."""
    names: list[str] = []

    def deploy(**views: Any) -> str:
        name = f"cbtools_test_{secrets.token_hex(4)}"
        functions = {
            view: (given, "") if isinstance(given, str) else given for view, given in views.items()
        }
        put_design(name, {view: {"map": of, "reduce": by} for view, (of, by) in functions.items()})
        names.append(name)
        return name

    yield deploy
    for name in names:
        drop_design(name)


def put_design(name: str, views: dict[str, dict[str, str]]) -> None:
    if conf.uses_cluster():
        cluster.deploy(name, views)
    else:
        try:
            request(ADMIN, "PUT", "_design", name, body={"views": views})
        except SyncGatewayException as error:
            if error.status not in (404, 405, 501):
                raise
            pytest.skip(f"This gateway has no views; name the cluster by COUCHBASE_HOSTS. {error}")


def drop_design(name: str) -> None:
    if conf.uses_cluster():
        from couchbase.management.views import DesignDocumentNamespace

        with cluster.connected() as (_, bucket):
            bucket.view_indexes().drop_design_document(name, DesignDocumentNamespace.PRODUCTION)
    else:
        request(ADMIN, "DELETE", "_design", name)


def eventually(ask: Callable[[], Any], expected: Any) -> None:
    """Ask until the answer is the expected one; AssertionError where it never is."""
    until = time.monotonic() + PATIENCE
    while (found := ask()) != expected and time.monotonic() < until:
        time.sleep(0.1)
    assert found == expected
