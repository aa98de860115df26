"""manage.py list_cb_conflicts"""

from __future__ import annotations

import io
import secrets

import pytest
from django.core.management import CommandError, call_command

from django_cbtools.management.commands import list_cb_conflicts
from django_cbtools.models import merges, register_merge
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayUnavailable
from tests.branches import push
from tests.testapp.models import CBArticle

merged: list[str] = []


def merge(leaves):
    """What --resolve names in these tests."""
    merged.append(leaves[0].uid)
    if leaves[0].title == "odd":
        raise RuntimeError("I cannot decide")
    leaves[0].tags = [leaf.title for leaf in leaves]
    return leaves[0]


MERGE = f"{__name__}.merge"


def run(*args):
    """The exit status, the rows, and what is told besides."""
    out, err = io.StringIO(), io.StringIO()
    status = 0
    try:
        call_command("list_cb_conflicts", *args, stdout=out, stderr=err)
    except CommandError as error:
        status = error.returncode
        err.write(str(error))
    rows = [line.split("\t") for line in out.getvalue().splitlines() if "\t" in line]
    return status, sorted(rows), err.getvalue() + out.getvalue()


@pytest.fixture
def uids(gateway):
    """Documents in conflict, and others."""
    del merged[:]
    made = [f"atl_{secrets.token_hex(8)}" for _ in range(3)]
    for uid, doc_type in zip(made, ("article", "article", ["phone"]), strict=True):
        for rev in ("fff", "eee", "ddd"):
            push(uid, rev, title=f"{uid} {rev}", doc_type=doc_type)
    gone = CBArticle(title="gone", channels=["c"])
    gone.save()
    uid = gone.uid
    gone.hard_delete()
    push(uid, "abc", title="made again beside a tombstone")
    CBArticle(title="other", channels=["c"]).save()
    return made


def found(rows):
    return sorted([uid, doc_type, *sorted(revs.split())] for uid, doc_type, revs in rows)


def test_they_are_listed(uids):
    status, rows, told = run()
    expected = [
        [uids[0], "article", "1-ddd", "1-eee", "1-fff"],
        [uids[1], "article", "1-ddd", "1-eee", "1-fff"],
        [uids[2], "['phone']", "1-ddd", "1-eee", "1-fff"],
    ]
    assert (status, found(rows)) == (1, sorted(expected))
    assert "3 documents are in conflict" in told
    assert all(revs.startswith("1-fff ") for _, _, revs in rows)
    status, rows, _ = run("--model", "testapp.CBArticle")
    assert (status, found(rows)) == (1, sorted(expected[:2]))
    assert run("--model", "testapp.CBAuthor")[:2] == (0, [])


def test_they_are_resolved(uids):
    push(uids[1], "fffa", "fff", title="odd")
    status, rows, told = run("--resolve", MERGE, "--dry-run")
    assert (status, len(rows), sorted(merged)) == (1, 3, sorted(uids[:2]))
    assert all(len(SyncGateway.get_leaves(uid)) == 3 for uid in uids)
    status, rows, told = run("--resolve", MERGE)
    assert (status, len(rows)) == (1, 3)
    assert f"{uids[1]}: not resolved: I cannot decide" in told
    assert f"{uids[2]}: not resolved: no class has documents" in told
    assert CBArticle.conflicts(uids[0]) == []
    assert CBArticle(uids[0]).tags == [f"{uids[0]} {rev}" for rev in ("fff", "eee", "ddd")]
    CBArticle.resolve_conflict(uids[1], winner="2-fffa")
    status, rows, told = run("--resolve", MERGE, "--model", "testapp.CBArticle")
    assert (status, rows) == (0, [])
    assert "No conflicts." in told


def test_trouble(gateway, monkeypatch):
    for args, message in (
        (["--resolve", "nowhere.merge"], "--resolve nowhere.merge: No module named 'nowhere'"),
        (["--resolve", f"{__name__}.MERGE"], "it is no function"),
        (["--model", "testapp.Bookmark"], "it is no document class"),
    ):
        status, rows, told = run(*args)
        assert (status, rows) == (2, [])
        assert message in told
    list_cb_conflicts.Command().handle()

    def fail(**kwargs):
        raise SyncGatewayUnavailable("It is down.")

    monkeypatch.setattr(SyncGateway, "changes", staticmethod(fail))
    assert run() == (2, [], "It is down.")


def test_many(gateway, monkeypatch):
    monkeypatch.setattr(list_cb_conflicts, "_BATCH", 3)
    uids = [f"atl_{secrets.token_hex(8)}" for _ in range(7)]
    for uid in uids:
        push(uid, "abc", title="a")
        push(uid, "abd", title="b")
    status, rows, _ = run("--resolve", MERGE)
    assert (status, sorted(uid for uid, *_ in rows)) == (0, sorted(uids))
    assert all(CBArticle(uid).tags == ["b", "a"] for uid in uids)
    assert run()[:2] == (0, [])


def test_by_functions_that_are_registered(uids, monkeypatch):
    monkeypatch.setattr(merges, "_registered", {})
    status, _, told = run("--model", "testapp.CBArticle", "--resolve")
    assert status == 1
    assert "no function is registered for CBArticle" in told
    register_merge(CBArticle)(merge)
    status, _, told = run("--model", "testapp.CBArticle", "--resolve")
    assert status == 0, told
    assert sorted(merged) == sorted(uids[:2])
