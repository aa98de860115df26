"""PouchDB syncs with the gateway: where it is served alone, and in the urls of a site."""

from __future__ import annotations

import re
import subprocess

import pytest
from django.contrib.staticfiles import finders

from django_cbtools.sync_gateway import SyncGateway
from tests.gateway.pouchdb.phones import FOLDER, PouchError
from tests.gateway.pouchdb.syncing import as_stored, edit_on, everywhere, phones_article
from tests.testapp.models import CBArticle

pytestmark = pytest.mark.torture


# ---------------------------------------------------------------- the fetch function


def test_fetch(node):
    """Its own tests, in Node."""
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", FOLDER / "fetch.test.js"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert re.search(r"^# pass [1-9]", done.stdout, re.MULTILINE), done.stdout


def test_fetch_is_a_static_file():
    assert finders.find("django_cbtools/sync_gateway_fetch.js")


def test_pouchdb_needs_it(phones):
    """As it does with a real gateway: documents have a member that it does not know."""
    SyncGateway.save_json("atl_1", phones_article())
    with pytest.raises(PouchError, match="_cv") as caught:
        phones.phone("alice", "alice's", plain=True).pull()
    assert caught.value.name == "doc_validation"


# ---------------------------------------------------------------- documents


def test_fifty_documents_reach_a_second_phone(alice, bob):
    articles = {article["_id"]: article for article in map(phones_article, range(50))}
    saved = alice.local("bulkDocs", list(articles.values()))
    revs = {row["id"]: row["rev"] for row in saved}
    pushed = alice.push()
    assert (pushed["docs_written"], pushed["doc_write_failures"]) == (50, 0)

    assert CBArticle.objects.count() == 50
    for uid, article in articles.items():
        loaded = CBArticle(uid)
        assert (loaded.rev, loaded.title, loaded.channels) == (
            revs[uid], article["title"], ["news"],
        )  # fmt: skip

    assert bob.pull()["docs_written"] == 50
    assert bob.documents() == alice.documents()
    assert bob.documents() == {
        uid: {**article, "_rev": revs[uid]} for uid, article in articles.items()
    }
    # All is there: nothing is sent a second time, in either direction.
    for again in (alice.push(), alice.pull(), bob.push(), bob.pull()):
        assert (again["docs_read"], again["docs_written"]) == (0, 0)


def test_edits_go_both_ways(alice, bob):
    alice.local("bulkDocs", [phones_article(1), phones_article(2)])
    alice.push()
    bob.pull()
    edit_on(bob, "atl_1", title="Bob's", extra={"of": ["his", 1.5, None, "ö🍺"]})
    bob.push()
    article = CBArticle("atl_1")
    assert (article.title, article.extra) == ("Bob's", {"extra": {"of": ["his", 1.5, None, "ö🍺"]}})
    article.title = "Django's"
    article.save()
    CBArticle(uid="atl_3", title="New", channels=["news"]).save()

    alice.pull()
    bob.pull()
    held = alice.documents()
    assert held == bob.documents()
    assert {uid: document["title"] for uid, document in held.items()} == {
        "atl_1": "Django's",
        "atl_2": "Article 2",
        "atl_3": "New",
    }
    assert held["atl_1"]["_rev"] == article.rev
    assert held["atl_1"]["extra"] == {"of": ["his", 1.5, None, "ö🍺"]}
    history = alice.local("get", "atl_1", {"revs": True})["_revisions"]
    assert history == bob.local("get", "atl_1", {"revs": True})["_revisions"]
    assert history == as_stored("atl_1", revs="true")["_revisions"]
    assert history["start"] == 3


@everywhere
def test_more_documents_than_a_batch(alice, bob):
    articles = [phones_article(number) for number in range(25)]
    alice.local("bulkDocs", articles)
    assert alice.push(batch_size=10)["docs_written"] == 25
    assert bob.pull(batch_size=10)["docs_written"] == 25
    assert bob.documents() == alice.documents()


@everywhere
def test_odd_ids(alice, bob, url):
    # None with a per cent sign: the gateway, as a real one, unescapes paths twice.
    ids = ["a b", "é", "🍺", "a?b", "a#b", "a+b", "a;b=c", "a&b", "'\"", "-" * 240]
    if "/sync" not in url:  # runserver does not tell a slash in an id from one of the path
        ids += ["a/b", "a/b/c", "p/50%"]
    alice.local("bulkDocs", [phones_article(_id=uid, title=uid) for uid in ids])
    assert alice.push()["docs_written"] == len(ids)
    assert bob.pull()["docs_written"] == len(ids)
    assert bob.documents() == alice.documents()
    for uid in ids:
        assert bob.remote("get", uid)["title"] == uid
        assert CBArticle(uid).title == uid


def test_remote_database_is_one_like_any_other(alice):
    """Without a local one: read, written and queried where it is."""
    made = alice.remote("put", phones_article())
    read = alice.remote("get", "atl_1")
    assert read == {**phones_article(), "_rev": made["rev"]}
    with pytest.raises(PouchError) as caught:
        alice.remote("put", phones_article())
    assert (caught.value.status, caught.value.name) == (409, "conflict")
    edited = alice.remote("put", {**read, "title": "Edited"})
    assert CBArticle("atl_1").title == "Edited"
    rows = alice.remote("allDocs", {"include_docs": True})["rows"]
    assert [row["doc"] for row in rows] == [{**read, "title": "Edited", "_rev": edited["rev"]}]
    user, change = alice.remote("changes", {"include_docs": True})["results"]
    assert user["id"] == "_user/alice"
    assert change["doc"] == rows[0]["doc"]
    (row,) = alice.remote("get", "atl_1", {"open_revs": "all"})
    assert row["ok"] == rows[0]["doc"]
    assert alice.remote("info")["db_name"] == "test_documents"
    alice.remote("remove", "atl_1", edited["rev"])
    with pytest.raises(PouchError) as caught:
        alice.remote("get", "atl_1")
    assert caught.value.status == 403  # what is deleted is in no channel
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("atl_1")


