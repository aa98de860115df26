"""``revocations=true``: what a reader is told of the documents that he has lost."""

from __future__ import annotations

from typing import Any

import pytest

from django_cbtools.embedded.access import Reader
from django_cbtools.embedded.database import Database
from django_cbtools.embedded.feed.changes import Feed, Wish
from django_cbtools.embedded.principals import users
from tests.gateway.access.client import ADMIN, DB, Client, add_role, add_user, create_database

pytestmark = pytest.mark.django_db

SYNC = """function (doc) {
  channel(doc.channels);
  if (doc.to) access(doc.to, doc.opens);
  if (doc.gives) role("alice", doc.gives);
}"""
#: How alice comes to have channel "a", and how she loses it.
WAYS = {
    "channel": (
        lambda: add_user("alice", admin_channels=["a"]),
        lambda: ADMIN.put("/_user/alice", {"admin_channels": []}),
    ),
    "all channels": (
        lambda: add_user("alice", admin_channels=["*"]),
        lambda: ADMIN.put("/_user/alice", {"admin_channels": []}),
    ),
    "role": (
        lambda: (add_role("r", "a"), add_user("alice", admin_roles=["r"]))[1],
        lambda: ADMIN.put("/_user/alice", {"admin_roles": []}),
    ),
    "role's channel": (
        lambda: (add_role("r", "a"), add_user("alice", admin_roles=["r"]))[1],
        lambda: add_role("r"),
    ),
    "role that is deleted": (
        lambda: (add_role("r", "a"), add_user("alice", admin_roles=["r"]))[1],
        lambda: ADMIN.ask("DELETE", "/_role/r"),
    ),
    "access()": (
        lambda: (add_user("alice"), write("grant", to="alice", opens=["a"]))[0],
        lambda: write("grant"),
    ),
    "access() of a role": (
        lambda: (
            add_role("r"), add_user("alice", admin_roles=["r"]),
            write("grant", to="role:r", opens=["a"]),
        )[1],
        lambda: write("grant"),
    ),
    "role()": (
        lambda: (add_role("r", "a"), add_user("alice"), write("grant", gives=["role:r"]))[1],
        lambda: write("grant"),
    ),
    "grant that is deleted": (
        lambda: (add_user("alice"), write("grant", to="alice", opens=["a"]))[0],
        lambda: write("grant", _deleted=True),
    ),
}  # fmt: skip


@pytest.fixture(autouse=True)
def database() -> None:
    create_database(SYNC)


def write(uid: str, **body: Any) -> str:
    known = ADMIN.get(f"/{uid}")[1].get("_rev")
    start = {"_rev": known} if known else {}
    status, answer = ADMIN.put(f"/{uid}", {"channels": [], **body, **start})
    assert status == 201, answer
    return str(answer["rev"])


def last() -> int:
    return int(ADMIN.get("/")[1]["update_seq"])


def feed(client: Client, since: int | str, **query: Any) -> list[dict[str, Any]]:
    _, answer = client.get("/_changes", revocations=True, since=str(since), **query)
    return [entry for entry in answer["results"] if not entry["id"].startswith("_user/")]


@pytest.mark.parametrize("way", WAYS)
def test_a_channel_that_is_lost(way: str) -> None:
    gain, lose = WAYS[way]
    alice = gain()
    rev = write("d", channels=["a"])
    place = last()
    write("both", channels=["a", "!"])
    told = last()
    assert alice.get("/d")[0] == 200
    lose()
    end = last()
    expected = {"seq": f"{end}:{place}", "id": "d", "changes": [{"rev": rev}], "revoked": True}
    assert [entry for entry in feed(alice, told) if entry["id"] != "grant"] == [expected]
    entry = next(it for it in feed(alice, told, include_docs=True) if it["id"] == "d")
    assert entry["doc"] == {"_id": "d", "_rev": rev, "_removed": True}
    # Nothing is said to those who do not ask for it, or know already.
    assert "d" not in [it["id"] for it in alice.get("/_changes", since=str(told))[1]["results"]]
    assert feed(alice, end) == []
    assert feed(alice, f"{end}:{place}") == []
    found = [it["id"] for it in feed(alice, f"{end}:{place - 1}")]
    # A real gateway knows nothing of when a deleted role was there.
    assert found == ([] if way == "role that is deleted" else ["d"])
    assert "d" not in [it["id"] for it in feed(alice, told, active_only=True)]


