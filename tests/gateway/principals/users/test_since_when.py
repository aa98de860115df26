"""Since when channels are open to users, by themselves and by their roles."""

from __future__ import annotations

import pytest

from django_cbtools.embedded.database import Database
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.principals import users
from tests.gateway.access.client import ADMIN, DB, add_role, add_user
from tests.gateway.principals.users.principals import delete, reader, sequence, write

pytestmark = pytest.mark.django_db


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
