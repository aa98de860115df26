"""PouchDB syncs with the gateway: where it is served alone, and in the urls of a site.

Each server is a process of its own on the tests' database file, and phones are a Node process:
what Django has, and what it writes, is there for the others at once.
"""

from __future__ import annotations

import base64
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.db import connection

from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import ADMIN, loads, quote_uid, request
from tests.gateway.pouchdb.phones import FOLDER, Phones, PouchError
from tests.testapp.models import CBArticle

ROOT = Path(__file__).parents[3]

#: How each server is started, and where it says that its public API is.
SERVERS = {
    "run_sync_gateway": (
        ["run_sync_gateway", "--port", "0", "--admin-port", "0"],
        r"Public API: (http://\S+)/test_documents/\n",
        "",
    ),
    "runserver": (
        ["runserver", "--noreload", "127.0.0.1:0"],
        r"development server at (http://\S+)/\n",
        "/sync",
    ),
}


TORTURE = os.environ.get("TORTURE") == "1"
pytestmark = pytest.mark.torture


def everywhere(test):
    """What depends on the server: on what it makes of addresses, streams and connections. The rest
    is asked of the first one alone, unless TORTURE=1 is set."""
    test.is_everywhere = True
    return test


def pytest_generate_tests(metafunc):
    if "url" in metafunc.fixturenames:
        is_everywhere = TORTURE or hasattr(metafunc.function, "is_everywhere")
        servers = list(SERVERS)[: None if is_everywhere else 1]
        metafunc.parametrize("url", servers, indirect=True, scope="module")


@pytest.fixture(scope="module")
def url(request, packages, django_db_setup, tmp_path_factory):
    """The address of a database, served by a process of its own."""
    command, pattern, mount = SERVERS[request.param]
    log = tmp_path_factory.mktemp("server") / "log"
    environment = os.environ | {
        "CBTOOLS_DATABASE": str(connection.settings_dict["NAME"]),
        "DJANGO_SETTINGS_MODULE": "tests.gateway.pouchdb.settings",
        "PYTHONUNBUFFERED": "1",
    }
    with (
        log.open("w") as errors,
        subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "django", *command],
            cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True,
        ) as server,
    ):  # fmt: skip
        for line in server.stdout:
            if found := re.search(pattern, line):
                break
        else:
            pytest.fail(log.read_text())
        yield f"{found[1]}{mount}/test_documents"
        server.terminate()
    assert "Traceback" not in log.read_text()


@pytest.fixture
def phones(url, transactional_db):
    phones = Phones(url)
    for name in ("alice", "bob"):
        SyncGateway.put_user(name, password=f"{name}'s", admin_channels=[name, "news"])
    yield phones
    # Nothing is left open: no timer, and no request.
    assert phones.stop() == 0


@pytest.fixture
def alice(phones):
    return phones.phone("alice", "alice's")


@pytest.fixture
def bob(phones):
    return phones.phone("bob", "bob's")


def _article(number=1, channels=("news",), **members):
    return {
        "_id": f"atl_{number}",
        "doc_type": "article",
        "channels": list(channels),
        "title": f"Article {number}",
        **members,
    }


def _stored(uid, **query):
    """A document as the admin API has it."""
    return loads(request(ADMIN, "GET", uid, query=query))


def _attachment(data, content_type="application/octet-stream"):
    return {"content_type": content_type, "data": base64.b64encode(data).decode()}


def _edit(phone, uid, **members):
    """Change a document on the phone, or (``_deleted=True``) delete it; its new revision."""
    return phone.local("put", {**phone.local("get", uid), **members})["rev"]


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
    SyncGateway.save_json("atl_1", _article())
    with pytest.raises(PouchError, match="_cv") as caught:
        phones.phone("alice", "alice's", plain=True).pull()
    assert caught.value.name == "doc_validation"


# ---------------------------------------------------------------- documents


def test_fifty_documents_reach_a_second_phone(alice, bob):
    articles = {article["_id"]: article for article in map(_article, range(50))}
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
    alice.local("bulkDocs", [_article(1), _article(2)])
    alice.push()
    bob.pull()
    _edit(bob, "atl_1", title="Bob's", extra={"of": ["his", 1.5, None, "ö🍺"]})
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
    assert history == _stored("atl_1", revs="true")["_revisions"]
    assert history["start"] == 3


