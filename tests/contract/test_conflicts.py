"""Documents with several current revisions; and those that were current before."""

from __future__ import annotations

import datetime
import secrets

import pytest
from asgiref.sync import async_to_sync

from django_cbtools.models import CouchbaseModelError
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayConflict, SyncGatewayForbidden
from tests.branches import push
from tests.testapp.models import CBArticle, CBReview


@pytest.fixture
def uid(gateway):
    """Another one in each test: branches would go on from the tombstones of the last one."""
    return f"atl_{secrets.token_hex(8)}"


def branch(uid):
    """A document in conflict; the winner's rev, and the others'."""
    article = CBArticle(uid=uid, title="server", channels=["c"], year_published=1)
    article.save()
    root = article.rev.removeprefix("1-")
    winner = push(uid, "fff", root, title="winner", year_published=2, phone=1)
    loser = push(uid, "eee", root, title="loser", year_published=3, phone=2)
    other = push(uid, "abc", title="other", year_published=4)
    return [winner, loser, other]


@pytest.fixture
def revs(uid):
    return branch(uid)


def leaves(uid):
    return [row["value"]["rev"] for row in SyncGateway.get_leaves(uid)]


def test_conflicts(uid, revs):
    found = CBArticle.conflicts(uid)
    assert [leaf.rev for leaf in found] == revs
    assert [leaf.title for leaf in found] == ["winner", "loser", "other"]
    assert [leaf.extra for leaf in found] == [{"phone": 1}, {"phone": 2}, {}]
    assert CBArticle(uid).rev == revs[0]
    assert [leaf.rev for leaf in async_to_sync(CBArticle.aconflicts)(uid)] == revs


def test_no_conflicts(gateway):
    article = CBArticle(title="t", channels=["c"])
    article.save()
    assert CBArticle.conflicts(article.uid) == []
    assert [row["value"]["rev"] for row in SyncGateway.get_leaves(article.uid)] == [article.rev]
    # A tombstone is in conflict with nothing.
    uid = article.uid
    article.hard_delete()
    assert SyncGateway.get_leaves(uid) == SyncGateway.get_leaves("nobody") == []
    push(uid, "abc", title="made by a phone")
    assert CBArticle.conflicts(uid) == []
    for uid in ("nobody", article.uid):
        with pytest.raises(CBReview.DoesNotExist):
            CBReview.conflicts(uid)


def test_winner(uid, revs):
    for number, is_instance in ((0, True), (1, False), (2, True)):
        winner = CBArticle.conflicts(uid)[number] if is_instance else revs[number]
        resolved = CBArticle.resolve_conflict(uid, winner=winner)
        stored = CBArticle(uid)
        assert stored.title == resolved.title == ["winner", "loser", "other"][number]
        assert stored.extra == [{"phone": 1}, {"phone": 2}, {}][number]
        assert stored.rev == resolved.rev
        assert stored.rev.startswith("3-" if number else "2-")
        assert leaves(uid) == [stored.rev]
        assert CBArticle.conflicts(uid) == []
        # It goes on from there.
        resolved.save()
        uid += "x"
        branch(uid)


def test_merge(uid, revs):
    def merge(found):
        assert [leaf.rev for leaf in found] == revs
        first, *others = found
        first.year_published = sum(leaf.year_published for leaf in found)
        first.tags = [leaf.title for leaf in others]
        return first

    resolved = CBArticle.resolve_conflict(uid, merge=merge)
    stored = CBArticle(uid)
    assert (stored.title, stored.year_published, stored.tags) == ("winner", 9, ["loser", "other"])
    assert (stored.extra, stored.rev) == ({"phone": 1}, resolved.rev)
    assert leaves(uid) == [stored.rev]
    # There is nothing to be merged any more.
    again = CBArticle.resolve_conflict(uid, merge=lambda found: pytest.fail("asked"))
    assert again.rev == stored.rev


def test_an_instance_made_anew(uid, revs):
    made = CBArticle(title="anew", channels=["c"])
    resolved = CBArticle.resolve_conflict(uid, merge=lambda found: made)
    assert resolved is made
    stored = CBArticle(uid)
    assert (stored.title, stored.extra, stored.year_published) == ("anew", {"phone": 1}, 2014)
    assert leaves(uid) == [stored.rev] == [made.rev]


def test_replicators_hear_of_both(uid, revs):
    resolved = CBArticle.resolve_conflict(uid, winner=revs[1])
    (change,) = SyncGateway.changes(doc_ids=[uid], style="all_docs")
    assert (change.rev, change.deleted, len(change.revs)) == (resolved.rev, False, 3)
    tombstones = [SyncGateway.get_revisions(uid)[0].rev, *change.revs[1:]]
    assert {rev.partition("-")[0] for rev in tombstones[1:]} == {"3", "2"}
    (change,) = SyncGateway.changes(doc_ids=[uid], style="all_docs", active_only=True)
    assert change.revs == (resolved.rev,)