def test_what_has_happened_to_the_documents() -> None:
    alice = add_user("alice", admin_channels=["a"])
    for uid in ("left before", "left", "dead", "changed", "stays"):
        write(uid, channels=["a"])
    write("left before")
    told = last()
    write("left")
    write("dead", _deleted=True)
    ADMIN.put("/_user/alice", {"admin_channels": []})
    end = last()
    write("changed", channels=["a"], n=2)
    write("new", channels=["a"])
    entries = {entry["id"]: entry for entry in feed(alice, told)}
    assert entries.keys() == {"left before", "left", "dead", "changed", "stays"}
    assert entries["left"]["removed"] == ["a"]
    assert entries["dead"]["deleted"] is True
    # What has been changed since comes at its own place.
    assert entries["changed"]["seq"] == str(end + 1)
    # Who begins at the very end of the time when it was open is told nothing more.
    assert feed(alice, end) == []
    # A channel that is open again, and one that is closed again.
    ADMIN.put("/_user/alice", {"admin_channels": ["a"]})
    assert all("revoked" not in entry for entry in feed(alice, told))
    ADMIN.put("/_user/alice", {"admin_channels": []})
    seqs = [str(entry["seq"]) for entry in feed(alice, told)]
    assert len(seqs) == 6
    assert all(seq.startswith(f"{last()}:") for seq in seqs)


def test_a_document_that_was_reached_in_one_of_two_channels() -> None:
    """Both channels are lost at once; the document came to the one that is named first later."""
    alice = add_user("alice", admin_channels=["a", "b"])
    write("d", channels=["b"])
    told = last()
    ADMIN.put("/_user/alice", {"admin_channels": []})
    write("d", channels=["a", "b"])
    write("d", channels=["c"])
    (entry,) = feed(alice, told)
    assert (entry["id"], entry["removed"], entry["revoked"]) == ("d", ["b"], True)


def test_a_feed_goes_on_after_a_part() -> None:
    alice = add_user("alice", admin_channels=["a"])
    for number in range(5):
        write(f"d{number}", channels=["a"])
    told: Any = last()
    ADMIN.put("/_user/alice", {"admin_channels": []})
    found = []
    while rows := feed(alice, told, limit=2):
        assert len(rows) <= 2
        found += [row["id"] for row in rows]
        told = rows[-1]["seq"]
    assert found == [f"d{number}" for number in range(5)]


def test_a_feed_that_is_followed() -> None:
    add_user("alice", admin_channels=["a"])
    write("d", channels=["a"])
    database = Database.open("default", DB)

    def reader() -> Reader:
        return users.reader(database, users.get(database, "alice"))

    following = Feed(database, Wish(revocations=True))

    def look() -> list[tuple[str, bool]]:
        found = following.read(reader(), database.sequence)
        return [(it.uid, it.revoked) for it in found if it.uid == "d"]

    assert look() == [("d", False)]
    assert look() == []
    ADMIN.put("/_user/alice", {"admin_channels": []})
    assert look() == [("d", True)]
    assert look() == []


def test_named_collections() -> None:
    assert ADMIN.ask("DELETE", "/")[0] == 200
    create_database(scopes={"s": {"collections": {"c": {"sync": SYNC}, "other": {}}}})
    access = {"collection_access": {"s": {"c": {"admin_channels": ["a"]}}}}
    alice = add_user("alice", **access)
    place = f"{DB}.s.c"
    rev = ADMIN.put(f"{place}/d", {"channels": ["a"]})[1]["rev"]
    told = last()
    access["collection_access"]["s"]["c"]["admin_channels"] = []
    ADMIN.put("/_user/alice", access)
    query = {"revocations": True, "since": str(told)}
    rows = alice.get(f"{place}/_changes", **query)[1]["results"]
    assert [(row["id"], row["changes"], row.get("revoked")) for row in rows] == [
        ("d", [{"rev": rev}], True), ("_user/alice", [], None),
    ]  # fmt: skip
    rows = alice.get(f"{DB}.s.other/_changes", **query)[1]["results"]
    assert [row["id"] for row in rows] == ["_user/alice"]


