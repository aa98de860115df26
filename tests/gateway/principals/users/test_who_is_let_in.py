"""Who is let in: guests, passwords, other schemes."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN, Client, add_user, create_database
from tests.gateway.principals.users.principals import write

pytestmark = pytest.mark.django_db


def test_guest():
    guest = Client("public")
    write("d", channels=["g"])
    write("open", opens={"": "g", "GUEST": "h"})
    assert guest.get("/d")[0] == 401
    assert ADMIN.put("/_user/GUEST", {"disabled": False})[0] == 200
    assert guest.get("/d")[0] == 200
    assert set(ADMIN.get("/_user/GUEST")[1]["all_channels"]) == {"!", "g"}
    assert guest.get("/_session")[1]["userCtx"]["name"] is None


@pytest.mark.parametrize("sends", [True, False])
def test_challenge(sends):
    create_database(send_www_authenticate_header=sends)
    for client in (Client("public"), Client("public", "alice", "wrong")):
        answer = client.send("GET", "/d")
        assert answer.status == 401
        assert ("WWW-Authenticate" in answer.headers) is sends


def test_without_passwords():
    client = add_user("alice")
    session = ADMIN.ask("POST", "/_session", {"name": "alice"})[1]["session_id"]
    create_database(disable_password_auth=True)
    status, answer = client.get("/")
    assert (status, answer["reason"]) == (401, "Invalid login")
    assert Client("public", cookie=f"SyncGatewaySession={session}").get("/")[0] == 200


def test_empty_passwords():
    create_database(allow_empty_password=True)
    assert ADMIN.put("/_user/alice", {})[0] == 201
    assert ADMIN.put("/_user/bob", {"password": "xy"})[0] == 400
    assert Client("public", "alice", "").get("/")[0] == 200
    assert Client("public", "alice", "x").get("/")[0] == 401
    create_database()
    ADMIN.put("/_user/carol", {"password": "password"})
    assert Client("public", "carol", "").get("/")[0] == 401


@pytest.mark.parametrize("scheme", ["Bearer x", "Digest x", "Basic", "Basic !", "x"])
def test_other_schemes_are_guests(scheme):
    client = Client("public", authorization=scheme)
    reason = "Invalid login" if scheme.startswith("Bearer") else "Login required"
    status, answer = client.get("/")
    assert (status, answer["reason"]) == (401, reason)
    ADMIN.put("/_user/GUEST", {"disabled": False})
    assert client.get("/")[0] == 200


def test_case_of_a_member_does_not_matter():
    """As in Go: a password that is written otherwise is a password still."""
    ADMIN.put("/_user/alice", {"PASSWORD": "letmein", "Admin_Channels": ["a"], "Disabled": True})
    shown = ADMIN.get("/_user/alice")[1]
    assert (shown["admin_channels"], shown["disabled"]) == (["a"], True)
    ADMIN.put("/_user/alice", {"disabled": True, "DISABLED": False, "pa\u017fsword": "another"})
    assert Client("public", "alice", "another").get("/")[0] == 200
    assert Client("public", "alice", "letmein").get("/")[0] == 401
    ADMIN.put("/_role/r", {"Admin_channels": ["a"]})
    assert ADMIN.get("/_role/r")[1]["admin_channels"] == ["a"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_no_role_has_the_guest_s_name(method):
    path = "/_role/GUEST" if method == "PUT" else "/_role/"
    status, answer = ADMIN.ask(method, path, {"name": "GUEST"})
    assert (status, answer["reason"]) == (
        500, "Internal error: UpdatePrincipal: cannot create principal with empty name"
    )  # fmt: skip
    assert ADMIN.get("/_role/")[1] == []


def test_users_in_full_are_not_listed_by_views():
    create_database(use_views=True)
    status, answer = ADMIN.get("/_user/", name_only="false")
    assert (status, answer["reason"]) == (
        400, "Use of name_only=false not supported when database has use_views=true"
    )  # fmt: skip