@everywhere
def test_more_documents_than_a_batch(alice, bob):
    articles = [_article(number) for number in range(250)]
    alice.local("bulkDocs", articles)
    assert alice.push(batch_size=100)["docs_written"] == 250
    assert bob.pull(batch_size=100)["docs_written"] == 250
    assert bob.documents() == alice.documents()


@everywhere
def test_odd_ids(alice, bob, url):
    # None with a per cent sign: the gateway, as a real one, unescapes paths twice.
    ids = ["a b", "é", "🍺", "a?b", "a#b", "a+b", "a;b=c", "a&b", "'\"", "-" * 240]
    if "/sync" not in url:  # runserver does not tell a slash in an id from one of the path
        ids += ["a/b", "a/b/c", "p/50%"]
    alice.local("bulkDocs", [_article(_id=uid, title=uid) for uid in ids])
    assert alice.push()["docs_written"] == len(ids)
    assert bob.pull()["docs_written"] == len(ids)
    assert bob.documents() == alice.documents()
    for uid in ids:
        assert bob.remote("get", uid)["title"] == uid
        assert CBArticle(uid).title == uid


def test_remote_database_is_one_like_any_other(alice):
    """Without a local one: read, written and queried where it is."""
    made = alice.remote("put", _article())
    read = alice.remote("get", "atl_1")
    assert read == {**_article(), "_rev": made["rev"]}
    with pytest.raises(PouchError) as caught:
        alice.remote("put", _article())
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
    alice.local("bulkDocs", [_article(1), _article(2)])
    alice.push()
    bob.pull()
    rev = _edit(bob, "atl_1", _deleted=True)
    assert bob.push()["docs_written"] == 1
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle("atl_1")
    assert [article.uid for article in CBArticle.objects.all()] == ["atl_2"]
    assert _stored("atl_1", rev=rev)["_deleted"] is True
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
    alice.local("put", _article())
    alice.push()
    bob.pull()
    _edit(alice, "atl_1", _deleted=True)
    alice.push()
    bob.pull()
    assert bob.documents() == {}
    alice.local("put", _article(title="Back"))
    alice.push()
    assert CBArticle("atl_1").title == "Back"
    bob.pull()
    assert bob.documents() == alice.documents()
    assert bob.documents()["atl_1"]["title"] == "Back"


# ---------------------------------------------------------------- conflicts


def test_conflict_is_refused_seen_and_resolved(alice, bob):
    alice.local("put", _article())
    alice.push()
    bob.pull()
    first = _edit(alice, "atl_1", title="Alice's")
    other = _edit(bob, "atl_1", title="Bob's")
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
    assert _stored("atl_1")["_rev"] == first

    # Bob's revision is dropped, and what he wrote goes on top of Alice's.
    bob.local("remove", "atl_1", other)
    seen = bob.local("get", "atl_1", {"conflicts": True})
    assert seen == {**_article(title="Alice's"), "_rev": first}
    merged = _edit(bob, "atl_1", title="Alice's and Bob's")
    # The gateway has never had Bob's branch, and takes no other, be it a deleted one.
    pushed = bob.push(style="main_only")
    assert (pushed["docs_written"], pushed["doc_write_failures"]) == (1, 0)
    assert CBArticle("atl_1").title == "Alice's and Bob's"
    alice.pull()
    bob.pull()
    for phone in (alice, bob):
        held = phone.local("get", "atl_1", {"conflicts": True})
        assert held == {**_article(title="Alice's and Bob's"), "_rev": merged}
    assert CBArticle("atl_1").rev == merged


def test_conflict_holds_up_no_other_document(alice, bob):
    alice.local("bulkDocs", [_article(number) for number in range(3)])
    alice.push()
    bob.pull()
    for number in range(3):
        _edit(bob, f"atl_{number}", title="Bob's")
    article = CBArticle("atl_1")
    article.title = "Django's"
    article.save()
    with pytest.raises(PouchError) as caught:
        bob.push()
    assert caught.value.result["doc_write_failures"] == 1
    titles = [CBArticle(f"atl_{number}").title for number in range(3)]
    assert titles == ["Bob's", "Django's", "Bob's"]


