"""Bodies, revisions and channels that are none."""

from __future__ import annotations

import decimal
import gzip

import pytest

from django_cbtools.embedded.api.documents import put_document
from django_cbtools.embedded.api.routes import BODY_LIMITS
from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayException,
)
from django_cbtools.models import load_objects
from django_cbtools.sync_gateway import SyncGateway
from tests.models.bad_input.sending import MEGABYTE, integrity_check, send
from tests.testapp.models import CBArticle

# -------------------------------------------------------------------- bodies


@pytest.mark.parametrize("body", [[1], "text", 5, True, None], ids=repr)
def test_body_that_is_no_object_is_refused(body, article):
    with pytest.raises(SyncGatewayBadRequest, match=r"Bad JSON|body is empty"):
        SyncGateway.save_json("new", body)
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("new")


@pytest.mark.parametrize(
    "value",
    [float("nan"), float("inf"), object(), {1, 2}, b"bytes", decimal.Decimal(1)],
    ids=lambda value: type(value).__name__,
)
def test_value_that_json_does_not_have_is_refused(value, article):
    with pytest.raises(SyncGatewayBadRequest, match="cannot be sent as JSON"):
        SyncGateway.save_json("new", {"value": value})
    with pytest.raises(SyncGatewayBadRequest, match="cannot be sent as JSON"):
        CBArticle(channels=["news"], extra={"value": value}).save()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "EOF"),
        (b'{"a": ', "unexpected EOF"),
        (b"hello", "invalid character 'h' looking for beginning of value"),
        (b'{"a": NaN}', "invalid character 'N' looking for beginning of value"),
        (b'{"a": [}', "invalid character '}' looking for beginning of value"),
        (b'{"a": 1 "b"}', "invalid character '\"' after object key:value pair"),
        (b'{"a": "\x01"}', r"invalid character '\x01' in string literal"),
        (b'{"a": "\xff', "unexpected EOF"),
        (b"\xff\xfe", "invalid character '�' looking for beginning of value"),
        (b'{"a": ' + b"[" * 10_000 + b"]" * 10_000 + b"}", "exceeded max depth"),
        (b'{"a": ' * 9_000 + b"1" + b"}" * 9_000, "exceeded max depth"),
        (b'{"a": ' + b"[" * 10_000, "exceeded max depth"),
        (b"[" * 201 + b"]" * 201, "exceeded max depth"),
    ],
    ids=lambda value: repr(value[:20]),
)
@pytest.mark.parametrize("path", ["/new", "/_bulk_docs", "/", "/_session"])
def test_invalid_json_is_refused(path, body, reason, article):
    port = "public" if path == "/_session" else "admin"
    status, answer = send("PUT" if path == "/new" else "POST", path, body, port=port)
    assert (status, answer) == (400, {"error": "Bad Request", "reason": f"Bad JSON: {reason}"})


@pytest.mark.parametrize(
    "body",
    [
        '{"a": ' + "[" * 199 + "]" * 199 + "}",
        '{"a": ' * 200 + "1.50" + "}" * 200,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": -' + "9" * 5000 + ".5}",
        '{"a": 1e999, "doc_type": 1e999, "st_deleted": -1e999}',
        '{"a": 1, "a": 2}',
        '{"a": "\\ud800", "\\udc00": "\\ud83c\\udf7a \\\\ud800"}',
        '{"a": "\\u0000", "doc_type": "\\u0000"}',
        '{"channels": ["\\ud800"]}',
        '{"a": "[[[[", "b": "' + "[" * 1000 + '"}',
        "{}" + "[" * 1000,
    ],
    ids=lambda body: body[:30],
)
def test_odd_json_is_kept(body, article):
    status, saved = send("PUT", "/odd", body)
    assert status == 201
    status, read = send("GET", "/odd")
    assert (status, read["_rev"]) == (200, saved["rev"])
    assert send("GET", "/_all_docs", query="include_docs=true&channels=true")[0] == 200
    assert send("PUT", "/odd", body, if_match=f'"{saved["rev"]}"')[0] == 201
    integrity_check()


def test_half_of_a_surrogate_pair_becomes_the_replacement_character(article):
    _, saved = send("POST", "/", '{"_id": "\\ud800", "a": "\\udc00\\ud83c\\udf7a\\\\ud800"}')
    assert saved["id"] == "\ufffd"
    assert send("GET", "/%EF%BF%BD")[1]["a"] == "\ufffd🍺\\ud800"
    assert send("PUT", "/_user/y", '{"password": "\\ud800\\ud800\\ud800"}') == (201, None)