# ---------------------------------------------------------------- deletion


def test_deletion_on_a_phone(alice, bob):
    alice.local("bulkDocs", [phones_article(1), phones_article(2)])
    alice.push()
    bob.pull()
    rev = edit_on(bob, "atl_1", _deleted=True)
    assert bob.push()["docs_written"] == 1
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("atl_1")
    assert [article.uid for article in CBArticle.objects.all()] == ["atl_2"]
    assert as_stored("atl_1", rev=rev)["_deleted"] is True
    assert alice.pull()["docs_written"] == 1
    assert set(alice.documents()) == {"atl_2"}


def test_deletion_by_the_server(alice):
    CBArticle(uid="atl_1", title="Kept in channels", channels=["news"]).save()
    CBArticle(uid="atl_2", title="Gone", channels=["news"]).save()
    alice.pull()
    assert set(alice.documents()) == {"atl_1", "atl_2"}
    CBArticle("atl_1").delete()  # soft
    SyncGateway.delete_document("atl_2", CBArticle("atl_2").rev)
    alice.pull()
    held = alice.documents()
    assert set(held) == {"atl_1"}
    assert held["atl_1"]["st_deleted"] is True


def test_a_deleted_document_comes_back(alice, bob):
    alice.local("put", phones_article())
    alice.push()
    bob.pull()
    edit_on(alice, "atl_1", _deleted=True)
    alice.push()
    bob.pull()
    assert bob.documents() == {}
    alice.local("put", phones_article(title="Back"))
    alice.push()
    assert CBArticle("atl_1").title == "Back"
    bob.pull()
    assert bob.documents() == alice.documents()
    assert bob.documents()["atl_1"]["title"] == "Back"


# ---------------------------------------------------------------- conflicts


def test_conflict_is_refused_seen_and_resolved(alice, bob):
    alice.local("put", phones_article())
    alice.push()
    bob.pull()
    first = edit_on(alice, "atl_1", title="Alice's")
    other = edit_on(bob, "atl_1", title="Bob's")
    assert alice.push()["docs_written"] == 1
    with pytest.raises(PouchError) as caught:
        bob.push()
    result = caught.value.result
    assert (caught.value.status, caught.value.name) == (409, "conflict")
    assert (result["docs_written"], result["doc_write_failures"]) == (0, 1)
    assert CBArticle("atl_1").title == "Alice's"

    # Locally, there are both now; the gateway has one.
    bob.pull()
    seen = bob.local("get", "atl_1", {"conflicts": True})
    assert {seen["_rev"], *seen["_conflicts"]} == {first, other}
    assert as_stored("atl_1")["_rev"] == first

    # Bob's revision is dropped, and what he wrote goes on top of Alice's.
    bob.local("remove", "atl_1", other)
    seen = bob.local("get", "atl_1", {"conflicts": True})
    assert seen == {**phones_article(title="Alice's"), "_rev": first}
    merged = edit_on(bob, "atl_1", title="Alice's and Bob's")
    # The gateway has never had Bob's branch, and takes no other, be it a deleted one.
    pushed = bob.push(style="main_only")
    assert (pushed["docs_written"], pushed["doc_write_failures"]) == (1, 0)
    assert CBArticle("atl_1").title == "Alice's and Bob's"
    alice.pull()
    bob.pull()
    for phone in (alice, bob):
        held = phone.local("get", "atl_1", {"conflicts": True})
        assert held == {**phones_article(title="Alice's and Bob's"), "_rev": merged}
    assert CBArticle("atl_1").rev == merged


def test_conflict_holds_up_no_other_document(alice, bob):
    alice.local("bulkDocs", [phones_article(number) for number in range(3)])
    alice.push()
    bob.pull()
    for number in range(3):
        edit_on(bob, f"atl_{number}", title="Bob's")
    article = CBArticle("atl_1")
    article.title = "Django's"
    article.save()
    with pytest.raises(PouchError) as caught:
        bob.push()
    assert caught.value.result["doc_write_failures"] == 1
    titles = [CBArticle(f"atl_{number}").title for number in range(3)]
    assert titles == ["Bob's", "Django's", "Bob's"]


def test_conflict_is_resolved_while_a_phone_syncs(alice, bob):
    alice.local("put", phones_article())
    alice.push()
    bob.pull()
    first = edit_on(alice, "atl_1", title="Alice's")
    other = edit_on(bob, "atl_1", title="Bob's")
    alice.push()
    bob.live(style="main_only")
    while "_conflicts" not in bob.local("get", "atl_1", {"conflicts": True}):
        bob.event()
    assert bob.local("get", "atl_1", {"rev": first})["title"] == "Alice's"
    bob.local("remove", "atl_1", other)
    edit_on(bob, "atl_1", title="Both")
    while CBArticle("atl_1").title != "Both":  # it waits before it tries again
        bob.event()
    bob.cancel()
    bob.next("complete")
    alice.pull()
    assert alice.documents() == bob.documents()
