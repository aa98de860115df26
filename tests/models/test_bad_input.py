"""What a hostile client sends and an unlucky program passes: each gets an error of ours, and
nothing that is stored is harmed."""

from __future__ import annotations

import decimal
import gzip
import io
import json

import pytest
from django.db import connection

from django_cbtools.embedded.api.documents import put_document
from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.api.routes import BODY_LIMITS
from django_cbtools.embedded.http.messages import Call
from django_cbtools.exceptions import (
    CouchbaseModelError,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayException,
    shown,
)
from django_cbtools.models import load_objects
from django_cbtools.sync_gateway import SyncGateway
from tests.testapp.models import CBArticle

DB = "/test_documents"
OURS = (SyncGatewayException, CouchbaseModelError)
MEGABYTE = 1024 * 1024


def _ask(method, path, body=b"", *, port="admin", query="", **headers):
    """What the gateway answers to a request, in process: status, and the JSON of the body."""
    data = body if isinstance(body, bytes) else body.encode()
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = respond(
        Call(port, "default", method, DB + path, query, names, read=io.BytesIO(data).read)
    )
    # Python's int() refuses very long texts.
    return answer.status, json.loads(answer.body, parse_int=_int) if answer.body else None


def _int(text):
    return int(text) if len(text) < 20 else float(text)


def _everything():
    with connection.cursor() as cursor:
        cursor.execute("SELECT uid, rev, body, channels FROM cbtools_documents")
        documents = cursor.fetchall()
        cursor.execute("SELECT name, password, admin_channels, disabled FROM cbtools_users")
        return {*documents, *cursor.fetchall()}


@pytest.fixture
def article(db):
    """A document beside a user, both of which have to be there, unchanged, in the end."""
    SyncGateway.put_user("x", password="secret", admin_channels=["news"])
    article = CBArticle(title="Kept", channels=["news"])
    article.save()
    before = _everything()
    yield article
    assert before <= _everything()
    assert CBArticle(article.uid).to_dict() == article.to_dict()


# ---------------------------------------------------------------------- uids

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
    status, rows = _ask("POST", "/_bulk_docs", body)
    assert status == 201
    assert rows[1]["id"] == "good"
    if uid in (".", "..", "../_user/x", "a/../b"):  # ids as good as any, but for a URL
        assert "rev" in rows[0]
    else:
        assert rows[0]["status"] == 400


@pytest.mark.parametrize("path", ["/.", "/..", "/../../x", "/./_user/x"])
def test_dots_in_a_path_are_no_document(path, article):
    status, _ = _ask("PUT", path, "{}")
    assert status in (301, 404)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/_user/x", 404), ("/%5Fuser%2Fx", 400), ("/%255Fuser", 400), ("/_sync:user:x", 404)],
)
def test_users_are_no_documents(path, expected, article):
    status, _ = _ask("PUT", path, "{}", port="public", authorization="Basic eDpzZWNyZXQ=")
    assert status == expected


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
        (b'{"a": "\x01"}', "invalid character '\x01' in string literal"),
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
    status, answer = _ask("PUT" if path == "/new" else "POST", path, body, port=port)
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
    status, saved = _ask("PUT", "/odd", body)
    assert status == 201
    status, read = _ask("GET", "/odd")
    assert (status, read["_rev"]) == (200, saved["rev"])
    assert _ask("GET", "/_all_docs", query="include_docs=true&channels=true")[0] == 200
    assert _ask("PUT", "/odd", body, if_match=f'"{saved["rev"]}"')[0] == 201
    _integrity_check()


def test_half_of_a_surrogate_pair_becomes_the_replacement_character(article):
    _, saved = _ask("POST", "/", '{"_id": "\\ud800", "a": "\\udc00\\ud83c\\udf7a\\\\ud800"}')
    assert saved["id"] == "\ufffd"
    assert _ask("GET", "/%EF%BF%BD")[1]["a"] == "\ufffd🍺\\ud800"
    assert _ask("PUT", "/_user/y", '{"password": "\\ud800\\ud800\\ud800"}') == (201, None)


def test_id_with_a_nul_never_overwrites(article):
    """SQLite's JSON functions end a text there."""
    first = '{"docs": [{"_id": "a\\u0000b", "n": 1}, {"_id": "a", "n": 1}]}'
    second = '{"docs": [{"_id": "a\\u0000b", "n": 2}, {"_id": "a", "n": 2}]}'
    assert [row.get("status") for row in _ask("POST", "/_bulk_docs", first)[1]] == [400, None]
    assert [row["status"] for row in _ask("POST", "/_bulk_docs", second)[1]] == [400, 409]
    assert _ask("PUT", "/a%00b", "{}")[0] == 400
    assert _ask("GET", "/a")[1]["n"] == 1


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
    assert _ask("PUT", "/packed", body, content_encoding="gzip")[0] == 201
    assert _ask("PUT", "/cut", body[:-9], content_encoding="gzip")[0] == 400
    assert _ask("PUT", "/none", b"{}", content_encoding="gzip")[0] == 400
    assert _ask("PUT", "/other", b"{}", content_encoding="br")[0] == 415
    assert _ask("GET", "/cut")[0] == _ask("GET", "/none")[0] == _ask("GET", "/other")[0] == 404


