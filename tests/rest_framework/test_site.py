"""An API of documents around its documents: attachments, addresses, lists, pages."""

from __future__ import annotations

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from rest_framework import serializers

from django_cbtools.rest_framework import DocumentSerializer
from django_cbtools.rest_framework.addresses import part_of, uid_of
from django_cbtools.sync_gateway import SyncGateway
from tests.rest_framework.site import AuthorSerializer, Order, OrderSerializer, OrderViewSet, save
from tests.testapp.models import CBAuthor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest_framework.site")]


# --------------------------------------------------------------------- attachments


@pytest.fixture
def order():
    order = Order(title="a")
    order.attachments.add("a b/ü&.txt", b"0123456789", "text/plain")
    order.attachments.add("page.html", b"<script>", "text/html")
    order.save()
    return order


def body_of(answer):
    return b"".join(answer)


def test_attachments_are_links(api, order):
    data = api.get(f"/orders/{order.uid}/").json()
    by_name = {each["name"]: each for each in data["attachments"]}
    text = by_name["a b/ü&.txt"]
    assert (text["content_type"], text["length"]) == ("text/plain", 10)
    assert text["digest"] == order.attachments["a b/ü&.txt"].digest
    assert text["url"].startswith(f"http://testserver/orders/{order.uid}/attachment/?name=")
    assert data["extra"] == {}
    answer = api.get(text["url"], headers={"accept": "image/png"})
    assert (answer.status_code, body_of(answer)) == (200, b"0123456789")
    assert answer.headers["ETag"] == f'"{text["digest"]}"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    part = api.get(text["url"], headers={"range": "bytes=2-4"})
    assert (part.status_code, body_of(part)) == (206, b"234")
    assert api.head(text["url"]).headers["Content-Length"] == "10"
    page = api.get(by_name["page.html"]["url"])
    assert page.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in page.headers["Content-Security-Policy"]
    for url in (f"/orders/{order.uid}/attachment/", "/orders/nobody/attachment/?name=page.html"):
        assert api.get(url).status_code == 404
    assert api.post(text["url"]).status_code == 405
    # A serializer that does not show them has none.
    assert api.get(f"/channeled/{order.uid}/attachment/?name=page.html").status_code == 404
    # Another view's permissions hold for its own documents.
    assert api.get(f"/anns/{order.uid}/attachment/?name=page.html").status_code == 404


def test_names_that_have_no_address(api, order):
    document = SyncGateway.all_docs([order.uid])["rows"][0]["doc"]
    stub = {"content_type": 5, "data": "MQ=="}
    document["_attachments"]["../x"] = stub
    SyncGateway.save_json(order.uid, document)
    shown = api.get(f"/orders/{order.uid}/").json()["attachments"]
    assert [each["url"] for each in shown if each["name"] == "../x"] == [None]


def test_names_that_are_no_text(api):
    order = Order(title="a")
    order.extra["_attachments"] = {"\ud800": {"content_type": "a/b", "data": "MQ=="}}
    shown = OrderSerializer(order, context={"view": OrderViewSet(), "request": None}).data
    assert shown["attachments"][0]["url"] is None


def test_files_are_sent_and_shown(api):
    data = {"title": "a", "plan": SimpleUploadedFile("p.txt", b"plan"),
            "photo": SimpleUploadedFile("x.png", b"png", "image/png")}  # fmt: skip
    made = api.post("/orders/", data, format="multipart").json()
    order = Order(made["uid"])
    assert (order.plan.read(), order.photo.read()) == (b"plan", b"png")
    assert (made["photo"]["content_type"], made["photo"]["length"]) == ("image/png", 3)
    for url in (made["plan"], made["photo"]["url"]):
        assert "/attachment/?name=" in url
        assert api.get(url).status_code == 200
    # What is sent back as it was read is no file, and stays.
    url = f"/orders/{made['uid']}/"
    changed = api.put(url, {**made, "title": "b"}, format="json")
    assert changed.status_code == 200, changed.data
    assert Order(made["uid"]).plan.read() == b"plan"
    # The same name again is another file.
    again = {"plan": SimpleUploadedFile("p.txt", b"other")}
    assert api.patch(url, again, format="multipart").status_code == 200
    assert Order(made["uid"]).plan.read() == b"other"
    assert api.patch(url, {"photo": None}, format="json").status_code == 200
    assert Order(made["uid"]).photo is None


# ----------------------------------------------------------------------- addresses


ODD_UIDS = ["a/b", "a%2Fb", "a%b", "a.json", "ü ?#&=+;:@,'\"", "a\nb", "%", "5_2F", "//", "a."]


@pytest.mark.parametrize("uid", ODD_UIDS)
def test_uids_in_urls(api, uid):
    assert uid_of(part_of(uid)) == uid
    SyncGateway.save_json(uid, {"doc_type": "rest_order", "channels": ["c"], "title": "a"})
    url = reverse("channeled-detail", args=[part_of(uid)])
    answer = api.get(url)
    assert (answer.status_code, answer.json()["uid"]) == (200, uid)
    assert answer.json()["url"] == f"http://testserver{url}"
    assert api.patch(url, {"title": "b"}, format="json").json()["title"] == "b"
    assert api.delete(url).status_code == 204


