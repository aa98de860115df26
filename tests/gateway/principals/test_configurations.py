"""Configurations of users and roles that are refused or changed on their way in."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.database import Database
from tests.gateway.access.client import ADMIN, DB, add_user, create_database

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _database():
    create_database()


def sequence():
    return Database.open("default", DB).sequence


JWT = {"jwt_issuer": "x", "jwt_roles": [], "jwt_channels": []}
TIME = {"jwt_last_updated": "2026-01-01T00:00:00Z"}
SOME_JWT = "Internal error: must either specify all OIDC properties or none"


def refusal(path, config):
    status, answer = ADMIN.put(path, config)
    return status, answer and answer["reason"]


def test_what_openid_connect_would_open_is_not_dropped_silently():
    for given, expected in (({"jwt_issuer": "x"}, 500), (JWT, 501), (JWT | TIME, 501)):
        assert ADMIN.put("/_user/bob", {"password": "letmein", **given})[0] == expected
    assert ADMIN.get("/_user/bob")[0] == 404
    # The time alone says nothing.
    assert ADMIN.put("/_user/bob", {"password": "letmein", **TIME})[0] == 201
    assert ADMIN.put("/_role/r", TIME)[0] == 201


def test_what_openid_connect_has_opened_stays_for_a_user_and_for_a_role_of_that_name():
    read_only = (400, "Can't change read-only properties")
    for name in ("alice", "GUEST"):
        path = f"/_role/{name}"
        if name == "alice":
            assert refusal(path, {"jwt_roles": ["x"]}) == (500, SOME_JWT)
            add_user("alice")
        for kind in ("_user", "_role"):
            path = f"/{kind}/{name}"
            assert refusal(path, {"jwt_roles": ["x"]}) == read_only
            assert refusal(path, JWT) == read_only
            assert refusal(path, {"jwt_roles": []}) == (500, SOME_JWT)
        assert ADMIN.put(f"/_user/{name}", {"jwt_issuer": ""})[0] == 200
    # The name comes first where there is no such user.
    assert refusal("/_role/a:b", {"jwt_roles": ["x"]})[0] == 400


def test_an_address_that_is_none_is_dropped_but_counts_as_a_change():
    add_user("alice", email="a@b")
    before = sequence()
    assert ADMIN.put("/_user/alice", {"email": "a@b@c"})[0] == 200
    assert (ADMIN.get("/_user/alice")[1]["email"], sequence()) == ("a@b", before + 1)


UNLIKE = "json: cannot unmarshal {} into Go struct field PrincipalConfig.{} of type {}"
TWO_FAULTS = [
    ('{"email": [], "name": 1}', UNLIKE.format("array", "email", "string")),
    ('{"email": [], "admin_roles": true}', UNLIKE.format("bool", "admin_roles", "[]string")),
    ('{"email": [], "roles": true}', UNLIKE.format("array", "email", "string")),
    ('{"collection_access": 1, "jwt_roles": [1], "all_channels": 5}',
     UNLIKE.format("number", "jwt_roles", "string")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), TWO_FAULTS)
def test_of_two_faults_the_first_is_named_and_a_list_of_names_before_others(text, reason):
    assert refusal("/_user/alice", text) == (400, f'Invalid JSON: "{reason}"')


def test_a_time_is_named_before_other_faults():
    status, reason = refusal("/_user/alice", '{"email": [], "jwt_last_updated": 1}')
    assert (status, reason) == (
        500, "Internal error: Time.UnmarshalJSON: input is not a JSON string"
    )  # fmt: skip