def test_conflict_is_resolved_while_a_phone_syncs(alice, bob):
    alice.local("put", _article())
    alice.push()
    bob.pull()
    first = _edit(alice, "atl_1", title="Alice's")
    other = _edit(bob, "atl_1", title="Bob's")
    alice.push()
    bob.live(style="main_only")
    while "_conflicts" not in bob.local("get", "atl_1", {"conflicts": True}):
        bob.event()
    assert bob.local("get", "atl_1", {"rev": first})["title"] == "Alice's"
    bob.local("remove", "atl_1", other)
    _edit(bob, "atl_1", title="Both")
    while CBArticle("atl_1").title != "Both":  # it waits before it tries again
        bob.event()
    bob.cancel()
    bob.next("complete")
    alice.pull()
    assert alice.documents() == bob.documents()


# ---------------------------------------------------------------- live


def test_live_sync(alice, bob):
    alice.live()
    alice.next("paused")
    CBArticle(uid="atl_1", title="From the server", channels=["news"]).save()
    change = alice.next("change")
    assert change["direction"] == "pull"
    assert [document["title"] for document in change["change"]["docs"]] == ["From the server"]
    assert alice.documents()["atl_1"]["_rev"] == CBArticle("atl_1").rev

    SyncGateway.save_json("atl_2", _article(2))
    alice.next("change")
    bob.local("put", _article(3))
    bob.push()
    change = alice.next("change")
    assert [document["_id"] for document in change["change"]["docs"]] == ["atl_3"]

    _edit(alice, "atl_1", title="From the phone")
    change = alice.next("change")
    assert change["direction"] == "push"
    assert CBArticle("atl_1").title == "From the phone"

    SyncGateway.delete_document("atl_2", CBArticle("atl_2").rev)
    while "atl_2" in alice.documents():
        alice.next("change")
    alice.cancel()
    alice.next("complete")
    assert alice.documents().keys() == {"atl_1", "atl_3"}


def test_live_changes(alice):
    """Of the remote database, with documents; waiting for them."""
    SyncGateway.save_json("atl_1", _article(1))
    alice.watch(include_docs=True, since=0)
    assert alice.next("change")["id"] == "_user/alice"
    first = alice.next("change")
    assert first["doc"] == {**_article(1), "_rev": first["changes"][0]["rev"]}
    SyncGateway.save_json("other", {"channels": ["bob"]})
    SyncGateway.save_json("atl_2", _article(2))
    second = alice.next("change")
    assert second["id"] == "atl_2"
    assert second["seq"] > first["seq"]
    SyncGateway.delete_document("atl_2", CBArticle("atl_2").rev)
    third = alice.next("change")
    assert (third["id"], third["deleted"]) == ("atl_2", True)
    alice.cancel()
    alice.next("complete")


@everywhere
def test_live_sync_brings_what_a_new_channel_has(alice):
    SyncGateway.save_json("old", {"channels": ["other"]})
    alice.live()
    alice.next("paused")
    SyncGateway.append_channels("alice", ["other"])
    (document,) = alice.next("change")["change"]["docs"]
    assert document["_id"] == "old"
    SyncGateway.save_json("new", {"channels": ["other"]})
    (document,) = alice.next("change")["change"]["docs"]
    assert document["_id"] == "new"
    alice.cancel()
    alice.next("complete")


# ---------------------------------------------------------------- attachments


@everywhere
def test_attachments_go_both_ways(alice, bob):
    text = "Grüße\r\n🍺".encode()
    image = random.Random(1).randbytes(300_000)
    files = {
        "text.txt": _attachment(text, "text/plain"),
        "ü +&?.png": _attachment(image, "image/png"),
        "data.json": _attachment(b'{"_id": "x", "_cv": "x"}', "application/json"),
        "empty": _attachment(b""),
    }
    alice.local("put", _article(_attachments=files))
    alice.push()
    stubs = _stored("atl_1")["_attachments"]
    assert {name: stub["length"] for name, stub in stubs.items()} == {
        "text.txt": len(text),
        "ü +&?.png": 300_000,
        "data.json": 24,
        "empty": 0,
    }
    for name, file in files.items():
        answer = request(ADMIN, "GET", "atl_1", quote_uid(name))
        assert answer.headers["Content-Type"] == file["content_type"]
        assert base64.b64encode(answer.content).decode() == file["data"]

    bob.pull()
    for phone in (alice, bob):
        read = phone.local("get", "atl_1", {"attachments": True})["_attachments"]
        assert {name: (file["content_type"], file["data"]) for name, file in read.items()} == {
            name: (file["content_type"], file["data"]) for name, file in files.items()
        }
    read = bob.remote("get", "atl_1", {"attachments": True})["_attachments"]
    assert {name: file["data"] for name, file in read.items()} == {
        name: file["data"] for name, file in files.items()
    }