def test_ordinary_uids_are_as_they_are(api):
    assert part_of("ord_x-1.y") == "ord_x-1.y"


# --------------------------------------------------------------------- lists, pages


def test_lists_are_rest_frameworks(api):
    for title in "abc":
        save(api, {"title": title, "color": "r" if title > "a" else "g", "tags": [title * 2]})
    first = api.get("/paged/").json()
    assert (first["count"], len(first["results"])) == (3, 2)
    assert len(api.get(first["next"]).json()["results"]) == 1
    assert api.get("/paged/?color=r").json()["count"] == 2
    assert api.get("/paged/?ordering=-title").json()["results"][0]["title"] == "c"
    assert api.get("/paged/?search=bb").json()["count"] == 1
    assert api.post("/paged/", {"title": "x"}, format="json").status_code == 405


def test_pages_for_people(api):
    made = save(api, {"title": "shown", "rows": [{"qty": 1}], "depot": {"city": "Oslo"}})
    for url in ("/orders/", f"/orders/{made['uid']}/"):
        page = api.get(url, headers={"accept": "text/html"})
        assert page.status_code == 200
        assert "<form" in page.content.decode()
    content = page.content.decode()
    assert 'name="depot.city"' in content
    assert made["rev"] in content
    # The form carries the revision that it was made from.
    form = {"title": "by form", "rev": made["rev"], "depot.city": "Rome"}
    assert api.put(f"/orders/{made['uid']}/", form, format="multipart").status_code == 200
    order = Order(made["uid"])
    assert (order.title, order.depot.city, len(order.rows)) == ("by form", "Rome", 1)
    stale = api.put(
        f"/orders/{made['uid']}/", form, format="multipart", headers={"accept": "text/html"}
    )
    assert stale.status_code == 409


def test_options(api, admin_user):
    api.force_authenticate(admin_user)
    made = save(api, {"title": "a", "depot": {"city": "Oslo", "next": {"city": "Rome"}}})
    told = api.options(f"/orders/{made['uid']}/").json()["actions"]["PUT"]
    assert told["rows"]["child"]["children"]["qty"]["required"]
    assert told["depot"]["children"]["next"]["children"] == {}


def test_forms_leave_alone_what_they_cannot_show(api):
    odd = {"title": ["a"], "number": "many", "depot": 5, "rows": [1], "amount": "abc"}
    SyncGateway.save_json("odd", {"doc_type": "rest_order", "channels": ["c"], **odd})
    page = api.get("/orders/odd/", headers={"accept": "text/html"}).content.decode()
    assert 'value="[&#x27;a&#x27;]"' in page
    form = {"title": "['a']", "number": "", "amount": "abc", "depot.uid": "", "depot.city": "",
            "depot.floor": "", "color": "r", "author": "", "at": ""}  # fmt: skip
    answer = api.put("/orders/odd/", form, format="multipart")
    assert answer.status_code == 200, answer.data
    stored = SyncGateway.all_docs(["odd"])["rows"][0]["doc"]
    assert (stored["color"], {key: stored[key] for key in odd}) == ("r", odd)
    form["depot.city"] = "Oslo"
    assert api.put("/orders/odd/", form, format="multipart").json()["depot"]["city"] == "Oslo"


# ----------------------------------------------------------------- related objects


class TellingSerializer(DocumentSerializer):
    """Shows an order's author in all the ways that REST framework has."""

    author_uid = serializers.ReadOnlyField()
    key = serializers.PrimaryKeyRelatedField(source="author", read_only=True)
    text = serializers.CharField(source="author", read_only=True)
    whole = AuthorSerializer(source="author", read_only=True)
    author = AuthorSerializer(read_only=True)

    class Meta:
        model = Order
        fields = ["uid", "author_uid", "key", "text", "whole", "author"]


def test_related_objects_are_nested():
    ann = CBAuthor.objects.create(name="Ann", channels=["c"])
    order = Order.objects.create(title="a", author=ann)
    shown = {"uid": ann.uid, "name": "Ann"}
    expected = {
        "uid": order.uid,
        "author_uid": ann.uid,
        "key": ann.uid,
        "text": str(ann),
        "whole": shown,
        "author": shown,
    }
    assert TellingSerializer(order).data == expected
    orders = Order.objects.select_related("author")
    assert TellingSerializer(orders, many=True).data == [expected]

    class DeepSerializer(DocumentSerializer):
        class Meta:
            model = Order
            fields = ["author"]
            depth = 1

    assert DeepSerializer(order).data["author"]["name"] == "Ann"


def test_a_related_object_that_is_gone():
    for key in ("nobody", None):
        order = Order.objects.create(title="a", author_uid=key)
        nothing = {"text": None, "whole": None, "author": None}
        expected = {"uid": order.uid, "author_uid": key, "key": key, **nothing}
        assert TellingSerializer(order).data == expected