#: What two documents grant, and what else makes alice lose "a" and "b" with them.
GRANTS = {
    "access()": (lambda: None, {"to": "alice", "opens": ["a"]}, {"to": "alice", "opens": ["b"]}),
    "access() of a role": (
        lambda: (add_role("r"), add_user("alice", admin_roles=["r"])),
        {"to": "role:r", "opens": ["a"]}, {"to": "role:r", "opens": ["b"]},
    ),
    "role()": (
        lambda: (add_role("r", "a"), add_role("s", "b")),
        {"gives": ["role:r"]}, {"gives": ["role:s"]},
    ),
}  # fmt: skip


@pytest.mark.parametrize("way", GRANTS)
@pytest.mark.parametrize("looks", [False, True])
def test_losses_are_dated_at_the_first_since_somebody_looked(way: str, looks: bool) -> None:
    alice = add_user("alice")
    prepare, first, second = GRANTS[way]
    prepare()
    write("grant 1", **first)
    write("grant 2", **second)
    write("d1", channels=["a"])
    write("d2", channels=["b"])
    place = last()
    assert [entry["id"] for entry in feed(alice, 0)] == ["d1", "d2"]
    write("grant 1")
    if looks:
        assert [entry["id"] for entry in feed(alice, place)] == ["d1"]
    write("grant 2")
    end = place + 1
    assert [entry["seq"] for entry in feed(alice, place)] == [
        f"{end}:{place - 1}", f"{end + looks}:{place}"
    ]  # fmt: skip


def test_what_is_gained_and_lost_while_nobody_looks_is_not_revoked() -> None:
    alice = add_user("alice")
    write("d", channels=["a"])
    assert feed(alice, 0) == []
    write("grant", to="alice", opens=["a"])
    write("grant")
    assert feed(alice, 0) == []


def test_what_is_lost_and_regained_while_nobody_looks_is_lost_at_the_first_loss() -> None:
    alice = add_user("alice")
    write("grant", to="alice", opens=["a"])
    write("d", channels=["a"])
    place = last()
    assert [entry["id"] for entry in feed(alice, 0)] == ["d"]
    write("grant")
    write("other", to="alice", opens=["a"])
    assert ADMIN.get("/_role/r")[0] == 404
    write("other")
    assert [entry["seq"] for entry in feed(alice, place)] == [f"{place + 1}:{place}"]


def test_an_administrator_s_look_counts() -> None:
    alice = add_user("alice")
    write("d", channels=["a"])
    write("grant", to="alice", opens=["a"])
    assert ADMIN.get("/_user/alice")[1]["all_channels"] == ["!", "a"]
    write("grant")
    assert [entry["revoked"] for entry in feed(alice, 0)] == [True]


def test_many_periods_are_told_as_one() -> None:
    alice = add_user("alice", admin_channels=["a"])
    write("d", channels=["a"])
    told = last()
    for _ in range(15):
        ADMIN.put("/_user/alice", {"admin_channels": []})
        ADMIN.put("/_user/alice", {"admin_channels": ["a"]})
    ADMIN.put("/_user/alice", {"admin_channels": []})
    assert [entry["id"] for entry in feed(alice, told)] == ["d"]
    user = users.get(Database.open("default", DB), "alice")
    (histories,) = user.history.values()
    assert len(histories["a"].periods) == 10


def test_posted_it_is_passed_over() -> None:
    alice = add_user("alice", admin_channels=["a"])
    write("d", channels=["a"])
    ADMIN.put("/_user/alice", {"admin_channels": []})
    _, answer = alice.ask("POST", "/_changes", {"revocations": True}, revocations=True)
    assert [row["id"] for row in answer["results"]] == ["_user/alice"]