def test_id_with_a_nul_never_overwrites(article):
    """SQLite's JSON functions end a text there."""
    first = '{"docs": [{"_id": "a\\u0000b", "n": 1}, {"_id": "a", "n": 1}]}'
    second = '{"docs": [{"_id": "a\\u0000b", "n": 2}, {"_id": "a", "n": 2}]}'
    assert [row.get("status") for row in send("POST", "/_bulk_docs", first)[1]] == [400, None]
    assert [row["status"] for row in send("POST", "/_bulk_docs", second)[1]] == [400, 409]
    assert send("PUT", "/a%00b", "{}")[0] == 400
    assert send("GET", "/a")[1]["n"] == 1


def test_document_over_20_mb_is_refused(article):
    with pytest.raises(SyncGatewayBadRequest) as caught:
        SyncGateway.save_json("large", {"text": "x" * 21 * MEGABYTE})
    assert caught.value.status == 413
    assert "large" in str(caught.value)
    large = CBArticle(uid="large", channels=["news"], extra={"text": "é" * 11 * MEGABYTE})
    small = CBArticle(uid="small", channels=["news"])
    with pytest.raises(SyncGatewayException) as bulk:
        CBArticle.objects.bulk_create([large, small])
    assert list(bulk.value.errors) == ["large"]
    assert load_objects(["large", "small"], CBArticle) == [small]
    assert large.rev is None


def test_compressed_body(article):
    body = gzip.compress(b'{"n": 1}')
    assert send("PUT", "/packed", body, content_encoding="gzip")[0] == 201
    assert send("PUT", "/cut", body[:-9], content_encoding="gzip")[0] == 400
    assert send("PUT", "/none", b"{}", content_encoding="gzip")[0] == 400
    assert send("PUT", "/other", b"{}", content_encoding="br")[0] == 415
    assert send("GET", "/cut")[0] == send("GET", "/none")[0] == send("GET", "/other")[0] == 404


def test_compressed_body_that_unpacks_to_too_much_is_refused(article, monkeypatch):
    monkeypatch.setitem(BODY_LIMITS, put_document, MEGABYTE)
    bomb = gzip.compress(b'{"n": "' + b"x" * 100 * MEGABYTE + b'"}')
    assert len(bomb) < MEGABYTE
    assert send("PUT", "/bomb", bomb, content_encoding="gzip")[0] == 413
    assert send("PUT", "/bomb", b" " * (MEGABYTE + 1))[0] == 413


# -------------------------------------------------------- revisions, channels


@pytest.mark.parametrize(
    ("rev", "error"),
    [
        ("1-" + "0" * 32, SyncGatewayConflict),
        ("9-abc", SyncGatewayConflict),
        (None, SyncGatewayConflict),
        ("nonsense", SyncGatewayBadRequest),
        (5, SyncGatewayBadRequest),
        ({"rev": 1}, SyncGatewayBadRequest),
    ],
    ids=repr,
)
def test_stale_or_malformed_rev_is_refused(rev, error, article):
    with pytest.raises(error) as caught:
        CBArticle(uid=article.uid, rev=rev, channels=["news"]).save()
    assert caught.value.uid == article.uid
    with pytest.raises(SyncGatewayException):
        SyncGateway.delete_document(article.uid, rev)


@pytest.mark.parametrize("channels", [[], None, ()], ids=repr)
def test_no_channels_are_refused(channels, article):
    document = CBArticle(channels=channels)
    with pytest.raises(CouchbaseModelError, match="Empty channels list can not be saved"):
        document.save()
    with pytest.raises(CouchbaseModelError, match="Empty channels list can not be saved"):
        CBArticle.objects.bulk_create([CBArticle(channels=["news"]), document])
    assert document.rev is None
    assert CBArticle.objects.count() == 1


@pytest.mark.parametrize("channels", [[""], ["a,b"], ["news", ""]], ids=repr)
def test_illegal_channel_is_refused(channels, article):
    with pytest.raises(SyncGatewayBadRequest, match="Illegal channel name"):
        CBArticle(channels=channels).save()
    with pytest.raises(SyncGatewayBadRequest, match="Illegal channel name"):
        SyncGateway.put_user("x", admin_channels=channels)