def test_a_winner_that_is_none(uid, revs):
    for wrong in ("9-abc", "", CBArticle(uid=uid, channels=["c"])):
        with pytest.raises(SyncGatewayConflict, match=f"{uid}.*none of its rev.*{revs[2]}"):
            CBArticle.resolve_conflict(uid, winner=wrong)
    for wrong in ({}, {"winner": revs[0], "merge": min}):
        with pytest.raises(TypeError, match="either winner= or merge="):
            CBArticle.resolve_conflict(uid, **wrong)
    for wrong in (None, revs[0], CBReview(), CBArticle(uid="atl_other")):
        with pytest.raises(CouchbaseModelError, match=f"{uid}: what it is to be is a CBArt"):
            CBArticle.resolve_conflict(uid, merge=lambda found, wrong=wrong: wrong)
    with pytest.raises(CouchbaseModelError, match="Empty channels"):
        CBArticle.resolve_conflict(uid, merge=lambda found: CBArticle(title="nowhere"))
    assert leaves(uid) == revs


def test_a_branch_of_another_class(uid, revs):
    push(uid, "fff0", "abc", title="review", doc_type="review")
    with pytest.raises(CBArticle.DoesNotExist, match="is of doc_type 'review'"):
        CBArticle.conflicts(uid)
    with pytest.raises(CBArticle.DoesNotExist, match="is of doc_type 'review'"):
        CBArticle.resolve_conflict(uid, winner=revs[0])


# ----------------------------------------------------------------- in between


def test_a_branch_goes_on_while_it_is_merged(uid, revs):
    seen = []

    def merge(found):
        seen.append([leaf.rev for leaf in found])
        if len(seen) == 1:
            push(uid, "eee2", "eee", start=3, title="loser, again", year_published=30)
        first = found[0]
        first.tags = sorted({*first.tags, *(leaf.title for leaf in found)})
        return first

    CBArticle.resolve_conflict(uid, merge=merge)
    # The branch that went on is the winner then.
    assert seen[1][0] == "3-eee2"
    stored = CBArticle(uid)
    assert {"loser, again", "winner", "other"} <= set(stored.tags)
    assert leaves(uid) == [stored.rev]


def test_the_winner_is_written_while_it_is_merged(uid, revs):
    calls = []

    def merge(found):
        calls.append(found[0].title)
        if len(calls) == 1:
            other = CBArticle(uid)
            other.title = "the server's"
            other.save()
        found[0].tags = [leaf.title for leaf in found[1:]]
        return found[0]

    CBArticle.resolve_conflict(uid, merge=merge)
    assert calls == ["winner", "the server's"]
    stored = CBArticle(uid)
    assert (stored.title, stored.tags) == ("the server's", ["loser", "other"])
    assert leaves(uid) == [stored.rev]


def test_a_branch_that_has_come_since_it_was_read_is_told(uid, revs):
    winner = CBArticle.conflicts(uid)[0]
    late = push(uid, "eee2", "eee", start=3, title="late")
    with pytest.raises(SyncGatewayConflict, match=late):
        CBArticle.resolve_conflict(uid, winner=winner)
    with pytest.raises(SyncGatewayConflict, match="2-eee is none"):
        CBArticle.resolve_conflict(uid, winner=revs[1])
    assert set(leaves(uid)) == {late, revs[0], revs[2]}


def test_a_revision_that_was_saved_since_it_was_read_may_win(uid, revs):
    winner, *_ = CBArticle.conflicts(uid)
    winner.title = "saved"
    winner.save()
    assert CBArticle.resolve_conflict(uid, winner=winner).title == "saved"
    assert leaves(uid) == [winner.rev]


def test_a_branch_that_may_not_be_read_is_not_lost(uid, user, settings):
    push(uid, "fff", title="winner", channels=["c"])
    push(uid, "eee", title="secret", channels=["d"])
    settings.SYNC_GATEWAY_USER = user("ann", admin_channels=["c"])
    settings.SYNC_GATEWAY_PASSWORD = "secret"
    shown, hidden = SyncGateway.get_leaves(uid)
    assert (shown["doc"]["title"], hidden["status"]) == ("winner", 403)
    for ask in (CBArticle.conflicts, lambda uid: CBArticle.resolve_conflict(uid, winner="1-fff")):
        with pytest.raises(SyncGatewayForbidden, match=f"CBArticle document {uid}"):
            ask(uid)
    assert len(SyncGateway.get_leaves(uid)) == 2


def test_what_merge_raises_is_not_caught(uid, revs):
    def merge(found):
        raise SyncGatewayConflict("I cannot decide")

    with pytest.raises(SyncGatewayConflict, match="I cannot decide"):
        CBArticle.resolve_conflict(uid, merge=merge)
    assert leaves(uid) == revs


