"""The history of a document in the admin: what was done there, and the gateway's revisions."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth import get_user_model

from django_cbtools.admin.history import history
from django_cbtools.exceptions import SyncGatewayNotFound, SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.testapp.models import CBArticle

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]

UID = "a/1"
CHANGE = "/admin/testapp/cbarticle/a_2F1/change/"
HISTORY = "/admin/testapp/cbarticle/a_2F1/history/"


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture(autouse=True)
def revs():
    """Three revisions of a document, oldest first."""
    document: dict[str, Any] = {"doc_type": "article", "channels": ["c"], "title": "One"}
    revs = []
    for change in ({}, {"title": "<Two>"}, {"tags": ["x"], "details": {"a": 1}}):
        document = {**document, **change}
        if revs:
            document["_rev"] = revs[-1]
        revs.append(SyncGateway.save_json(UID, document).json()["rev"])
    return revs


def test_revisions_are_shown_with_what_they_changed(revs):
    third, second, first = history(CBArticle, UID, 20)
    assert [third["rev"], second["rev"], first["rev"]] == revs[::-1]
    assert second == {
        "rev": revs[1],
        "is_kept": True,
        "is_whole": False,
        "time": None,
        "changes": [{"key": "title", "before": "One", "after": "<Two>"}],
    }
    assert third["changes"] == [
        {"key": "details", "before": "", "after": '{\n "a": 1\n}'},
        {"key": "tags", "before": "", "after": '[\n "x"\n]'},
    ]
    assert [row["key"] for row in first["changes"]] == ["channels", "doc_type", "title"]
    assert not first["is_whole"]


def test_times_are_those_that_are_told():
    at = ["2024-01-02T03:04:05+00:00", "2024-01-02T03:04:05+00:00", "2024-02-03T04:05:06Z", 5]
    rev = None
    for number, updated in enumerate(at):
        document = {"doc_type": "article", "channels": ["c"], "n": number, "updated": updated}
        if rev:
            document["_rev"] = rev
        rev = SyncGateway.save_json("t", document).json()["rev"]
    found = history(CBArticle, "t", 20)
    assert [each["time"] and each["time"].isoformat() for each in reversed(found)] == [
        "2024-01-02T03:04:05+00:00", None, "2024-02-03T04:05:06+00:00", None,
    ]  # fmt: skip
    assert [[row["key"] for row in each["changes"]] for each in found[:3]] == [["n"]] * 3


def test_what_is_no_longer_kept_is_said_to_be_so(revs, monkeypatch):
    monkeypatch.setattr(
        "django_cbtools.embedded.documents.documents.oldest_kept", lambda database: 1 << 40
    )
    third, second, first = history(CBArticle, UID, 20)
    assert (second["is_kept"], second["changes"]) == (False, [])
    assert (first["is_kept"], first["changes"]) == (False, [])
    assert third["is_whole"]
    assert [row["key"] for row in third["changes"]] == [
        "channels", "details", "doc_type", "tags", "title",
    ]  # fmt: skip


def test_as_many_as_are_asked_for(revs):
    third, second = history(CBArticle, UID, 2)
    assert [third["rev"], second["rev"]] == revs[:0:-1]
    assert second["is_whole"]


def test_the_revisions_of_no_document():
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_revisions("nobody")


def test_the_page_shows_both(boss, revs):
    boss.post(CHANGE, {**fields(boss.get(CHANGE), "cbarticle_form"), "title": "Four"})
    text = boss.get(HISTORY).content.decode()
    assert "Changed Title." in text
    for rev in revs:
        assert rev in text
    assert "&lt;Two&gt;" in text
    assert "<Two>" not in text
    assert "no longer kept" not in text


def test_the_page_says_what_is_no_longer_kept(boss, revs, monkeypatch):
    monkeypatch.setattr(
        "django_cbtools.embedded.documents.documents.oldest_kept", lambda database: 1 << 40
    )
    text = boss.get(HISTORY).content.decode()
    assert text.count("no longer kept") == 3
    assert "All of it" in text


def test_a_gateway_that_does_not_answer(boss, monkeypatch):
    def fail(uid: str, limit: int) -> None:
        raise SyncGatewayUnavailable("No answer from <there>.")

    monkeypatch.setattr(SyncGateway, "get_revisions", staticmethod(fail))
    assert "No answer from &lt;there&gt;." in boss.get(HISTORY).content.decode()
