"""Users and requests that are none."""

from __future__ import annotations

import io
import json

import pytest

from django_cbtools.embedded.api.gateway import respond
from django_cbtools.embedded.http.messages import Call
from django_cbtools.exceptions import SyncGatewayException
from django_cbtools.sync_gateway import SyncGateway
from tests.models.bad_input.sending import DB, as_json, send

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
    status, answer = send("PUT", "/_user/x", json.dumps(config))
    assert (status, answer["error"]) == (400, "Bad Request")
    assert "secret" not in answer["reason"]


@pytest.mark.parametrize("body", ["", "[]", "5", '"x"', "{} {}", '{"name": '])
def test_configuration_that_is_no_object_is_refused(body, article):
    assert send("PUT", "/_user/x", body)[0] == 400
    assert send("POST", "/_user/", body)[0] == 400


@pytest.mark.parametrize("ttl", [0, -1, 10**12], ids=repr)
def test_wrong_length_of_a_session_is_refused(ttl, article):
    status, answer = send("POST", "/_session", json.dumps({"name": "x", "ttl": ttl}))
    assert (status, answer["reason"]) == (400, "Invalid or missing ttl")


@pytest.mark.parametrize(
    ("ttl", "kind"),
    [(10**30, f"number {10**30}"), ("5", "string"), (1.5, "number 1.5"), (True, "bool"),
     ([], "array"), ({}, "object")],
    ids=repr,
)  # fmt: skip
def test_length_of_a_session_that_is_no_integer_is_refused(ttl, kind, article):
    status, answer = send("POST", "/_session", json.dumps({"name": "x", "ttl": ttl}))
    reason = f"Bad JSON: json: cannot unmarshal {kind} into Go struct field .ttl of type int"
    assert (status, answer["reason"]) == (400, reason)


def test_length_of_a_session_may_be_null(article):
    assert send("POST", "/_session", '{"name": "x", "ttl": null}')[0] == 200


@pytest.mark.parametrize(
    "authorization", ["Basic é", "Basic \ud800", "Basic !", "Basic", "Basic /w=="]
)
def test_unreadable_login(authorization, article):
    status, answer = send("GET", "/", port="public", authorization=authorization)
    assert (status, answer["reason"]) == (401, "Login required")


# ------------------------------------------------------------------ requests


@pytest.mark.parametrize("limit", ["9" * 30, "9" * 5000, "-1", "x", "²", "", "0", "1.5"])
def test_limit_that_is_none(limit, article):
    assert len(send("GET", "/_all_docs", query=f"limit={limit}")[1]["rows"]) == 1


@pytest.mark.parametrize("uid", ["a\r\nSet-Cookie: x=y", "日本", "a b", "é\n"])
def test_id_in_a_header_is_quoted(uid, article):
    call = Call("admin", "default", "POST", f"{DB}/", read=io.BytesIO(as_json({"_id": uid})).read)
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
