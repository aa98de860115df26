"""Users and roles: what is open to them since when, how they are changed, and who is let in."""

from __future__ import annotations

import pytest
from django.db import connection

from django_cbtools.embedded.database import Database
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.principals import users
from tests.gateway.access.client import ADMIN, DB, Client, add_role, add_user, create_database

pytestmark = pytest.mark.django_db

SYNC = """function (doc) {
  channel(doc.channels);
  for (var to in doc.opens) access(to, doc.opens[to]);
  for (to in doc.gives) role(to, doc.gives[to]);
}"""


@pytest.fixture(autouse=True)
def _database():
    create_database(SYNC)


def reader(name="alice"):
    database = Database.open("default", DB)
    return users.reader(database, users.get(database, name))


def sequence():
    return Database.open("default", DB).sequence


def write(uid, **body):
    """Write a document over what is there; the database's sequence after that."""
    _, known = ADMIN.get(f"/{uid}")
    if "_rev" in known:
        body["_rev"] = known["_rev"]
    assert ADMIN.put(f"/{uid}", body)[0] == 201
    return sequence()


def delete(uid):
    assert ADMIN.ask("DELETE", f"/{uid}", rev=ADMIN.get(f"/{uid}")[1]["_rev"])[0] == 200


# ----------------------------------------------------------------- since when


def test_own_channels_are_open_since_the_first_that_opens_them():
    add_user("alice", admin_channels=["a"])
    first = sequence()
    assert reader().channels == {"!": 1, "a": first}
    second = write("d1", opens={"alice": ["a", "b"]})
    third = write("d2", opens={"alice": ["b", "c"]})
    assert reader().channels == {"!": 1, "a": first, "b": second, "c": third}
    write("d1", opens={"alice": ["c"]})
    # What another document opens is open since that did.
    assert reader().channels == {"!": 1, "a": first, "b": third, "c": third}
    add_user("alice", admin_channels=["a", "b"])
    assert reader().channels == {"!": 1, "a": first, "b": third, "c": third}
    delete("d2")
    assert reader().channels["b"] == sequence() - 1


def test_channels_of_a_role_are_open_since_both_are_there():
    add_role("early", "a")
    early = sequence()
    add_user("alice", admin_roles=["early", "late"])
    user = sequence()
    assert reader().channels == {"!": 1, "a": user}
    add_role("late", "b")
    late = sequence()
    assert early < user < late
    assert reader().channels == {"!": 1, "a": user, "b": late}
    later = write("d", opens={"role:early": "c"}, gives={"alice": "role:more"})
    add_role("more", "d")
    assert reader().channels == {"!": 1, "a": user, "b": late, "c": later, "d": sequence()}
    assert reader().roles == {"early": user, "late": user, "more": later}


def test_of_several_ways_to_a_channel_the_first_counts():
    add_role("r", "a")
    add_role("s", "a")
    add_user("alice", admin_roles=["r"])
    first = sequence()
    add_user("alice", admin_roles=["r", "s"])
    assert reader().channels["a"] == first
    add_user("alice", admin_channels=["a"], admin_roles=["r", "s"])
    assert reader().channels["a"] == first
    add_user("alice", admin_roles=["s"])
    assert first < reader().channels["a"] < sequence()


@pytest.mark.parametrize("purge", [False, True])
def test_a_role_that_is_deleted_and_comes_back(purge):
    add_role("r", "a")
    add_user("alice", admin_roles=["r"])
    write("d", opens={"role:r": "b"})
    assert set(reader().channels) == {"!", "a", "b"}
    assert ADMIN.ask("DELETE", "/_role/r", purge=purge)[0] == 200
    assert set(reader().channels) == {"!"}
    assert set(reader().roles) == {"r"}
    assert ADMIN.get("/_role/r")[0] == 404
    assert ADMIN.get("/_role/")[1] == []
    assert ADMIN.get("/_role/", deleted=True)[1] == ([] if purge else ["r"])
    assert ADMIN.ask("DELETE", "/_role/r", purge=True)[0] == 404
    assert ADMIN.put("/_role/r", {"admin_channels": ["c"]})[0] == 201
    # What documents open is open again.
    assert set(reader().channels) == {"!", "b", "c"}
    assert reader().channels["c"] == sequence()


def test_a_reader_again():
    add_user("alice", admin_channels=["a"])
    before = reader()
    assert before.again() == before
    write("d", opens={"alice": "b"})
    assert set(before.again().channels) == {"!", "a", "b"}
    assert before.again() != before
    ADMIN.ask("DELETE", "/_user/alice")
    with pytest.raises(GatewayError) as refusal:
        before.again()
    assert refusal.value.status == 401


def test_queries(django_assert_num_queries):
    add_user("alice", admin_channels=["a"])
    database = Database.open("default", DB)
    # The first look after a change writes the history: again the user, the grants, and the write,
    # between the queries that open and close a transaction.
    with django_assert_num_queries(2 + 5):
        users.reader(database, users.get(database, "alice"))
    with django_assert_num_queries(2):
        users.reader(database, users.get(database, "alice"))
    for name in "rst":
        add_role(name, "x")
    add_user("alice", admin_roles=["r", "s", "t"])
    users.reader(database, users.get(database, "alice"))
    with django_assert_num_queries(4):
        users.reader(database, users.get(database, "alice"))


def test_what_changes_nothing_takes_no_sequence():
    config = {"admin_channels": ["a"], "admin_roles": ["r"], "email": "a@b", "disabled": False}
    add_user("alice", **config)
    add_role("r", "a")
    before = sequence(), reader()
    for change in ({}, config, {"admin_channels": None}, {"unknown": 1}):
        assert ADMIN.put("/_user/alice", change)[0] == 200
    assert ADMIN.put("/_role/r", {"admin_channels": ["a"], "password": "x"})[0] == 200
    assert (sequence(), reader()) == before
    assert ADMIN.put("/_user/alice", {"disabled": True})[0] == 200
    assert sequence() == before[0] + 1


