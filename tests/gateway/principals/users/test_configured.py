"""How users and roles are configured, and what they cannot be."""

from __future__ import annotations

import pytest
from django.db import connection

from tests.gateway.access.client import ADMIN, add_role, add_user
from tests.gateway.principals.users.principals import history, reader, sequence, write

pytestmark = pytest.mark.django_db


BAD_CONFIGS = [
    ({"name": 5}, 'Invalid JSON: "json: cannot unmarshal number into Go struct field '
     'PrincipalConfig.name of type string"'),
    ({"admin_channels": ["a", 5]}, 'Invalid JSON: "json: cannot unmarshal number into Go struct '
     'field PrincipalConfig.admin_channels of type string"'),
    ({"disabled": "no"}, 'Invalid JSON: "json: cannot unmarshal string into Go struct field '
     'PrincipalConfig.disabled of type bool"'),
    ({"admin_roles": ["a/b"]}, 'Invalid role name "a/b"'),
    ({"admin_channels": ["a,b"]}, 'Illegal channel name "a,b"'),
    ({"all_channels": ["x"]}, "all_channels is read-only"),
    ({"roles": ["x"]}, "roles is read-only"),
    ({"jwt_roles": ["x"]}, "Can't change read-only properties"),
    ({"password": "xy"}, "Error updating user/role: Passwords must be at least three 3 characters"),
    ({"password": ""}, "Error updating user/role: Empty passwords are not allowed "),
    ([], 'Invalid JSON: "json: cannot unmarshal array into Go value of type auth.PrincipalConfig"'),
]  # fmt: skip


@pytest.mark.parametrize(("config", "reason"), BAD_CONFIGS, ids=lambda v: str(v)[:30])
def test_bad_configurations(config, reason):
    add_user("alice", admin_channels=["a"], admin_roles=["r"])
    before = ADMIN.get("/_user/alice"), sequence()
    status, answer = ADMIN.put("/_user/alice", config)
    assert (status, answer["reason"]) == (400, reason)
    assert (ADMIN.get("/_user/alice"), sequence()) == before


def test_what_is_read_only_can_be_sent_back():
    add_role("r", "b")
    add_user("alice", admin_channels=["a"], admin_roles=["r"])
    write("d", opens={"alice": "c"}, gives={"alice": "role:s"})
    own = {"all_channels": ["!", "a", "c"], "roles": ["s", "r"]}
    assert ADMIN.put("/_user/alice", own)[0] == 200
    # A real gateway compares with the channels that are not his roles'.
    assert ADMIN.put("/_user/alice", {"all_channels": ["!", "a", "b", "c"]})[0] == 400
    assert ADMIN.put("/_role/r", {"all_channels": ["b", "!"]})[0] == 200
    assert (
        ADMIN.put("/_role/r", {"all_channels": ["b"]})[1]["reason"] == "all_channels is read-only"
    )


BAD_NAMES = [
    ("a:b", "contains '/', ':', ',', or '`'"), ("_", "must contain alphanumeric"),
    ("x" * 240, "length exceeds 239"), ("é" * 120, "length exceeds 239"),
    (":" * 240, "length exceeds 239; contains '/', ':', ',', or '`'; must contain alphanumeric"),
]  # fmt: skip


@pytest.mark.parametrize("kind", ["_user", "_role"])
@pytest.mark.parametrize(("name", "reason"), BAD_NAMES, ids=lambda v: v[:10])
def test_bad_names(kind, name, reason):
    body = {"name": name, "password": "password"}
    status, answer = ADMIN.ask("POST", f"/{kind}/", body)
    assert (status, answer["reason"]) == (400, f"invalid name: {reason}")


def test_an_email_that_is_none_is_not_taken():
    add_user("alice", email="a@b")
    for email in ("none", "a@b@c", "@b", "a@"):
        add_user("alice", email=email)
        assert ADMIN.get("/_user/alice")[1]["email"] == "a@b"
    add_user("alice", email="")
    assert ADMIN.get("/_user/alice")[1]["email"] == ""


def test_list_of_users_with_all_that_is_known_of_them():
    for name in ("carol", "alice", "bob"):
        add_user(name, admin_channels=[name])
    _, answer = ADMIN.get("/_user/", name_only=False, limit=2)
    assert [user["name"] for user in answer] == ["alice", "bob"]
    assert answer[0] == ADMIN.get("/_user/alice")[1]
    assert len(ADMIN.get("/_user/", name_only=False)[1]) == 3


def test_names_that_begin_alike_are_others():
    """A text ends at its first NUL for SQLite's JSON functions."""
    add_role("r", "a")
    write("d", opens={"x": "b", "role:r": "c"}, gives={"x": "role:r"})
    add_user("x%00y", admin_roles=["r\0s"])
    assert reader("x\0y").channels == {"!": 1}


def test_users_of_the_first_version():
    add_user("alice")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE cbtools_users SET admin_channels = '{\"a\": 3}', channel_history = '[\"b\"]', "
            "admin_roles = '[\"r\"]'"
        )
    assert reader().channels == {"!": 1, "a": 3}
    assert reader().roles == {"r": 1}
    assert history() == ["b"]
