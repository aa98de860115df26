"""A document that a phone saves while somebody has it open in the admin."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model

from django_cbtools.sync_gateway import SyncGateway, SyncGatewayConflict
from tests.admin.browser import fields
from tests.admin.site import ArticleAdmin
from tests.testapp.models import CBArticle, CBAuthor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]

LIST = "/admin/testapp/cbarticle/"
CHANGE = f"{LIST}1/change/"
FORM = "cbarticle_form"


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture(autouse=True)
def article():
    published = datetime.datetime(2020, 1, 1, 12, tzinfo=datetime.timezone.utc)
    article = CBArticle(uid="1", title="Base", published=published, channels=["c"], price="9.5")
    article.save()
    return article


def phone_saves(uid: str = "1", **changes: Any) -> None:
    """Somebody else writes the document."""
    document = stored(uid)
    SyncGateway.save_json(uid, {**document, **changes})


def stored(uid: str = "1") -> dict[str, Any]:
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def versions(response: Any) -> str:
    """What the form's error says, in one line."""
    (error,) = response.context["adminform"].form.non_field_errors()
    return " ".join(error.split())


def test_nothing_is_overwritten_and_both_versions_are_shown(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine <i>", "year_published": "2000"}
    phone_saves(title="Theirs <b>", is_draft=False, colour="red")
    before = stored()
    response = boss.post(CHANGE, sent)
    assert stored() == before
    assert not LogEntry.objects.exists()
    text = response.content.decode()
    assert "Somebody else has changed this cb article" in text
    assert "<b>" not in text.replace("<b>Filter", "")
    error = versions(response)
    assert "Title</a></th><td>Mine &lt;i&gt;</td><td>Theirs &lt;b&gt;</td>" in error
    for label in ("Year published", "Is draft", "Published"):
        assert label not in error


def test_saving_again_goes_on_from_what_is_stored(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine", "channels": "c\r\nd"}
    phone_saves(title="Theirs", is_draft=False, price="10", tags=["x"], colour="red")
    again = fields(boss.post(CHANGE, sent), FORM)
    assert again["title"] == "Mine"
    assert "is_draft" not in again
    assert boss.post(CHANGE, again).status_code == 302
    now = stored()
    assert now["title"] == "Mine"
    assert now["channels"] == ["c", "d"]
    assert (now["is_draft"], now["price"], now["tags"], now["colour"]) == (
        False, "10", ["x"], "red",
    )  # fmt: skip
    assert now["published"] == "2020-01-01T12:00:00+00:00"


def test_taking_over_what_is_stored(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine"}
    phone_saves(title="Theirs")
    again = fields(boss.post(CHANGE, sent), FORM)
    assert boss.post(CHANGE, {**again, "take": ["title"]}).status_code == 302
    assert stored()["title"] == "Theirs"
    assert stored()["_rev"].startswith("2-")


def test_a_second_conflict_is_one_too(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine"}
    phone_saves(title="Theirs")
    again = fields(boss.post(CHANGE, sent), FORM)
    phone_saves(title="Theirs again", year_published=1)
    response = boss.post(CHANGE, again)
    assert "Theirs again" in versions(response)
    last = fields(response, FORM)
    assert (last["title"], last["year_published"]) == ("Mine", "1")
    boss.post(CHANGE, last)
    assert (stored()["title"], stored()["year_published"]) == ("Mine", 1)


def test_what_only_one_has_changed_is_merged(boss):
    sent = fields(boss.get(CHANGE), FORM)
    phone_saves(title="Theirs")
    assert boss.post(CHANGE, sent).status_code == 302
    assert stored()["_rev"].startswith("2-")
    assert boss.post(CHANGE, {**sent, "year_published": "2000"}).status_code == 302
    assert (stored()["title"], stored()["year_published"]) == ("Theirs", 2000)


def test_both_have_made_the_same_change(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Same"}
    phone_saves(title="Same", colour="red")
    assert boss.post(CHANGE, sent).status_code == 302
    assert (stored()["title"], stored()["colour"]) == ("Same", "red")


def test_other_errors_come_first(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "x" * 99}
    phone_saves(title="Theirs")
    response = boss.post(CHANGE, sent)
    assert list(response.context["adminform"].form.errors) == ["title"]
    again = {**fields(response, FORM), "title": "Mine"}
    assert "Theirs" in versions(boss.post(CHANGE, again))


def test_a_phone_has_deleted_it(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine"}
    phone_saves(st_deleted=True)
    response = boss.post(CHANGE, sent)
    assert "It has been deleted meanwhile." in versions(response)
    boss.post(CHANGE, fields(response, FORM))
    assert (stored()["title"], stored()["st_deleted"]) == ("Mine", True)


@pytest.mark.parametrize(("theirs", "status"), [({"title": "Theirs"}, 200), ({"tags": ["x"]}, 302)])
def test_a_rival_between_the_check_and_the_save(boss, monkeypatch, theirs, status):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine"}
    save, get_object = SyncGateway.save_document, ArticleAdmin.get_object

    def refuse(document: Any) -> None:
        monkeypatch.setattr(SyncGateway, "save_document", staticmethod(save))
        monkeypatch.setattr(ArticleAdmin, "get_object", get_object_of_the_phone)
        raise SyncGatewayConflict("Document update conflict", uid="1")

    def get_object_of_the_phone(*args: Any) -> Any:
        phone_saves(**theirs)
        return get_object(*args)

    monkeypatch.setattr(SyncGateway, "save_document", staticmethod(refuse))
    response = boss.post(CHANGE, sent)
    assert response.status_code == status
    assert {key: stored()[key] for key in theirs} == theirs
    assert stored()["title"] == ("Mine" if status == 302 else "Theirs")


def test_a_form_that_is_sent_twice_is_saved_once(boss):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine"}
    new = {**fields(boss.get(f"{LIST}add/"), FORM), "title": "New", "channels": "c"}
    for _ in range(2):
        assert boss.post(CHANGE, sent).status_code == 302
        assert boss.post(f"{LIST}add/", new).status_code == 302
    assert stored()["_rev"].startswith("2-")
    assert [article.rev[:2] for article in CBArticle.objects.filter(title="New")] == ["1-"]
    assert boss.post(f"{LIST}add/", {**new, "title": "Newer"}).status_code == 302
    assert CBArticle.objects.count() == 3


@pytest.mark.parametrize("revision", [None, "", "null", "[]", "{", '{"rev": "1-x"}'])
def test_a_form_that_does_not_say_its_revision_is_refused(boss, revision):
    sent = {**fields(boss.get(CHANGE), FORM), "title": "Mine"}
    del sent["revision"]
    response = boss.post(CHANGE, sent if revision is None else {**sent, "revision": revision})
    assert response.status_code == 200
    assert response.context["adminform"].form.errors
    assert stored()["title"] == "Base"


def test_a_row_of_the_list(boss):
    CBArticle(uid="2", title="Other", channels=["c"]).save()
    sent = fields(boss.get(LIST), "changelist-form")
    rows = {sent[f"form-{row}-uid"]: row for row in range(2)}
    sent[f"form-{rows['1']}-year_published"] = "1999"
    phone_saves("1", year_published=2001)
    phone_saves("2", year_published=2002)
    response = boss.post(LIST, {**sent, "_save": "Save"})
    assert "Somebody else has changed this cb article" in response.content.decode()
    assert [stored(uid)["year_published"] for uid in "12"] == [2001, 2002]
    again = fields(response, "changelist-form")
    assert again[f"form-{rows['1']}-year_published"] == "1999"
    boss.post(LIST, {**again, "_save": "Save"})
    assert [stored(uid)["year_published"] for uid in "12"] == [1999, 2002]


def test_rows_that_were_not_changed_are_left_alone(boss):
    CBArticle(uid="2", title="Other", channels=["c"]).save()
    sent = fields(boss.get(LIST), "changelist-form")
    rows = {sent[f"form-{row}-uid"]: row for row in range(2)}
    sent[f"form-{rows['1']}-year_published"] = "1999"
    phone_saves("2", year_published=2002)
    response = boss.post(LIST, {**sent, "_save": "Save"}, follow=True)
    assert [str(m) for m in response.context["messages"]] == [
        "1 cb article was changed successfully."
    ]
    assert [stored(uid)["year_published"] for uid in "12"] == [1999, 2002]
    assert stored("2")["_rev"].startswith("2-")


def test_an_inline(boss):
    CBAuthor(uid="ann", name="Ann", channels=["c"]).save()
    phone_saves(author_uid="ann")
    page = "/admin/testapp/cbauthor/ann/change/"
    sent = {**fields(boss.get(page), "cbauthor_form"), "articles-0-title": "Mine"}
    phone_saves(title="Theirs")
    response = boss.post(page, sent)
    assert "Theirs" in response.content.decode()
    assert stored()["title"] == "Theirs"
    boss.post(page, fields(response, "cbauthor_form"))
    assert stored()["title"] == "Mine"
