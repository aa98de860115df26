"""The database itself: configuration, sync function, resync, purges."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayException,
    SyncGatewayForbidden,
)
from tests.branches import push
from tests.testapp.models import CBArticle

from .conftest import eventually

BY_TITLE = """function (doc, oldDoc, meta) {
  if (doc.title === "forbidden") { throw({forbidden: "not that title"}); }
  channel("title-" + doc.title);
}
"""


@pytest.fixture
def database(gateway: None) -> Generator[None, None, None]:
    """A database whose sync function is put back afterwards."""
    before = SyncGateway.get_sync_function()
    yield
    SyncGateway.put_sync_function(before)


def test_what_is_said_of_the_database(gateway):
    assert SyncGateway.get_database()["state"] == "Online"
    before = SyncGateway.get_config().get("revs_limit")
    SyncGateway.update_config({"revs_limit": 900})
    assert SyncGateway.get_config()["revs_limit"] == 900
    SyncGateway.update_config({"revs_limit": before or 50})
    with pytest.raises(SyncGatewayBadRequest, match="nope"):
        SyncGateway.update_config({"nope": 1})
    with pytest.raises(SyncGatewayException) as there:
        SyncGateway.create_database(SyncGateway.get_config())
    assert there.value.status in (409, 412)


def test_a_sync_function(database, user):
    alice = SyncGateway.as_user(user(admin_channels=["title-A"]), "secret")
    old = CBArticle(title="A", channels=["others"])
    old.save()
    SyncGateway.put_sync_function(BY_TITLE)
    assert SyncGateway.get_sync_function() == BY_TITLE
    new = CBArticle(title="A", channels=["others"])
    new.save()
    with pytest.raises(SyncGatewayForbidden, match="not that title"):
        CBArticle(title="forbidden", channels=["others"]).save()

    def seen() -> list[bool]:
        return ["doc" in row for row in alice.all_docs([old.uid, new.uid])["rows"]]

    assert seen() == [False, True]
    SyncGateway.take_offline()
    try:
        SyncGateway.start_resync()
        eventually(lambda: SyncGateway.get_resync()["status"], "completed")
    finally:
        SyncGateway.bring_online()
    eventually(lambda: SyncGateway.get_database()["state"], "Online")
    eventually(seen, [True, True])


def test_one_that_does_not_compile_changes_nothing(database):
    SyncGateway.put_sync_function(BY_TITLE)
    with pytest.raises(SyncGatewayBadRequest, match="Line 2"):
        SyncGateway.put_sync_function("function (doc) {\n  channel(doc.channels;\n}")
    assert SyncGateway.get_sync_function() == BY_TITLE
    SyncGateway.put_sync_function("")
    assert SyncGateway.get_sync_function() == ""


def test_purge(gateway):
    gone, kept = CBArticle(channels=["a"]), CBArticle(channels=["a"])
    for document in (gone, kept):
        document.save()
    assert SyncGateway.purge([]) == []
    assert SyncGateway.purge([gone.uid, "never-there"]) == [gone.uid]
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(gone.uid)
    assert CBArticle(kept.uid).rev == kept.rev
    # Not even a tombstone is left: it begins anew.
    again = CBArticle(uid=gone.uid, channels=["a"])
    again.save()
    assert again.rev.startswith("1-")


def test_what_a_purge_does_to_phones(gateway):
    document = CBArticle(title="server", channels=["c"])
    document.save()
    uid, rev = document.uid, document.rev
    feed = SyncGateway.changes(channels=["c"])
    assert uid in [change.uid for change in feed]
    SyncGateway.purge([uid])
    # Nobody is told.
    later = SyncGateway.changes(feed.since, channels=["c"], style="all_docs")
    assert uid not in [change.uid for change in later]
    # Who changes a copy brings it back.
    push(uid, "abc", rev.removeprefix("1-"), title="phone")
    assert (CBArticle(uid).title, CBArticle(uid).rev) == ("phone", "2-abc")