# ------------------------------------------------------------------- history


def history(name="alice"):
    _, answer = ADMIN.get(f"/_user/{name}/_access_history")
    return answer["channels"]["_default"]["_default"]


def test_access_history():
    add_user("alice", admin_channels=["a", "b"])
    add_role("r", "c")
    assert history() is None
    add_user("alice", admin_channels=["b"], admin_roles=["r"])
    write("d", opens={"alice": ["b", "d"], "bob": "e", "role:r": "f"})
    assert history() == ["a"]
    write("d")
    # Another opens it; those of roles are not the user's own.
    assert history() == ["a", "d"]
    add_user("alice", admin_channels=[], admin_roles=[])
    assert history() == ["a", "d", "b"]
    wanted = {"_default": {"_default": ["d", "x"], "other": ["a"]}}
    status, answer = ADMIN.ask(
        "POST", "/_user/alice/_access_history/compact", {"channels": wanted}
    )  # fmt: skip
    assert (status, answer) == (
        200, {"compacted_channels": {"_default": {"_default": ["d"], "other": []}}},
    )  # fmt: skip
    assert history() == ["a", "b"]


@pytest.mark.parametrize(
    "channels", [[], {"a": []}, {"a": {"b": 5}}, {"a": {"b": "c"}}, {"a": {"b": [1]}}]
)
def test_access_history_that_is_not_understood(channels):
    add_user("alice")
    body = {"channels": channels}
    assert ADMIN.ask("POST", "/_user/alice/_access_history/compact", body)[0] == 400


def test_access_history_of_nobody():
    assert ADMIN.get("/_user/nobody/_access_history")[0] == 404
    body = {"channels": {}}
    assert ADMIN.ask("POST", "/_user/nobody/_access_history/compact", body)[0] == 404


# --------------------------------------------------------------- collections


@pytest.fixture
def collections():
    ADMIN.ask("DELETE", "/")
    scopes = {"s": {"collections": {"c": {"sync": SYNC}, "d": {"sync": SYNC}}}}
    create_database(scopes=scopes)


def test_channels_of_collections(collections):
    client = add_user("alice", collection_access={"s": {"c": {"admin_channels": ["a"]}}})
    for collection in "cd":
        assert ADMIN.put(f"{DB}.s.{collection}/doc", {"channels": ["a"]})[0] == 201
    assert client.get(f"{DB}.s.c/doc")[0] == 200
    assert client.get(f"{DB}.s.d/doc")[0] == 403
    ADMIN.put(f"{DB}.s.d/open", {"opens": {"alice": "a"}})
    assert client.get(f"{DB}.s.d/doc")[0] == 200
    ADMIN.put("/_user/alice", {"collection_access": {"s": {"c": None}}})
    assert client.get(f"{DB}.s.c/doc")[0] == 403
    _, shown = ADMIN.get("/_user/alice")
    assert shown["collection_access"] == {
        "s": {"c": {"all_channels": ["!"]}, "d": {"all_channels": ["!", "a"]}}
    }
    assert "all_channels" not in shown
    _, answer = ADMIN.get("/_user/alice/_access_history")
    assert answer["channels"] == {"_default": {"_default": None}, "s": {"c": ["a"], "d": None}}


def test_roles_in_collections(collections):
    access = {"s": {"c": {"admin_channels": ["a"]}}}
    assert ADMIN.put("/_role/r", {"collection_access": access})[0] == 201
    client = add_user("alice", admin_roles=["r"])
    for collection in "cd":
        ADMIN.put(f"{DB}.s.{collection}/doc", {"channels": ["a"]})
    assert client.get(f"{DB}.s.c/doc")[0] == 200
    assert client.get(f"{DB}.s.d/doc")[0] == 403
    # A role is given for all collections.
    ADMIN.put(f"{DB}.s.d/give", {"gives": {"bob": "role:r"}})
    assert add_user("bob").get(f"{DB}.s.c/doc")[0] == 200
    assert ADMIN.get("/_role/r")[1]["collection_access"]["s"]["c"] == {
        "admin_channels": ["a"], "all_channels": ["!", "a"],
    }  # fmt: skip


READ_ONLY = ["all_channels", "jwt_channels", "jwt_last_updated"]


@pytest.mark.parametrize("kind", ["_user", "_role"])
def test_collections_that_cannot_be(kind, collections):
    def refused(access):
        body = {"password": "password", "collection_access": access}
        status, answer = ADMIN.put(f"/{kind}/alice", body)
        return status, answer["reason"]

    keyspace = f"keyspace specified in collection_access ({DB}.s.x) not found"
    assert refused({"s": {"x": {"admin_channels": ["a"]}}}) == (404, keyspace)
    for key in READ_ONLY:
        reason = f"collection_access.{key} is read-only"
        value = "2026-01-01T00:00:00Z" if key.endswith("updated") else ["a"]
        assert refused({"s": {"c": {key: value}}}) == (400, reason)
    assert refused({"s": {"c": {"admin_channels": ["a,b"]}}})[0] == 400
    for access in ("s", ["s"], {"s": "c"}, {"s": {"c": "a"}}, {"s": {"c": {"admin_channels": 5}}}):
        assert refused(access)[0] == 400
    assert ADMIN.get(f"/{kind}/alice")[0] == 404


# ------------------------------------------------------------ configurations

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


# -------------------------------------------------------------- who is let in


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