def test_async(uid, revs):
    async def merge(found):
        return found[1]

    resolved = async_to_sync(CBArticle.aresolve_conflict)(uid, merge=merge)
    assert (resolved.title, leaves(uid)) == ("loser", [resolved.rev])
    winner = async_to_sync(CBArticle.aresolve_conflict)(uid, winner=resolved.rev)
    assert winner.rev == resolved.rev


# --------------------------------------------------------- attachments, expiry


def inline(text):
    return {"content_type": "text/plain", "data": text}


def read(uid):
    return {name: each.read() for name, each in CBArticle(uid).attachments.items()}


def attach(uid):
    """Have a document in conflict, whose branches have attachments of the same names. (A real
    gateway has only those of what was written last, the other branch's if that loses.)"""
    push(uid, "eee", title="loser", _attachments={"a": inline("eA=="), "c": inline("Yw==")})
    push(uid, "fff", title="winner", _attachments={"a": inline("YQ=="), "b": inline("Yg==")})


def test_attachments_stay_those_of_what_is_chosen(uid):
    for how, expected in (
        ({"winner": "1-fff"}, {"a": b"a", "b": b"b"}),
        ({"winner": "1-eee"}, {"a": b"x", "c": b"c"}),
        ({"merge": lambda found: CBArticle(title="anew", channels=["c"])}, {"a": b"a", "b": b"b"}),
    ):
        uid += "x"
        attach(uid)
        CBArticle.resolve_conflict(uid, **how)
        assert read(uid) == expected


def test_attachments_are_merged(uid):
    push(uid, "eee", title="loser", _attachments={"a": inline("eA=="), "c": inline("Yw==")})
    content = secrets.token_bytes(1_500_000)
    SyncGateway.put_attachment(uid, "large", content, "image/jpeg", "1-eee")
    attachments = {"a": inline("YQ=="), "b": inline("Yg==")}
    push(uid, "fff", "ffe", "ffd", title="winner", _attachments=attachments)

    def merge(found):
        first, second = found
        first.extra["_attachments"] = {
            **second.extra["_attachments"],
            **first.extra["_attachments"],
        }
        return first

    CBArticle.resolve_conflict(uid, merge=merge)
    assert read(uid) == {"a": b"a", "b": b"b", "c": b"c", "large": content}
    assert CBArticle.conflicts(uid) == []


def test_it_is_still_to_expire(uid, revs):
    winner = CBArticle(uid)
    winner.save(expires=datetime.timedelta(days=1))
    moment = CBArticle(uid).expires_at
    assert moment is not None
    CBArticle.resolve_conflict(uid, winner=winner.rev)
    assert CBArticle(uid).expires_at == moment
    push(uid, "abc", title="again")
    push(uid, "abd", title="and again")
    winner = CBArticle(uid)
    winner.save(expires=datetime.timedelta(days=2))
    moment = CBArticle(uid).expires_at
    CBArticle.resolve_conflict(uid, merge=lambda found: CBArticle(title="n", channels=["c"]))
    stored = CBArticle(uid)
    assert (stored.title, stored.expires_at, leaves(uid)) == ("n", moment, [stored.rev])


# ------------------------------------------------------------------ revisions


def test_revisions(gateway):
    article = CBArticle(title="1", channels=["c"])
    article.save()
    revs = [article.rev]
    for number in range(2, 5):
        article.title = str(number)
        article.save()
        revs.insert(0, article.rev)
    found = CBArticle.revisions(article.uid)
    assert [each.rev for each in found] == revs
    assert [each.instance.title for each in found] == ["4", "3", "2", "1"]
    assert [each.instance.rev for each in found] == revs
    assert [each.rev for each in CBArticle.revisions(article.uid, 2)] == revs[:2]
    assert [each.rev for each in async_to_sync(CBArticle.arevisions)(article.uid)] == revs
    # What was is not what is.
    found[1].instance.title = "back"
    with pytest.raises(SyncGatewayConflict):
        found[1].instance.save()
    found[0].instance.save()


def test_revisions_that_no_instance_can_be_made_of(gateway):
    article = CBArticle(title="1", channels=["c"])
    article.save()
    uid = article.uid
    for doc_type in ("review", "article"):
        body = SyncGateway.all_docs([uid])["rows"][0]["doc"]
        SyncGateway.save_json(uid, {**body, "doc_type": doc_type})
    article.load(uid)
    article.hard_delete()
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle.revisions(uid)
    SyncGateway.save_json(uid, {"doc_type": "article", "title": "anew", "channels": ["c"]})
    found = CBArticle.revisions(uid)
    titles = [each.instance and each.instance.title for each in found]
    assert titles == ["anew", None, "1", None, "1"]
    with pytest.raises(CBReview.DoesNotExist, match="is of doc_type 'article'"):
        CBReview.revisions(uid)
    with pytest.raises(CBArticle.DoesNotExist, match="no document nobody"):
        CBArticle.revisions("nobody")
