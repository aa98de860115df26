"""Two clients of one document: ETags, preconditions, conflicts."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured
from rest_framework.test import APIClient

from django_cbtools.models.writing import versions
from django_cbtools.signals import cb_pre_save
from django_cbtools.sync_gateway import SyncGateway
from tests.rest_framework.site import Order, save
from tests.testapp.models import CBAuthor

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest_framework.site")]


def address(data, base="/orders/"):
    return f"{base}{data['uid']}/"


def json_of(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def test_answers_have_etags(api):
    made = api.post("/orders/", {"title": "a"}, format="json")
    url = address(made.data)
    assert made.headers["ETag"] == f'"{Order(made.data["uid"]).rev}"' == f'"{made.data["rev"]}"'
    assert made.headers["Location"] == f"http://testserver{url}"
    assert api.get(url).headers["ETag"] == made.headers["ETag"]
    assert api.head(url).headers["ETag"] == made.headers["ETag"]
    changed = api.patch(url, {"title": "b"}, format="json")
    assert changed.headers["ETag"] == f'"{Order(made.data["uid"]).rev}"' != made.headers["ETag"]
    assert api.get(url).headers["ETag"] == changed.headers["ETag"]
    assert "ETag" not in api.get("/orders/").headers
    assert "ETag" not in api.delete(url).headers


def send(api, method, url, **headers):
    return getattr(api, method)(url, {"title": "theirs"}, format="json", headers=headers)


@pytest.mark.parametrize("method", ["put", "patch", "delete"])
def test_one_client_is_stale(api, method):
    made = save(api, {"title": "a"})
    ours, theirs = APIClient(), APIClient()
    url, read = address(made), f'"{made["rev"]}"'
    answer = ours.patch(url, {"title": "ours"}, format="json", headers={"If-Match": read})
    assert answer.status_code == 200
    stale = send(theirs, method, url, **{"If-Match": read})
    assert stale.status_code == 412
    assert stale.headers["ETag"] == stale.json()["etag"] == answer.headers["ETag"]
    assert stale.json()["current"] == answer.json()
    assert "Apply the change" in stale.json()["detail"]
    assert Order(made["uid"]).title == "ours"
    again = send(theirs, method, url, **{"If-Match": stale.json()["etag"]})
    assert again.status_code == (204 if method == "delete" else 200)


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 200),
        ('"1-a", {}', 200),
        ('"1-a" ,{},"2-b"', 200),
        ("{}", 200),
        ("W/{}", 412),  # weak ETags are not for this
        ('"1-a", W/{}', 412),
        ('"1-a"', 412),
        ("1-a", 412),
        ("", 412),
    ],
)
def test_if_match(api, header, status):
    made = save(api, {"title": "a"})
    value = header.format(f'"{made["rev"]}"')
    assert send(api, "put", address(made), **{"If-Match": value}).status_code == status


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("*", 304),
        ("{}", 304),
        ("W/{}", 304),
        ('"1-a", W/{}', 304),
        ('"1-a"', 200),
        ("1-a", 200),
    ],
)
def test_if_none_match(api, header, status):
    made = save(api, {"title": "a"})
    headers = {"If-None-Match": header.format(f'"{made["rev"]}"')}
    answer = api.get(address(made), headers=headers)
    assert (answer.status_code, bool(answer.content)) == (status, status == 200)
    assert answer.headers["ETag"] == f'"{made["rev"]}"'
    page = api.get(address(made), headers={**headers, "accept": "text/html"})
    assert (page.status_code, "ETag" in page.headers) == (200, False)
    # Who changes something with it wants it to be another one.
    assert send(api, "put", address(made), **headers).status_code == (412 if status == 304 else 200)


def test_a_save_that_meets_another(api):
    made = save(api, {"title": "a"})

    def overtake(instance, **kwargs):
        cb_pre_save.disconnect(overtake)
        document = json_of(instance.uid)
        SyncGateway.save_json(instance.uid, {**document, "title": "phone"})

    for method in ("put", "delete"):
        cb_pre_save.connect(overtake)
        answer = send(api, method, address(made), **{"If-Match": "*"})
        assert answer.status_code == 409
        assert answer.json()["current"]["title"] == "phone"
        assert answer.headers["ETag"] == answer.json()["etag"] == f'"{Order(made["uid"]).rev}"'


def test_a_save_of_what_is_deleted_meanwhile(api):
    made = save(api, {"title": "a"})

    def overtake(instance, **kwargs):
        cb_pre_save.disconnect(overtake)
        Order(made["uid"]).delete()

    cb_pre_save.connect(overtake)
    answer = send(api, "put", address(made))
    assert (answer.status_code, answer.json()["current"]) == (409, None)


def test_a_revision_in_the_data(api):
    made = save(api, {"title": "a", "rev": "1-ignored"})
    assert api.put(address(made), {**made, "title": "b"}, format="json").status_code == 200
    answer = api.put(address(made), {**made, "title": "c"}, format="json")
    assert (answer.status_code, answer.json()["current"]["title"]) == (409, "b")


def test_preconditions_that_are_required(api, settings):
    made = save(api, {"title": "a"})
    strict = address(made, "/strict/")
    for method in ("put", "patch", "delete"):
        answer = send(api, method, strict)
        assert answer.status_code == 428
        assert "If-Match" in answer.json()["detail"]
    assert send(api, "patch", strict, **{"If-Match": f'"{made["rev"]}"'}).status_code == 200
    named = {"title": "x", "rev": Order(made["uid"]).rev}
    assert api.patch(strict, named, format="json").status_code == 200
    assert send(api, "put", address(made)).status_code == 200
    settings.REST_REQUIRES_PRECONDITION = True
    assert send(api, "put", address(made)).status_code == 428
    assert send(api, "delete", strict, **{"If-Match": "*"}).status_code == 204


def test_what_changes_nothing_is_not_written(api):
    made = save(api, {"title": "a", "rows": [{"qty": 1}], "amount": "1.50", "tags": ["x"]})
    for send_ in (api.put, api.patch):
        answer = send_(address(made), made, format="json")
        assert (answer.status_code, answer.json()) == (200, api.get(address(made)).json())
        assert answer.json()["rev"] == made["rev"]


def test_what_comes_back_as_it_is_shown_is_not_written(api):
    phones = {
        "doc_type": "rest_order", "channels": ["c"], "title": " a ", "amount": "1.5",
        "at": "2020-01-01T10:00:00Z", "tags": [" a "], "codes": [3, 1],
        "rows": [{"uid": "r", "qty": 1, "note": " n "}, {"uid": "s", "qty": 2, "note": " n "}],
        "depot": {"city": " Oslo "},
    }  # fmt: skip
    SyncGateway.save_json("o", phones)
    was, shown = json_of("o"), api.get("/orders/o/").json()
    assert shown["amount"] == "1.50"
    for send_ in (api.put, api.patch):
        assert send_("/orders/o/", shown, format="json").status_code == 200
        assert json_of("o") == was
    first, second = shown["rows"]
    changed = {**shown, "color": "r", "rows": [{**first, "qty": 5}, second]}
    assert api.put("/orders/o/", changed, format="json").status_code == 200
    now = json_of("o")
    assert now["rows"] == [{**phones["rows"][0], "qty": 5}, phones["rows"][1]]
    assert {key: now[key] for key in phones.keys() - {"rows"}} == {
        key: phones[key] for key in phones.keys() - {"rows"}
    }
    assert api.patch("/orders/o/", {"amount": "1.5"}, format="json").status_code == 200
    assert api.patch("/orders/o/", {"amount": "2.5"}, format="json").json()["amount"] == "2.50"


def test_missing_ones(api):
    made = save(api, {"title": "a"})
    assert api.delete(address(made)).status_code == 204
    for method in ("get", "put", "patch", "delete"):
        for url in (address(made), "/orders/nobody/"):
            assert send(api, method, url, **{"If-Match": '"1-a"'}).status_code == 404


# ------------------------------------------------------------------- round trips


def test_queries(api, django_assert_num_queries, counted):
    made = save(api, {"title": "a"})
    save(api, {"title": "b"})
    url = address(made)
    with django_assert_num_queries(1):
        api.get("/orders/")
    with django_assert_num_queries(1):
        api.get(url)
    with django_assert_num_queries(1):
        api.get(url, headers={"If-None-Match": f'"{made["rev"]}"'})
    with django_assert_num_queries(1):
        assert send(api, "put", url, **{"If-Match": '"1-a"'}).status_code == 412
    # The ORM reads, and the gateway is asked once.
    for method, asked in (("put", 1), ("delete", 1)):
        counted.clear()
        send(api, method, url)
        assert len(counted) == asked
    counted.clear()
    save(api, {"title": "c"})
    assert len(counted) == 1


@pytest.mark.django_db(databases=["default", "plain"], transaction=True)
def test_where_there_is_no_orm(api, gateway_by_http, settings, counted):
    settings.DATABASE_ROUTERS = ["django_cbtools.routers.DocumentRouter"]
    CBAuthor(uid="Ann", name="Ann", channels=["c"]).save()

    def asked(requests, status, answer):
        assert answer.status_code == status, answer.data
        assert len(counted) == requests, counted
        counted.clear()
        return answer

    counted.clear()
    made = asked(2, 201, api.post("/orders/", {"title": "a", "author": "Ann"}, format="json")).data
    url = address(made)
    read = asked(1, 200, api.get(url))
    assert read.data == made
    etag = {"If-None-Match": read.headers["ETag"]}
    asked(1, 304, api.get(url, headers=etag))
    asked(1, 412, send(api, "put", url, **{"If-Match": '"1-a"'}))
    asked(2, 200, send(api, "patch", url, **{"If-Match": read.headers["ETag"]}))
    assert api.post("/orders/", {"title": "a", "author": "no"}, format="json").status_code == 400
    assert api.get(url, headers={"accept": "text/html"}).status_code == 200
    counted.clear()
    asked(2, 204, api.delete(url))
    asked(1, 404, api.get(url))
    with pytest.raises(ImproperlyConfigured):
        api.get("/orders/")
    for base in ("/anns/", "/red/"):
        with pytest.raises(ImproperlyConfigured, match="restricts which documents it shows"):
            api.get(address(made, base))


def test_the_orm_restricts(api):
    CBAuthor(uid="Ann", name="Ann", channels=["c"]).save()
    anns, nobodys = save(api, {"title": "a", "author": "Ann"}), save(api, {"title": "b"})
    assert api.get(address(anns, "/anns/")).status_code == 200
    for method in ("get", "put", "delete"):
        assert send(api, method, address(nobodys, "/anns/")).status_code == 404


def test_what_was_read_without_a_revision(api, monkeypatch):
    """As SQL++ reads documents."""
    made, other = save(api, {"title": "a"}), save(api, {"title": "b"})
    from_db = Order.from_db.__func__

    def without(cls, *args, **kwargs):
        document = from_db(cls, *args, **kwargs)
        versions.hide(document, "cas:1")
        return document

    monkeypatch.setattr(Order, "from_db", classmethod(without))
    assert api.get(address(made)).headers["ETag"] == f'"{made["rev"]}"'
    asked = []
    rows_of = versions.rows_of
    monkeypatch.setattr(versions, "rows_of", lambda each: asked.append(each) or rows_of(each))
    rows = api.get("/orders/").json()
    assert {row["rev"] for row in rows} == {made["rev"], other["rev"]}
    assert len(asked) == 1
