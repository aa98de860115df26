"""Paths of the public API in a site: ids of all kinds are told apart."""

from __future__ import annotations

import pytest

from django_cbtools.sync_gateway.calls.client import quote_uid
from tests.gateway.server.mounted.urls import DB, LOGIN, put

RAW_PATHS = {
    "as Django sees it": ("/sync/{}", ""),
    "with the server's prefix": ("/app/sync/{}", "/app"),
    "a proxy took the prefix away": ("/sync/{}", "/app"),
    "a proxy put another prefix in front": ("/outside/app/sync/{}", "/app"),
    "with the host": ("http://testserver/sync/{}", ""),
    "with the query": ("/sync/{}?n=/a/b", ""),
    "something else": ("/rewritten", ""),
}


@pytest.mark.parametrize("name", ["RAW_URI", "REQUEST_URI", "UNENCODED_URL"])
@pytest.mark.parametrize(("raw", "prefix"), RAW_PATHS.values(), ids=RAW_PATHS)
def test_raw_path_is_used_where_it_is_the_same_path(name, raw, prefix, client, settings):
    settings.FORCE_SCRIPT_NAME = prefix or None
    escaped = "test_documents/p%2F50%25"
    extra = {name: raw.format(escaped), "SCRIPT_NAME": prefix}
    answer = put(client, "p%2F50%25", {"channels": ["a"]}, **extra)
    # Where nobody says whether the slash is one of the path, it is taken for the id's.
    assert (answer.status_code, answer.json()["id"]) == (201, "p/50%")
    if raw != "/rewritten":
        extra[name] = raw.format("test_documents")
        answer = client.get("/sync/test_documents", headers=LOGIN, **extra)
        assert (answer.status_code, answer["Location"]) == (301, f"{prefix}/sync/test_documents/")


@pytest.mark.parametrize("path", ["/sync/é/", "/sync/a%0Ab/", "/sync/%2F%2Fevil.example/"])
def test_odd_paths(path, client):
    assert client.get(path).status_code in (301, 400, 401, 404)


def test_ids_with_newlines(client):
    assert put(client, "a%0Ab", {"channels": ["a"]}).status_code == 201
    assert client.get(f"{DB}/a%0Ab", headers=LOGIN).json()["_id"] == "a\nb"
    # Only the gateway redirects, and no header is made of it.
    answer = client.get("/sync/a%0Ab", headers=LOGIN)
    assert (answer.status_code, answer["Location"]) == (301, "/sync/a%0Ab/")


@pytest.mark.parametrize(
    ("uid", "name"), [("a/b", "c"), ("a", "b/c"), ("a/b/c", "d"), ("a/b", "c/d%2F"), ("é/b", "/c")]
)
def test_attachments_of_ids_with_slashes(uid, name, client):
    """Here the server does not say which slash was escaped."""
    other = put(client, quote_uid(f"{uid}/{name}".rpartition("/")[0] + "/x"), {"channels": ["a"]})
    rev = put(client, quote_uid(uid), {"channels": ["a"]}).json()["rev"]
    address = f"{DB}/{quote_uid(uid)}/{quote_uid(name)}"
    png = {"content_type": "image/png", "headers": LOGIN}
    answer = client.put(f"{address}?rev={rev}", b"content", **png)
    assert (answer.status_code, answer.json()["id"]) == (201, uid)
    assert client.get(address, headers=LOGIN).content == b"content"
    assert name in client.get(f"{DB}/{quote_uid(uid)}", headers=LOGIN).json()["_attachments"]
    answer = client.delete(f"{address}?rev={answer.json()['rev']}", headers=LOGIN)
    assert (answer.status_code, answer.json()["id"]) == (200, uid)
    assert client.get(address, headers=LOGIN).status_code == 404
    assert other.status_code == 201


@pytest.mark.parametrize("path", ["a/../x", "a/./b/c", "a/b/c/", "_design/a/b/c", "_x/a/b/c"])
def test_paths_of_several_slashes_that_are_no_ids(path, client):
    assert client.get(f"{DB}/{path}", headers=LOGIN).status_code in (301, 404)
    assert client.get(f"{DB}/{'a/' * 400}b", headers=LOGIN).status_code in (400, 404)


@pytest.mark.parametrize("length", ["9" * 20, "9" * 5000, "-5", "x", "\u00b2"])
def test_lengths_that_are_none(length, client):
    answer = put(client, "x", {"channels": ["a"]}, CONTENT_LENGTH=length)
    assert answer.status_code in (400, 413)