def test_attachments_change_and_go(alice, bob):
    SyncGateway.save_json(
        "atl_1",
        _article(_attachments={"kept": _attachment(b"kept"), "changed": _attachment(b"one")}),
    )
    alice.pull()
    document = alice.local("get", "atl_1")
    document["_attachments"]["changed"] = _attachment(b"two")
    document["_attachments"]["new"] = _attachment(b"new")
    alice.local("put", document)
    alice.push()
    assert set(_stored("atl_1")["_attachments"]) == {"kept", "changed", "new"}
    bob.pull()
    read = bob.local("get", "atl_1", {"attachments": True})
    assert {name: file["data"] for name, file in read["_attachments"].items()} == {
        name: base64.b64encode(data).decode()
        for name, data in (("kept", b"kept"), ("changed", b"two"), ("new", b"new"))
    }
    bob.local("removeAttachment", "atl_1", "kept", read["_rev"])
    bob.push()
    alice.pull()
    for stubs in (_stored("atl_1"), alice.local("get", "atl_1")):
        assert set(stubs["_attachments"]) == {"changed", "new"}


def test_attachment_is_put_where_the_document_is(alice):
    rev = alice.remote("put", _article())["rev"]
    made = alice.remote("putAttachment", "atl_1", "file", rev, "AAEC", "x/y")
    assert _stored("atl_1")["_rev"] == made["rev"]
    alice.pull()
    read = alice.local("get", "atl_1", {"attachments": True})["_attachments"]["file"]
    assert (read["content_type"], read["data"]) == ("x/y", "AAEC")
    alice.remote("removeAttachment", "atl_1", "file", made["rev"])
    assert "_attachments" not in _stored("atl_1")


# ---------------------------------------------------------------- access


def test_user_receives_what_is_in_his_channels(alice, bob):
    for uid, channel in (("a", "alice"), ("b", "bob"), ("n", "news"), ("p", "!"), ("x", "other")):
        SyncGateway.save_json(uid, {"channels": [channel]})
    alice.pull()
    bob.pull()
    assert set(alice.documents()) == {"a", "n", "p"}
    assert set(bob.documents()) == {"b", "n", "p"}

    SyncGateway.append_channels("bob", ["alice"])
    assert bob.pull()["docs_written"] == 1
    assert set(bob.documents()) == {"a", "b", "n", "p"}
    assert bob.pull()["docs_read"] == 0


def test_document_that_leaves_the_channel(alice):
    """Its last revision comes as one with nothing in it."""
    SyncGateway.save_json("n", {"channels": ["news"], "secret": 1})
    alice.pull()
    SyncGateway.save_json("n", {"channels": ["bob"], "secret": 2, "_rev": _stored("n")["_rev"]})
    alice.pull()
    assert alice.documents() == {"n": {"_id": "n", "_rev": _stored("n")["_rev"]}}


def test_wrong_password(phones):
    for phone in (phones.phone("alice", "wrong"), phones.phone("nobody", "x"), phones.phone(None)):
        with pytest.raises(PouchError) as caught:
            phone.pull()
        assert caught.value.status == 401


@everywhere
def test_session_cookie(phones):
    SyncGateway.save_json("a", {"channels": ["alice"]})
    assert phones.log_in(name="alice", password="wrong") == 401
    assert phones.log_in(name="alice", password="alice's") == 200
    phone = phones.phone(None)
    phone.pull()
    assert set(phone.documents()) == {"a"}
    phone.local("put", _article())
    assert phone.push()["docs_written"] == 1
    assert CBArticle("atl_1").title == "Article 1"


def test_what_the_sync_function_denies_holds_up_nothing_else(alice):
    function = """function (doc) {
        if (doc.title == "No") throw({forbidden: "not that"});
        channel(doc.channels);
    }"""
    request(ADMIN, "POST", "_config", body={"sync": function})
    alice.local("bulkDocs", [_article(1), _article(2, title="No"), _article(3)])
    pushed = alice.push()
    assert (pushed["docs_written"], pushed["doc_write_failures"]) == (2, 1)
    (denied,) = pushed["denied"]
    assert (denied["status"], denied["name"], denied["reason"]) == (403, "forbidden", "not that")
    assert {article.uid for article in CBArticle.objects.all()} == {"atl_1", "atl_3"}
