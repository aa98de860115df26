"""Documents in Django's admin, as a browser drives it."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.urls import reverse

from django_cbtools.admin import CouchbaseModelAdmin
from django_cbtools.admin.checks import check_admins
from django_cbtools.admin.fields import ChannelsField
from django_cbtools.exceptions import SyncGatewayForbidden, SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway
from tests import programs
from tests.admin.browser import fields
from tests.admin.site import CBThread, site
from tests.gateway.access.client import ADMIN
from tests.testapp.models import Bookmark, CBArticle, CBAuthor, CBReview

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]

UTC = datetime.timezone.utc
LIST = "/admin/testapp/cbarticle/"
#: What an address must quote, and what HTML must.
ODD = "a/b_c%20'\"<i>&é\n?#;: [x]"


@pytest.fixture
def boss(client):
    client.force_login(get_user_model().objects.create_superuser("boss"))
    return client


@pytest.fixture
def articles():
    ann, bob = CBAuthor(uid="ann", name="Ann"), CBAuthor(uid="bob", name="Bob")
    made = [
        CBArticle(uid="1", title="Alpha", year_published=2019, is_draft=False, author=ann,
                  published=datetime.datetime(2019, 3, 1, 12, tzinfo=UTC)),
        CBArticle(uid="2", title="Beta", year_published=2020, author=bob,
                  published=datetime.datetime(2020, 4, 1, 12, tzinfo=UTC)),
        CBArticle(uid="3", title="Gamma", year_published=2021, author=bob),
        CBArticle(uid="4", title="Gone", st_deleted=True),
    ]  # fmt: skip
    for document in (ann, bob, *made):
        document.channels = ["c"]
    CBAuthor.objects.bulk_create([ann, bob])
    CBArticle.objects.bulk_create(made)
    return made


def url(page: str, document: Any) -> str:
    name = f"admin:{document._meta.app_label}_{document._meta.model_name}_{page}"
    return reverse(name, args=[admin.utils.quote(document.pk)])


def titles(response: Any) -> list[str]:
    return [document.title for document in response.context["cl"].result_list]


def stored(uid: str) -> dict[str, Any]:
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def told(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


# ------------------------------------------------------------------------ list


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "Alpha Beta Gamma"),
        ("o=-1", "Gamma Beta Alpha"),
        ("q=eta", "Beta"),
        ("q=bob", "Beta Gamma"),
        ("is_draft__exact=0", "Alpha"),
        ("author__uid__exact=bob", "Beta Gamma"),
        ("published__gte=2020-01-01 00:00:00%2B00:00", "Beta"),
        ("published__isnull=True", "Gamma"),
        ("published__year=2019", "Alpha"),
        ("published__year=2020&published__month=4", "Beta"),
        ("st_deleted=only", "Gone"),
        ("st_deleted=all", "Alpha Beta Gamma Gone"),
        ("st_deleted=no", "Alpha Beta Gamma"),
        ("_facets=True", "Alpha Beta Gamma"),
    ],
)
def test_the_list_filters_searches_and_orders(boss, articles, query, expected):
    response = boss.get(f"{LIST}?{query}")
    assert response.status_code == 200
    assert titles(response) == expected.split()


def test_the_list_shows_filters_and_the_hierarchy_of_dates(boss, articles):
    text = boss.get(LIST).content.decode()
    assert "By deleted" in text
    assert "By is draft" in text
    assert "?author__uid__exact=ann" in text
    assert "?published__year=2019" in text


def test_a_list_filter_by_name_is_the_filter_of_deleted_ones():
    class Filtered(CouchbaseModelAdmin):
        list_filter = ["st_deleted", "is_draft"]

    found = Filtered(CBArticle, site).get_list_filter(None)
    assert [getattr(item, "__name__", item) for item in found] == ["DeletedFilter", "is_draft"]


def test_list_editable_saves_the_rows_that_were_changed(boss, articles):
    sent = fields(boss.get(LIST), "changelist-form")
    rows = {sent[f"form-{row}-uid"]: f"form-{row}-year_published" for row in range(3)}
    sent[rows["2"]] = "1999"
    response = boss.post(LIST, {**sent, "_save": "Save"}, follow=True)
    assert told(response) == ["1 cb article was changed successfully."]
    assert stored("2")["year_published"] == 1999
    assert stored("2")["_rev"].startswith("2-")
    assert stored("1")["_rev"].startswith("1-")


# ------------------------------------------------------------------------ add, change


def test_adding(boss):
    page = boss.get(reverse("admin:testapp_cbarticle_add"))
    sent = {**fields(page, "cbarticle_form"), "title": "New", "channels": "a, b\r\nc\r\n\r\na"}
    assert "uid" not in page.context["adminform"].fieldsets[0][1]["fields"]
    response = boss.post(page.wsgi_request.path, sent, follow=True)
    (made,) = CBArticle.objects.all()
    assert made.title == "New"
    assert made.channels == ["a", "b", "c"]
    assert made.uid.startswith("atl_")
    assert made.created is not None
    assert "was added successfully" in told(response)[0]


@pytest.mark.parametrize(
    ("channels", "error"),
    [
        ("", "A document is in one channel at least"),
        (" ,\r\n ", "A document is in one channel at least"),
        ("a\x00b", "cannot be the name of a channel"),
    ],
)
def test_channels_are_checked(boss, channels, error):
    page = boss.get(reverse("admin:testapp_cbarticle_add"))
    sent = {**fields(page, "cbarticle_form"), "title": "New", "channels": channels}
    response = boss.post(page.wsgi_request.path, sent)
    assert error in str(response.context["adminform"].form.errors["channels"])
    assert not CBArticle.all_objects.exists()


def test_changing_writes_what_was_changed_and_nothing_else(boss):
    document = {
        "doc_type": "article",
        "channels": [" spaced ", "c"],
        "title": "Before",
        "price": "9.5",
        "published": "2020-01-01T00:00:00.123456Z",
        "details": {"b": 1, "a": [1.0]},
        "colour": "<b>red</b>",
    }
    SyncGateway.save_json("1", document)
    page = boss.get(url("change", CBArticle("1")))
    text = page.content.decode()
    assert "&lt;b&gt;red&lt;/b&gt;" in text
    assert "<b>red" not in text
    for shown in ("field-uid", "field-rev", "field-created", "field-updated", "field-extra"):
        assert shown in text
    sent = {**fields(page, "cbarticle_form"), "title": "After"}
    response = boss.post(page.wsgi_request.path, sent, follow=True)
    assert "was changed successfully" in told(response)[0]
    now = stored("1")
    assert {key: now[key] for key in document} == {**document, "title": "After"}
    (entry,) = LogEntry.objects.all()
    assert entry.get_change_message() == "Changed Title."


def test_channels_are_changed(boss, articles):
    page = boss.get(url("change", articles[0]))
    sent = fields(page, "cbarticle_form")
    assert sent["channels"] == "c"
    boss.post(page.wsgi_request.path, {**sent, "channels": "d\r\nc"})
    assert stored("1")["channels"] == ["d", "c"]
    assert LogEntry.objects.get().get_change_message() == "Changed Channels."


def test_a_value_of_another_type_is_shown_and_has_to_be_put_right(boss):
    SyncGateway.save_json("1", {"doc_type": "article", "channels": "c", "year_published": "MMXX"})
    page = boss.get(url("change", CBArticle("1")))
    sent = fields(page, "cbarticle_form")
    assert sent["year_published"] == "MMXX"
    response = boss.post(page.wsgi_request.path, sent)
    assert "year_published" in response.context["adminform"].form.errors
    assert stored("1")["year_published"] == "MMXX"


def test_uids_of_all_kinds_are_in_addresses_and_logs(boss):
    CBArticle(uid=ODD, title="Odd", channels=["c"]).save()
    page = boss.get(boss.get(LIST).context["cl"].url_for_result(CBArticle(ODD)))
    sent = {**fields(page, "cbarticle_form"), "title": "Odder"}
    boss.post(page.wsgi_request.path, sent)
    assert stored(ODD)["title"] == "Odder"
    (entry,) = LogEntry.objects.all()
    assert entry.object_id == ODD
    assert entry.get_edited_object() == CBArticle(ODD)
    assert entry.content_type.model_class() is CBArticle
    assert boss.get(entry.get_admin_url()).context["original"].uid == ODD
    history = boss.get(url("history", CBArticle(ODD)))
    assert "Changed Title." in history.content.decode()
    assert "<i>" not in history.content.decode()
    boss.post(url("delete", CBArticle(ODD)), {"post": "yes"})
    assert stored(ODD)["st_deleted"] is True
    boss.post(url("undelete", CBArticle(ODD)))
    assert stored(ODD)["st_deleted"] is False


def test_a_document_that_is_not_there(boss):
    for page in ("change", "delete", "history"):
        response = boss.get(f"{LIST}nobody/{page}/", follow=True)
        assert "Perhaps it was deleted?" in told(response)[0]
    response = boss.post(f"{LIST}nobody/undelete/", follow=True)
    assert "Perhaps it was deleted?" in told(response)[0]


def test_an_article_stays_with_an_author_who_is_deleted(boss, articles):
    CBAuthor("ann").delete()
    page = boss.get(url("change", articles[0]))
    sent = {**fields(page, "cbarticle_form"), "title": "After"}
    boss.post(page.wsgi_request.path, sent)
    assert stored("1")["title"] == "After"
    assert stored("1")["author_uid"] == "ann"
    options = page.context["adminform"].form.fields["author"].queryset
    assert [author.uid for author in options.order_by("uid")] == ["ann", "bob"]
    other = boss.get(url("change", articles[1])).context["adminform"].form
    assert [author.uid for author in other.fields["author"].queryset] == ["bob"]


def test_a_relation_to_nothing_stays_unless_another_is_chosen(boss, articles):
    CBArticle(uid="5", title="Orphan", author_uid="nobody", channels=["c"]).save()
    page = boss.get(url("change", CBArticle("5")))
    sent = {**fields(page, "cbarticle_form"), "title": "Still"}
    boss.post(page.wsgi_request.path, sent)
    assert (stored("5")["title"], stored("5")["author_uid"]) == ("Still", "nobody")
    sent = fields(boss.get(page.wsgi_request.path), "cbarticle_form")
    boss.post(page.wsgi_request.path, {**sent, "author": "bob"})
    assert stored("5")["author_uid"] == "bob"
    sent = fields(boss.get(page.wsgi_request.path), "cbarticle_form")
    boss.post(page.wsgi_request.path, {**sent, "author": ""})
    assert stored("5")["author_uid"] is None


# ------------------------------------------------------------------------ deleting


def test_deleting_is_soft_and_undone(boss, articles):
    page = boss.get(url("delete", articles[0]))
    assert "This can be undone" in page.content.decode()
    response = boss.post(url("delete", articles[0]), {"post": "yes"}, follow=True)
    assert "was deleted successfully" in told(response)[0]
    assert titles(response) == ["Beta", "Gamma"]
    assert stored("1")["st_deleted"] is True
    page = boss.get(url("change", articles[0]))
    text = page.content.decode()
    assert "This cb article is deleted" in text
    assert 'class="deletelink"' not in text
    assert "<td>Deleted.</td>" in boss.get(url("history", articles[0])).content.decode()
    undelete = fields(page, "undelete_form")
    response = boss.post(url("undelete", articles[0]), undelete, follow=True)
    assert "was undeleted successfully" in told(response)[0]
    assert "This cb article is deleted" not in response.content.decode()
    assert stored("1")["st_deleted"] is False
    flags = LogEntry.objects.order_by("pk").values_list("action_flag", flat=True)
    assert list(flags) == [3, 2]
    assert "<td>Undeleted.</td>" in boss.get(url("history", articles[0])).content.decode()


def test_undeleting_is_by_post(boss, articles):
    assert boss.get(url("undelete", articles[3])).status_code == 405
    assert stored("4")["st_deleted"] is True


def test_undeleting_needs_a_token(client, articles):
    client.handler.enforce_csrf_checks = True
    client.force_login(get_user_model().objects.create_superuser("boss"))
    assert client.post(url("undelete", articles[3])).status_code == 403
    assert stored("4")["st_deleted"] is True


def test_bulk_delete_and_undelete(boss, articles):
    sent = {"action": "delete_selected", "_selected_action": ["1", "2"]}
    page = boss.post(LIST, sent)
    assert "This can be undone" in page.content.decode()
    assert stored("1")["st_deleted"] is False
    response = boss.post(LIST, {**sent, "post": "yes"}, follow=True)
    assert told(response) == ["Successfully deleted 2 cb articles."]
    assert titles(response) == ["Gamma"]
    sent = {"action": "undelete_selected", "_selected_action": ["1", "2", "3"]}
    response = boss.post(f"{LIST}?st_deleted=all", sent, follow=True)
    assert told(response) == ["Successfully undeleted 2 cb articles."]
    assert titles(boss.get(LIST)) == ["Alpha", "Beta", "Gamma"]
    assert stored("3")["_rev"].startswith("1-")
    assert LogEntry.objects.count() == 4


def test_bulk_actions_tell_which_documents_were_refused(boss, articles):
    """The gateway has them in no channel, so that the model does not save them."""
    for uid in ("2", "4"):
        SyncGateway.save_json(uid, {**stored(uid), "channels": []})
    sent = {"action": "delete_selected", "_selected_action": ["1", "2"], "post": "yes"}
    response = boss.post(LIST, sent, follow=True)
    assert told(response) == [
        "Successfully deleted 1 cb article.",
        "CBArticle document 2: Empty channels list can not be saved",
    ]
    assert [stored(uid)["st_deleted"] for uid in "12"] == [True, False]
    assert LogEntry.objects.get().object_id == "1"
    sent = {"action": "undelete_selected", "_selected_action": ["1", "4"]}
    response = boss.post(f"{LIST}?st_deleted=only", sent, follow=True)
    assert told(response) == [
        "Successfully undeleted 1 cb article.",
        "CBArticle document 4: Empty channels list can not be saved",
    ]
    assert [stored(uid)["st_deleted"] for uid in "14"] == [False, True]
    assert list(LogEntry.objects.values_list("object_id", flat=True)) == ["1", "1"]


def test_a_number_that_no_gateway_takes_stops_no_others(boss, articles):
    body = {**stored("2"), "n": "1e400"}
    del body["_id"]
    status, _ = ADMIN.put("test_documents/2", json.dumps(body).replace('"1e400"', "1e400"))
    assert status == 201
    sent = {"action": "delete_selected", "_selected_action": ["1", "2", "3"], "post": "yes"}
    response = boss.post(LIST, sent, follow=True)
    assert told(response) == [
        "Successfully deleted 2 cb articles.",
        "CBArticle document 2: This cannot be sent as JSON: n is out of range.",
    ]
    assert titles(response) == ["Beta"]
    assert sorted(LogEntry.objects.values_list("object_id", flat=True)) == ["1", "3"]
    response = boss.post(LIST, {**sent, "_selected_action": ["2"]}, follow=True)
    assert told(response) == [
        "CBArticle document 2: This cannot be sent as JSON: n is out of range."
    ]
    assert LogEntry.objects.count() == 2


def test_the_page_that_asks_lists_what_is_deleted(boss, articles):
    thread = [CBThread(uid="t", channels=["c"]), CBThread(uid="u", channels=["c"], parent_uid="t")]
    CBThread.objects.bulk_create(
        [*thread, CBThread(uid="v", parent_uid="t", st_deleted=True, channels=["c"])]
    )
    page = boss.get("/admin/testapp/cbthread/t/delete/")
    assert page.context["deleted_objects"][0] == (
        'Cb thread: <a href="/admin/testapp/cbthread/t/change/">&lt;t&gt;</a>'
    )
    assert len(page.context["deleted_objects"][1]) == 1
    assert dict(page.context["model_count"]) == {"cb threads": 2}
    boss.post("/admin/testapp/cbthread/t/delete/", {"post": "yes"})
    assert not CBThread.objects.exists()


def test_ordinary_rows_are_not_deleted_with_a_document_that_can_come_back(
    boss, articles, monkeypatch
):
    relation = Bookmark._meta.get_field("article").remote_field
    monkeypatch.setattr(relation, "on_delete", models.CASCADE)
    Bookmark.objects.create(article=articles[0], note="stays")
    page = boss.get(url("delete", articles[0]))
    assert dict(page.context["model_count"]) == {"cb articles": 1}
    boss.post(url("delete", articles[0]), {"post": "yes"})
    assert Bookmark.objects.get().note == "stays"


# ------------------------------------------------------------------------ relations


def test_autocomplete(boss, articles):
    assert "admin-autocomplete" in boss.get("/admin/testapp/cbreview/add/").content.decode()
    CBAuthor("bob").delete()
    asked = {"app_label": "testapp", "model_name": "cbreview", "field_name": "author"}
    found = boss.get("/admin/autocomplete/", {**asked, "term": "AN"}).json()
    assert [row["id"] for row in found["results"]] == ["ann"]
    found = boss.get("/admin/autocomplete/", asked).json()
    assert [row["id"] for row in found["results"]] == ["ann"]


def test_autocomplete_saves(boss, articles):
    CBReview(uid="r", title="Nice", author_uid="ann", year_published=1, channels=["c"]).save()
    page = boss.get(url("change", CBReview("r")))
    sent = fields(page, "cbreview_form")
    assert sent["author"] == "ann"
    boss.post(page.wsgi_request.path, {**sent, "author": "bob"})
    assert stored("r")["author_uid"] == "bob"
    assert stored("r")["channels"] == ["c"]


def test_an_ordinary_model_chooses_documents(boss, articles):
    page = boss.get("/admin/testapp/bookmark/add/")
    sent = {**fields(page, "bookmark_form"), "article": "2", "note": "n"}
    boss.post("/admin/testapp/bookmark/add/", sent)
    bookmark = Bookmark.objects.get()
    assert bookmark.article == articles[1]
    assert url("change", articles[1]) in boss.get(url("change", bookmark)).content.decode()


def test_inlines_of_ordinary_models(boss, articles):
    page = boss.get(url("change", articles[0]))
    (prefix,) = [
        name.removesuffix("-TOTAL_FORMS")
        for name in fields(page, "cbarticle_form")
        if name.endswith("-TOTAL_FORMS")
    ]
    sent = {**fields(page, "cbarticle_form"), f"{prefix}-0-note": "read me"}
    boss.post(page.wsgi_request.path, sent)
    assert Bookmark.objects.get().article_uid == "1"
    assert 'value="read me"' in boss.get(page.wsgi_request.path).content.decode()


def test_inlines_of_documents(boss, articles):
    page = boss.get("/admin/testapp/cbauthor/ann/change/")
    sent = fields(page, "cbauthor_form")
    assert (sent["articles-0-title"], sent["articles-0-channels"]) == ("Alpha", "c")
    sent |= {"articles-0-title": "Alef", "articles-1-title": "New", "articles-1-channels": "d"}
    boss.post(page.wsgi_request.path, sent)
    assert stored("1")["title"] == "Alef"
    assert stored("1")["year_published"] == 2019
    new = CBArticle.objects.get(title="New")
    assert (new.author_uid, new.channels) == ("ann", ["d"])
    sent = fields(boss.get(page.wsgi_request.path), "cbauthor_form")
    boss.post(page.wsgi_request.path, {**sent, "articles-0-DELETE": "on"})
    assert [stored("1")["st_deleted"], CBArticle.objects.filter(author="ann").count()] == [True, 1]


# ------------------------------------------------------------------------ failures


@pytest.mark.parametrize("error", [SyncGatewayForbidden, SyncGatewayUnavailable])
def test_what_the_gateway_refuses_is_told_in_the_form(boss, articles, monkeypatch, error):
    def refuse(document: Any) -> None:
        raise error("The gateway says <no>.", uid=getattr(document, "uid", None))

    page = boss.get(url("change", articles[0]))
    sent = {**fields(page, "cbarticle_form"), "title": "Mine"}
    rows = fields(boss.get(LIST), "changelist-form")
    monkeypatch.setattr(SyncGateway, "save_document", staticmethod(refuse))
    monkeypatch.setattr(SyncGateway, "save_documents", staticmethod(refuse))
    response = boss.post(page.wsgi_request.path, sent)
    assert "The gateway says &lt;no&gt;." in response.content.decode()
    assert fields(response, "cbarticle_form")["title"] == "Mine"
    response = boss.post(LIST, {**rows, "form-0-year_published": "1", "_save": "Save"})
    assert "The gateway says &lt;no&gt;." in response.content.decode()
    assert fields(response, "changelist-form")["form-0-year_published"] == "1"
    response = boss.post(url("delete", articles[0]), {"post": "yes"}, follow=True)
    assert told(response) == ["CBArticle document 1: The gateway says <no>."]
    response = boss.post(url("undelete", articles[3]), follow=True)
    assert told(response) == ["CBArticle document 4: The gateway says <no>."]
    action = {"action": "undelete_selected", "_selected_action": ["4"]}
    response = boss.post(f"{LIST}?st_deleted=only", action, follow=True)
    assert told(response) == ["The gateway says <no>."]
    assert not LogEntry.objects.exists()


def test_a_form_without_channels_tells_that_there_are_none(boss, monkeypatch):
    monkeypatch.setattr(site._registry[CBArticle], "fields", ["title"])
    page = boss.get("/admin/testapp/cbarticle/add/")
    sent = {**fields(page, "cbarticle_form"), "title": "New"}
    assert "channels" not in sent
    response = boss.post("/admin/testapp/cbarticle/add/", sent)
    assert "Empty channels list can not be saved" in response.content.decode()


# ------------------------------------------------------------------------ setup


def test_content_types_are_found_by_document():
    assert ContentType.objects.get_for_model(CBArticle).model_class() is CBArticle


def test_checks_know_the_admins_of_documents():
    assert site.check(None) == []
    before = check_admins(None)  # of what other tests declare
    assert not [found for found in before if "tests.admin.site" in found.msg]
    plain = admin.AdminSite(name="plain")
    plain.register(CBArticle)
    (found,) = (found for found in check_admins(None) if found not in before)
    assert (found.id, found.obj) == ("cbtools.W010", CBArticle)
    assert "django.contrib.admin.options.ModelAdmin, for testapp.CBArticle" in found.msg


def test_channels_of_another_type_are_shown():
    assert ChannelsField().prepare_value("c") == "c"
    assert not ChannelsField().has_changed("c", "c")
    assert ChannelsField().has_changed(None, "c")
    assert not ChannelsField().has_changed(["a", "b"], "a\r\nb")


def test_documents_in_a_database_of_their_own():
    assert programs.run("-W", "error", "-m", "tests.admin.apart") == "done\n"
