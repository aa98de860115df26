"""Our side replicates with a gateway: once, and resumed from its checkpoint."""

from __future__ import annotations

import pytest

from django_cbtools import canonical
from django_cbtools.embedded.blip.active import resolving
from django_cbtools.embedded.blip.active.task import PULL, PUSH, Part, Task
from django_cbtools.embedded.database import Collection
from django_cbtools.embedded.server.replicators import process
from django_cbtools.embedded.server.replicators.replicator import Failed

from .sides import Pair, data

LONG = b"what is in it " * 20_000


def test_both_ways_and_only_what_is_new(pair):
    pair.ours.put_many([{"_id": f"o{n}", "channels": ["a"], "n": n} for n in range(450)])
    pair.theirs.put("t1", _attachments={"blob_/x": data(b"short"), "long": data(LONG)})
    pair.theirs.put("t2", n=1)
    (pulled, pushed), refused = pair.replicate()
    assert (pulled.documents, pulled.attachments, pushed.documents) == (2, 2, 450)
    assert not refused
    assert len(pair.assert_equal()) == 452
    assert pair.ours.attachment("t1", "long") == LONG
    rev = pair.ours.put("t1", rev=pair.ours.get("t1")["_rev"], n=2)
    pair.theirs.delete("t2", pair.theirs.get("t2")["_rev"])
    (pulled, pushed), _ = pair.replicate()
    # What has been pulled is offered, since the other side may not have it.
    assert (pulled.documents, pushed.documents, pushed.checked) == (1, 1, 2)
    assert pair.theirs.get("t1")["_rev"] == rev
    pair.ours.get("t2", status=404)
    pair.replicate()
    (pulled, pushed), _ = pair.replicate()
    assert (pulled.checked, pushed.checked) == (0, 0)


def test_attachments_are_pushed_with_their_names_and_types(pair):
    pair.ours.put("o", _attachments={"ü/1": data(LONG, "image/png"), "é": data(b"")})
    (pushed,), _ = pair.replicate(PUSH)
    assert (pushed.documents, pushed.attachments) == (1, 2)
    pair.assert_equal()
    pair.ours.put("o", rev=pair.ours.get("o")["_rev"], _attachments={
        **pair.ours.get("o")["_attachments"], "new": data(b"new")
    })  # fmt: skip
    (pushed,), _ = pair.replicate(PUSH)
    assert pushed.attachments == 1  # the others are there
    pair.assert_equal()


def test_channels_and_documents(pair):
    for n in range(6):
        pair.theirs.put(f"t{n}", channels=["ab"[n % 2]])
        pair.ours.put(f"o{n}", channels=["ab"[n % 2]])
    pair.replicate(channels=("a",))
    assert set(pair.ours.documents()) == {*(f"o{n}" for n in range(6)), "t0", "t2", "t4"}
    assert set(pair.theirs.documents()) == {*(f"t{n}" for n in range(6)), "o0", "o2", "o4"}
    pair.replicate(uids=("t1", "o1"))
    assert "t1" in pair.ours.documents()
    assert "t3" not in pair.ours.documents()
    assert "o1" in pair.theirs.documents()


@pytest.mark.parametrize(
    ("resolver", "winner"), [("default", "z"), ("localWins", "ours"), ("remoteWins", "z")]
)
def test_a_conflict_is_resolved_by_the_pull_and_pushed(pair, resolver, winner):
    first = pair.theirs.put("d", side="both", _attachments={"x": data(b"first")})
    pair.replicate()
    held = pair.ours.get("d")["_attachments"]
    ours = pair.ours.put("d", rev=first, side="ours", _attachments={**held, "o": data(b"ours")})
    theirs = pair.theirs.put("d", rev=first, side="z", _attachments={"x": data(b"theirs")})
    theirs = pair.theirs.put("d", rev=theirs, side="z", _attachments={"x": data(b"later")})
    (pulled, pushed), refused = pair.replicate(resolve=resolving.RESOLVERS[resolver])
    assert (pulled.resolved, refused) == (1, [])
    document = pair.assert_equal()["d"]
    assert document["side"] == winner
    if winner == "ours":
        assert document["_rev"].startswith("4-")
        assert pair.theirs.attachment("d", "o") == b"ours"
        assert pair.theirs.attachment("d", "x") == b"first"
    else:
        assert document["_rev"] == theirs
        assert pair.ours.attachment("d", "x") == b"later"
    assert pair.ours.get("d", rev=ours)["side"] == "ours"  # as an old revision
    (pulled, pushed), _ = pair.replicate()
    assert (pulled.documents, pulled.resolved, pushed.documents) == (0, 0, 0)
    feed = pair.ours.ask("GET", "/_changes", style="all_docs", active_only="true")
    assert len(feed["results"][-1]["changes"]) == 1  # the other branch has ended


