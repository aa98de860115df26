"""Uids that are none."""

from __future__ import annotations

import json

import pytest

from django_cbtools.exceptions import SyncGatewayException, shown
from django_cbtools.models import load_objects
from django_cbtools.sync_gateway import SyncGateway
from tests.models.bad_input.sending import send
from tests.testapp.models import CBArticle

UIDS = {
    "another path": "../_user/x",
    "path of a user": "_user/x",
    "a dot": ".",
    "two dots": "..",
    "dots between slashes": "a/../b",
    "251 bytes": "x" * 251,
    "252 bytes in 126 characters": "é" * 126,
    "a NUL": "a\0b",
}
WRITES = {
    "save_json": lambda uid: SyncGateway.save_json(uid, {"channels": ["news"]}),
    "delete_document": lambda uid: SyncGateway.delete_document(uid, "1-abc"),
    "save": lambda uid: CBArticle(uid=uid, channels=["news"]).save(),
    "bulk_create": lambda uid: CBArticle.objects.bulk_create(
        [CBArticle(uid=uid, channels=["news"])]
    ),
}
READS = {
    "load": lambda uid: CBArticle().load(uid),
    "construct": CBArticle,
    "get": lambda uid: CBArticle.objects.get(pk=uid),
}


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
@pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)
def test_bad_uid_is_not_written(uid, write, article):
    with pytest.raises(SyncGatewayException) as caught:
        write(uid)
    assert shown(uid) in str(caught.value)


@pytest.mark.parametrize("uid", ["", *UIDS.values(), "unknown"], ids=["empty", *UIDS, "unknown"])
@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_bad_uid_is_no_document(uid, read, article):
    with pytest.raises(CBArticle.DoesNotExist):
        read(uid)


@pytest.mark.parametrize("uid", ["", *UIDS.values(), "unknown"], ids=["empty", *UIDS, "unknown"])
def test_bad_uid_among_good_ones_is_left_out(uid, article):
    assert load_objects([uid, article.uid], CBArticle) == [article]


@pytest.mark.parametrize("uid", [5, None, b"x", ["x"], {"x": 1}, True], ids=repr)
@pytest.mark.parametrize("name", ["save_json", "delete_document", "load"])
def test_uid_that_is_no_string_is_refused(uid, name, article):
    with pytest.raises(SyncGatewayException):
        {**WRITES, **READS}[name](uid)


@pytest.mark.parametrize("uid", UIDS.values(), ids=UIDS)
def test_bad_uid_in_a_batch_does_not_keep_others_from_being_saved(uid, article):
    body = json.dumps({"docs": [{"_id": uid}, {"_id": "good"}]})
    status, rows = send("POST", "/_bulk_docs", body)
    assert status == 201
    assert rows[1]["id"] == "good"
    if uid in (".", "..", "../_user/x", "a/../b"):  # ids as good as any, but for a URL
        assert "rev" in rows[0]
    else:
        assert rows[0]["status"] == 400


@pytest.mark.parametrize("path", ["/.", "/..", "/../../x", "/./_user/x"])
def test_dots_in_a_path_are_no_document(path, article):
    status, _ = send("PUT", path, "{}")
    assert status in (301, 404)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/_user/x", 404), ("/%5Fuser%2Fx", 400), ("/%255Fuser", 400), ("/_sync:user:x", 404)],
)
def test_users_are_no_documents(path, expected, article):
    status, _ = send("PUT", path, "{}", port="public", authorization="Basic eDpzZWNyZXQ=")
    assert status == expected
