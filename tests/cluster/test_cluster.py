"""Rows of Couchbase Server's views, by the real SDK and Couchbase's mock of a cluster.

What the mock does not understand (a range of keys, staleness) is looked at in the address that the
SDK sent.
"""

from __future__ import annotations

import socket
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from couchbase.management.views import DesignDocument, DesignDocumentNamespace, View
from couchbase.options import ViewOptions
from couchbase.views import ViewOrdering, ViewScanConsistency
from hypothesis import given
from hypothesis import strategies as st

from django_cbtools import cluster, query
from django_cbtools.cluster.views import view_options
from django_cbtools.exceptions import (
    SyncGatewayBadRequest,
    SyncGatewayException,
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
from tests.cluster.asking import BY_N, view_indexes, write
from tests.testapp.models import CBArticle


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
