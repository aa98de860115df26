"""Documents that phones have written otherwise than expected, in an API of documents."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from django.db import connection
from django.urls import reverse

from django_cbtools.exceptions import (
    CouchbaseValueError,
    SyncGatewayAnswerLost,
    SyncGatewayBadRequest,
    SyncGatewayForbidden,
    SyncGatewayUnavailable,
)
from django_cbtools.rest_framework.addresses import part_of
from django_cbtools.sync_gateway import SyncGateway
from tests.rest_framework.site import Order, save

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest_framework.site")]

DEEP = "[" * 300 + "]" * 300
ODD = {
    "text-in-number": {"number": "many"},
    "list-in-text": {"title": ["a", "b"]},
    "digits": {"amount": "123456.789"},
    "nan": {"amount": "NaN", "number": "NaN"},
    "missing": {},
    "deleted": {"st_deleted": "yes", "channels": "c"},
    "dates": {"at": "0001-01-01T00:00:00+14:00", "days": ["2020-13-45", "2020-05-17"]},
    "moment": {"at": "soon"},
    "minutes": {"at": ["10:00"]},
    "a/b %2F?#é\n.json": {"title": "slash", "tags": "x", "notes": [], "anything": {}},
    "gone": {"author_uid": "nobody", "color": "z", "plan": 5, "photo": [1]},
    "objects": {"depot": 5, "rows": [1, None, {"qty": "x", "k": 1}, [{}]], "codes": [[1], 2]},
    "texts": {"title": "\ud800", "tags": [7, "ok"], "author_uid": [1]},
}


@pytest.fixture
def odd():
    for uid, document in ODD.items():
        SyncGateway.save_json(uid, {"doc_type": "rest_order", "channels": ["c"], **document})
    # What the client does not send, and phones may: numbers that are not finite, deep arrays.
    body = '{"doc_type":"rest_order","channels":["c"],"st_deleted":false,"title":"inf",'
    body += f'"extra":1,"wide":1e400,"deep":{DEEP},"anything":[1e999]}}'
    SyncGateway.save_json("raw", {"doc_type": "rest_order", "channels": ["c"]})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE cbtools_documents SET body = %s WHERE uid = 'raw'", [body])


def listed(api):
    answer = api.get("/orders/")
    assert answer.status_code == 200
    return {row["uid"]: row for row in json.loads(answer.content)}


def test_none_breaks_the_list(api, odd):
    rows = listed(api)
    assert len(rows) >= len(ODD)
    assert api.get("/orders/", headers={"accept": "text/html"}).status_code == 200
    shown = {
        "text-in-number": ("number", "many"),
        "list-in-text": ("title", ["a", "b"]),
        "digits": ("amount", "123456.789"),
        "nan": ("amount", "NaN"),
        "gone": ("plan", 5),
        "dates": ("days", ["2020-13-45", "2020-05-17"]),
        "objects": ("rows", [1, None, {"note": "", "qty": "x", "since": None}, [{}]]),
        "texts": ("tags", [7, "ok"]),
    }
    for uid, (name, value) in shown.items():
        found = rows[uid][name]
        if uid == "objects":
            found[2].pop("extra")
            assert found[2].pop("unread") == ["qty"]
        assert found == value, uid
        assert name in rows[uid]["unread"]
    assert "unread" not in rows["missing"]
    assert (rows["gone"]["author"], rows["gone"]["color"]) == ("nobody", "z")
    assert (rows["raw"]["extra"]["wide"], rows["raw"]["anything"]) == ("inf", ["inf"])
    assert {"extra", "anything"} <= set(rows["raw"]["unread"])


def test_each_has_its_page(api, odd):
    for uid in listed(api):
        url = f"/orders/{quote(uid, '').replace('%25', '%2525').replace('%2F', '%252F')}/"
        for accept in ("application/json", "text/html"):
            answer = api.get(url, headers={"accept": accept})
            assert answer.status_code == 200, uid
        assert api.get(url).json()["uid"] == uid


def test_what_is_shown_can_be_sent_back(api, odd):
    """What nobody touches is as the phone wrote it; the rest is saved."""
    documents = {row["id"]: row["doc"] for row in SyncGateway.all_docs([*ODD])["rows"]}
    for uid, document in documents.items():
        url = reverse("order-detail", args=[part_of(uid)])
        sent = {**api.get(url).json(), "notes": {"k": 1}, "anything": [2]}
        sent["title"] = sent["title"] or "needed"
        answer = api.put(url, sent, format="json")
        if uid == "deleted":  # nobody takes such channels
            assert answer.status_code == 400
            continue
        assert answer.status_code == 200, answer.json()
        after = SyncGateway.all_docs([uid])["rows"][0]["doc"]
        assert after["notes"] == {"k": 1}
        for key in ODD[uid].keys() - {"notes", "anything"}:
            assert after[key] == document[key], (uid, key)


def test_an_odd_value_is_mended(api, odd):
    answer = api.patch("/orders/text-in-number/", {"number": 5}, format="json")
    assert (answer.status_code, answer.json()["number"]) == (200, 5)
    assert "unread" not in answer.json()
    assert api.patch("/orders/nan/", {"number": "no"}, format="json").status_code == 400


def test_properties_that_fail_on_odd_values(api, odd):
    """They are null where a value is odd; else an error of the program stays one."""
    answer = api.get("/channeled/list-in-text/")
    assert (answer.json()["loud"], answer.json()["unread"]) == (None, ["title", "loud"])
    gone = api.get("/channeled/gone/").json()
    assert (gone["writer"], "writer" in gone["unread"]) == (None, True)


def test_errors_of_the_program_are_no_odd_values(api, monkeypatch):
    made = save(api, {"title": "a"})
    monkeypatch.setattr(Order, "loud", property(lambda order: 1 / 0))
    with pytest.raises(ZeroDivisionError):
        api.get(f"/channeled/{made['uid']}/")


def failing(error):
    def fail(*args):
        raise error

    return fail


ERRORS = [
    (SyncGatewayUnavailable("no"), 503, "Try again later"),
    (SyncGatewayAnswerLost("no"), 503, "may have been made or not"),
    (SyncGatewayForbidden("no", status=403, reason="missing role"), 403, "missing role"),
    (SyncGatewayBadRequest("no", reason="too large"), 400, "too large"),
    (CouchbaseValueError("cannot store it"), 400, "cannot store it"),
]


@pytest.mark.parametrize(
    ("error", "status", "told"), ERRORS, ids=[type(error).__name__ for error, *_ in ERRORS]
)
def test_errors_of_the_gateway(api, monkeypatch, error, status, told):
    made = save(api, {"title": "a"})
    monkeypatch.setattr(Order, "save", failing(error))
    answer = api.patch(f"/orders/{made['uid']}/", {"title": "b"}, format="json")
    assert (answer.status_code, told in str(answer.json())) == (status, True)
    if status == 503:  # no field's value is to blame
        monkeypatch.setattr(Order, "loud", property(failing(error)))
        assert api.get(f"/channeled/{made['uid']}/").status_code == 503