def test_compressed_body_that_unpacks_to_too_much_is_refused(article, monkeypatch):
    monkeypatch.setitem(BODY_LIMITS, put_document, MEGABYTE)
    bomb = gzip.compress(b'{"n": "' + b"x" * 100 * MEGABYTE + b'"}')
    assert len(bomb) < MEGABYTE
    assert _ask("PUT", "/bomb", bomb, content_encoding="gzip")[0] == 413
    assert _ask("PUT", "/bomb", b" " * (MEGABYTE + 1))[0] == 413


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


# --------------------------------------------------------------------- users

NOBODY = ["", ".", "..", "a/b", "a:b", "a,b", "`", "___", "x" * 240, "nobody", "../x"]


@pytest.mark.parametrize("name", NOBODY)
def test_bad_or_unknown_user_name(name, article):
    for ask in (SyncGateway.get_user, SyncGateway.delete_user, SyncGateway.create_session):
        with pytest.raises(SyncGatewayException):
            ask(name)
    if name != "nobody":
        with pytest.raises(SyncGatewayException):
            SyncGateway.put_user(name, password="secret")


@pytest.mark.parametrize(
    "config",
    [
        {"password": 5}, {"password": ""}, {"password": "ab"}, {"password": ["secret"]},
        {"email": 5}, {"disabled": "yes"}, {"disabled": 1},
        {"admin_channels": "news"}, {"admin_channels": [5]}, {"admin_channels": {"news": 1}},
        {"admin_channels": [["news"]]}, {"name": "y"}, {"name": 5}, {"all_channels": ["*"]},
        {"roles": ["admin"]},
    ],
    ids=repr,
)  # fmt: skip
def test_wrong_configuration_of_a_user_is_refused(config, article):
    status, answer = _ask("PUT", "/_user/x", json.dumps(config))
    assert (status, answer["error"]) == (400, "Bad Request")
    assert "secret" not in answer["reason"]


@pytest.mark.parametrize("body", ["", "[]", "5", '"x"', "{} {}", '{"name": '])
def test_configuration_that_is_no_object_is_refused(body, article):
    assert _ask("PUT", "/_user/x", body)[0] == 400
    assert _ask("POST", "/_user/", body)[0] == 400


@pytest.mark.parametrize("ttl", [0, -1, 10**12], ids=repr)
def test_wrong_length_of_a_session_is_refused(ttl, article):
    status, answer = _ask("POST", "/_session", json.dumps({"name": "x", "ttl": ttl}))
    assert (status, answer["reason"]) == (400, "Invalid or missing ttl")


@pytest.mark.parametrize(
    ("ttl", "kind"),
    [(10**30, f"number {10**30}"), ("5", "string"), (1.5, "number 1.5"), (True, "bool"),
     ([], "array"), ({}, "object")],
    ids=repr,
)  # fmt: skip
def test_length_of_a_session_that_is_no_integer_is_refused(ttl, kind, article):
    status, answer = _ask("POST", "/_session", json.dumps({"name": "x", "ttl": ttl}))
    reason = f"Bad JSON: json: cannot unmarshal {kind} into Go struct field .ttl of type int"
    assert (status, answer["reason"]) == (400, reason)


def test_length_of_a_session_may_be_null(article):
    assert _ask("POST", "/_session", '{"name": "x", "ttl": null}')[0] == 200


@pytest.mark.parametrize(
    "authorization", ["Basic é", "Basic \ud800", "Basic !", "Basic", "Basic /w=="]
)
def test_unreadable_login(authorization, article):
    status, answer = _ask("GET", "/", port="public", authorization=authorization)
    assert (status, answer["reason"]) == (401, "Login required")


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize("limit", ["9" * 30, "9" * 5000, "-1", "x", "²", "", "0", "1.5"])
def test_limit_that_is_none(limit, article):
    assert len(_ask("GET", "/_all_docs", query=f"limit={limit}")[1]["rows"]) == 1


@pytest.mark.parametrize("uid", ["a\r\nSet-Cookie: x=y", "日本", "a b", "é\n"])
def test_id_in_a_header_is_quoted(uid, article):
    call = Call("admin", "default", "POST", f"{DB}/", read=io.BytesIO(_json({"_id": uid})).read)
    location = respond(call).headers["Location"]
    assert location.isascii()
    assert location.isprintable()
    assert " " not in location


@pytest.mark.parametrize(
    "path", ["/\r\nSet-Cookie: x=y", "//evil.example/", "/\\evil.example", '/"><script>/']
)
def test_redirect_is_to_the_gateway_itself(path, article):
    answer = respond(Call("public", "default", "GET", path))
    location = answer.headers.get("Location", "/")
    assert location.startswith("/")
    assert not location.startswith(("//", "/\\"))
    assert location.isprintable()
    assert b"<script" not in answer.body


def _json(value):
    return json.dumps(value).encode()


def _integrity_check():
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA integrity_check")
        assert cursor.fetchall() == [("ok",)]
