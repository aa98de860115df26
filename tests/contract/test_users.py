"""Users, their sessions, and what they may see."""

from __future__ import annotations

import pytest
import requests

from django_cbtools import conf
from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayConflict,
    SyncGatewayException,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
)
from django_cbtools.sync_gateway.calls.client import quote_uid
from tests.testapp.models import CBArticle

from .conftest import IS_LIVE


def channels(name):
    return sorted(SyncGateway.get_user(name)["admin_channels"])


def test_channels(user):
    name = user(email="ann@example.com", admin_channels=["a"])
    assert channels(name) == ["a", "public"]
    assert "password" not in SyncGateway.get_user(name)
    assert name in SyncGateway.get_users()
    SyncGateway.append_channels(name, ["b", "c"])
    assert channels(name) == ["a", "b", "c", "public"]
    SyncGateway.remove_channels(name, ["a", "c", "never"])
    assert channels(name) == ["b", "public"]
    assert SyncGateway.get_user(name)["email"] == "ann@example.com"


def test_the_callers_list_is_left_alone(user):
    given = ["a"]
    name = user(admin_channels=given)
    SyncGateway.put_user(name, admin_channels=given)
    assert given == ["a"]


def test_put_without_channels_keeps_them(user):
    name = user(admin_channels=["a"])
    SyncGateway.put_user(name, email="other@example.com")
    assert channels(name) == ["a", "public"]


def test_disabled_users_stay_disabled(user):
    name = user(disabled=True)
    SyncGateway.append_channels(name, ["a"])
    SyncGateway.remove_channels(name, ["a"])
    assert SyncGateway.get_user(name)["disabled"] is True
    SyncGateway.put_user(name, disabled=False)
    assert not SyncGateway.get_user(name).get("disabled")


def test_another_name(user):
    name = user(admin_channels=["a"])
    assert SyncGateway.change_username(name, name, "x") is False
    other = user("bob")
    SyncGateway.delete_user(other)
    assert SyncGateway.change_username(name, other, "secret")
    assert channels(other) == ["a", "public"]
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user(name)


@pytest.mark.parametrize("call", [SyncGateway.get_user, SyncGateway.delete_user])
def test_users_who_are_not_there(gateway, call):
    with pytest.raises(SyncGatewayNotFound):
        call("cbtools-test-nobody")


@pytest.mark.parametrize("part", ["a b", "ünï", "a%b", "a+b", "user@example.com"])
def test_names_are_quoted(user, part):
    name = user(part)
    assert SyncGateway.get_user(name)["name"] == name


def test_sessions(user):
    answer = SyncGateway.create_session(user(), ttl=60)
    assert answer.json().keys() >= {"session_id", "expires", "cookie_name"}
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.create_session("cbtools-test-nobody")


def test_configured_users(gateway):
    SyncGateway.put_admin_user()
    SyncGateway.put_guest_user()
    assert "*" in SyncGateway.get_user(conf.get("SYNC_GATEWAY_USER"))["admin_channels"]
    assert channels(conf.get("SYNC_GATEWAY_GUEST_USER")) == ["public"]
    SyncGateway.delete_user(conf.get("SYNC_GATEWAY_GUEST_USER"))


def ask(uid, **kwargs):
    bucket = conf.get("SYNC_GATEWAY_BUCKET")
    url = f"{conf.urls('SYNC_GATEWAY_URL')[0]}/{bucket}/{quote_uid(uid)}"
    return requests.get(url, timeout=30, **kwargs)


def test_what_users_may_read(user, request):
    if not conf.get("SYNC_GATEWAY_URL"):
        name = user(admin_channels=["theirs"])
        assert channels(name) == ["public", "theirs"]  # in process there is no other port
        return
    login = {"auth": (user(admin_channels=["theirs"]), "secret")}
    for uid, names in {
        "a": ["theirs"],
        "b": ["others"],
        "c": ["public"],
        "d": ["x", "theirs"],
    }.items():
        CBArticle(uid=uid, channels=names).save()
    assert [ask(uid, **login).status_code for uid in "abcd"] == [200, 403, 200, 200]
    assert ask("a", auth=(login["auth"][0], "wrong")).status_code == 401
    assert ask("a").status_code == 401
    SyncGateway.remove_channels(login["auth"][0], ["theirs"])
    assert [ask(uid, **login).status_code for uid in "abcd"] == [403, 403, 200, 403]
    session = SyncGateway.create_session(login["auth"][0]).json()
    assert ask("c", cookies={session["cookie_name"]: session["session_id"]}).status_code == 200
    SyncGateway.put_user(login["auth"][0], disabled=True)
    assert ask("c", **login).status_code == 401


def test_wrong_password(gateway, settings):
    if not conf.get("SYNC_GATEWAY_URL"):
        CBArticle(channels=["c"]).save()  # in process there is no login
        return
    settings.SYNC_GATEWAY_PASSWORD = "not-the-password"
    with pytest.raises(SyncGatewayForbidden) as caught:
        SyncGateway.save_json("a", {})
    assert caught.value.status == 401
    assert "not-the-password" not in str(caught.value)
    assert "SYNC_GATEWAY_PASSWORD" in str(caught.value)


def test_database_that_is_not_there(gateway, settings):
    if not IS_LIVE:
        assert SyncGateway.get_users() is not None  # the embedded one makes it
        return
    settings.SYNC_GATEWAY_BUCKET = "cbtools_test_nowhere"
    with pytest.raises(SyncGatewayException, match="SYNC_GATEWAY_BUCKET"):
        SyncGateway.all_docs(["a"])
    with pytest.raises(SyncGatewayException, match="SYNC_GATEWAY_BUCKET"):
        SyncGateway.get_users()


def test_conflict_has_its_facts(gateway):
    SyncGateway.save_json("a", {"n": 1})
    with pytest.raises(SyncGatewayConflict) as caught:
        SyncGateway.save_json("a", {"n": 2})
    assert (caught.value.status, caught.value.error, caught.value.uid) == (409, "conflict", "a")


def test_a_wrong_password_is_said_to_be_as_users(user):
    name = user()
    ann = SyncGateway.as_user(name, "another_secret")
    for ask in (lambda: ann.all_docs(["a"]), ann.get_session):
        with pytest.raises(SyncGatewayForbidden, match=r"given to as_user\(\)") as caught:
            ask()
        assert "SYNC_GATEWAY_USER" not in str(caught.value)
        assert "secret" not in str(caught.value)


def test_a_refused_write_names_the_user(user):
    name = user()
    SyncGateway.save_json("cbtools_refused", {"channels": ["a"]})
    with pytest.raises(SyncGatewayForbidden, match=f"channels of {name} and of"):
        SyncGateway.as_user(name, "secret").get_attachment("cbtools_refused", "a")