@pytest.mark.parametrize("deletes", ["ours", "theirs", "both"])
@pytest.mark.parametrize("longer", [0, 3])
def test_a_deletion_wins(pair, deletes, longer):
    rev = pair.theirs.put("d")
    pair.replicate()
    sides = {"ours": pair.ours, "theirs": pair.theirs}
    for name, side in sides.items():
        last = rev
        for n in range(1 + (longer if name == "ours" else 0)):
            last = side.put("d", rev=last, side=name, n=n)
        if deletes in (name, "both"):
            side.delete("d", last)
    _, refused = pair.replicate()
    assert refused == []
    if deletes == "ours":
        for _ in range(2 + longer):
            last = canonical.revision_id(last, "{}")
        (told,) = pair.theirs.ask("GET", "/_changes", doc_ids='["d"]', filter="_doc_ids")["results"]
        assert told["changes"] == [{"rev": last}]  # as a real gateway names it
    pair.ours.get("d", status=404)
    pair.theirs.get("d", status=404)
    (pulled, pushed), refused = pair.replicate()
    assert (pulled.resolved, pushed.documents, refused) == (0, 0, [])


def test_a_conflict_that_is_only_pushed_is_told_and_the_rest_go_on(pair):
    rev = pair.theirs.put("d")
    pair.replicate()
    pair.theirs.put("d", rev=rev, side="theirs")
    mine = pair.ours.put("d", rev=rev, side="ours")
    pair.ours.put("e")
    (pushed,), refused = pair.replicate(PUSH)
    assert (pushed.documents, pushed.conflicts) == (1, 1)
    assert refused == [("d", mine, 409, "Document revision conflict")]
    assert pair.theirs.get("d")["side"] == "theirs"
    assert pair.theirs.get("e")


def test_a_revision_that_a_sync_function_rejects_is_told(http_gateway):
    throws = "if (doc.n == 2) throw({forbidden: 'no'}); if (doc.n == 3) null.x();"
    config = {"sync": f"function (doc) {{ {throws} channel('a'); }}"}
    pair = Pair(http_gateway.urls, config=config)
    for n in range(5):
        pair.ours.put(f"o{n}", n=n)
    (pushed,), refused = pair.replicate(PUSH)
    assert [(it.uid, it.status, it.reason) for it in sorted(refused)] == [
        ("o2", 403, "no"), ("o3", 500, "Exception in JS sync function"),
    ]  # fmt: skip
    assert (pushed.documents, pushed.rejected) == (3, 2)
    (pushed,), refused = pair.replicate(PUSH)
    assert (pushed.checked, refused) == (0, [])


def test_documents_that_the_user_may_no_longer_read(pair):
    pair.theirs.ask("PUT", "/_user/rep", {"admin_channels": ["a", "b"]})
    revs = {uid: pair.theirs.put(uid, channels=[uid[0]]) for uid in ("a1", "a2", "b1")}
    pair.replicate(PULL, removes=True)
    pair.theirs.put("a1", rev=revs["a1"], channels=["elsewhere"])
    pair.theirs.ask("PUT", "/_user/rep", {"admin_channels": ["a"]})
    (pulled,), _ = pair.replicate(PULL, removes=True)
    assert pulled.removed == 2
    assert set(pair.ours.documents()) == {"a2"}


def test_checkpoints_that_differ_or_are_missing(pair):
    for n in range(3):
        pair.ours.put(f"o{n}")
    pair.replicate(PUSH)
    remote = pair.remote()
    task = Task("test", PUSH, remote.name)
    assert pair.replicate(PUSH)[0][0].checked == 0
    process.reset("default", "test_documents", [task])
    assert pair.replicate(PUSH)[0][0].checked == 3
    # The other database was made anew: it has no checkpoint.
    pair.theirs.ask("DELETE", "/")
    Pair([pair.url], config={"bucket": "another"})
    (pushed,), _ = pair.replicate(PUSH)
    assert pushed.documents == 3
    # Other documents have another checkpoint.
    assert pair.replicate(PUSH, channels=("a",))[0][0].checked == 3


def test_collections(http_gateway, settings):
    scopes = {"scopes": {"s": {"collections": {"one": {}, "two": {}}}}}
    settings.SYNC_GATEWAY_DATABASE = {"scopes": {"s": {"collections": {"mine": {}, "two": {}}}}}
    pair = Pair(http_gateway.urls, config=scopes)
    access = {"one": {"admin_channels": ["*"]}, "two": {}}
    pair.theirs.ask("PUT", "/_user/rep", {"collection_access": {"s": access}})
    for side, name, other in ((pair.ours, "mine", "one"), (pair.theirs, "one", "mine")):
        side.name += f".s.{name}"
        side.put(other)
        side.name = side.name.partition(".")[0]
    mine = Part(Collection("s", "mine"), "s.one")
    pair.replicate(parts=(mine, Part(Collection("s", "two"), "s.two")))
    pair.ours.name, pair.theirs.name = "test_documents.s.mine", "theirs.s.one"
    assert set(pair.assert_equal()) == {"one", "mine"}
    pair.ours.name, pair.theirs.name = "test_documents", "theirs"
    with pytest.raises(Failed, match=r"The other gateway has no collection s\.none"):
        pair.replicate(parts=(mine._replace(remote="s.none"),))


@pytest.mark.parametrize(
    ("user", "password", "reason"),
    [("rep", "wrong", "401"), ("", "", "401"), ("nobody", "password", "401")],
)
def test_a_login_that_is_refused(pair, user, password, reason):
    with pytest.raises(Failed, match=f"unexpected status code {reason} from target database"):
        pair.replicate(remote=pair.remote(user, password))
