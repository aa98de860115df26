"""Documents in Django's admin, as a browser drives it: lists, and pages of one document."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.urls import reverse

from django_cbtools.admin import CouchbaseModelAdmin
from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import fields
from tests.admin.pages import LIST, ODD, stored, titles, told, url
from tests.admin.site import site
from tests.testapp.models import CBArticle, CBAuthor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.site")]


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


def test_a_value_of_another_type_is_shown_and_stays(boss):
    keys = {"doc_type": "article", "channels": ["c"], "year_published": "MMXX"}
    SyncGateway.save_json("1", keys)
    page = boss.get(url("change", CBArticle("1")))
    sent = fields(page, "cbarticle_form")
    assert sent["year_published"] == "MMXX"
    response = boss.post(page.wsgi_request.path, {**sent, "year_published": "MM"})
    assert "year_published" in response.context["adminform"].form.errors
    boss.post(page.wsgi_request.path, {**sent, "title": "Title"})
    assert stored("1")["title"] == "Title"
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
