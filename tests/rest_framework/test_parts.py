"""Objects in documents, behind an API: read, written, and changed in part."""

from __future__ import annotations

import pytest

from django_cbtools.rest_framework.parts import matched
from django_cbtools.sync_gateway import SyncGateway
from tests.rest_framework.site import Order, save

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.rest_framework.site")]

ROWS = [{"uid": "r1", "qty": 1, "by": "phone"}, {"qty": 2, "by": "other"}, {"qty": 3}]


@pytest.fixture
def order():
    """One of a phone's, with keys that nobody has declared."""
    SyncGateway.save_json(
        "o",
        {
            "doc_type": "rest_order", "channels": ["c"], "title": "a", "rows": ROWS, "gps": [1],
            "depot": {"city": "Oslo", "floor": 2, "gate": "B"},
        },
    )  # fmt: skip
    return "/orders/o/"


def stored():
    return SyncGateway.all_docs(["o"])["rows"][0]["doc"]


def test_they_are_shown(api, order):
    data = api.get(order).json()
    row = {"note": "", "since": None}
    assert data["rows"] == [
        {"uid": "r1", "qty": 1, **row, "extra": {"by": "phone"}},
        {"qty": 2, **row, "extra": {"by": "other"}},
        {"qty": 3, **row},
    ]
    assert data["depot"] == {"city": "Oslo", "floor": 2, "next": None, "extra": {"gate": "B"}}
    assert data["extra"] == {"gps": [1]}


def test_they_are_made(api):
    given = {
        "title": "a",
        "depot": {"city": "Rome", "next": {"city": "Oslo"}},
        "rows": [{"qty": 1, "since": "2020-05-17"}, {"qty": 2}],
        "tags": ["x"], "days": ["2020-05-17"], "codes": [3, 1, 3], "anything": [1, "a", None],
        "notes": {"k": {}},
    }  # fmt: skip
    data = save(api, given)
    assert data["codes"] == [1, 3]
    for name in ("tags", "days", "anything", "notes"):
        assert data[name] == given[name]
    found = Order(data["uid"])
    assert (found.depot.next.city, found.rows[0].since.year, found.codes) == ("Oslo", 2020, {1, 3})
    assert api.get(f"/orders/{data['uid']}/").json() == data


@pytest.mark.parametrize("method", ["put", "patch"])
def test_errors_are_at_the_field(api, order, method):
    wrong = {
        "title": "a", "rows": [{"qty": 1}, {"qty": "x"}, {"note": "n" * 11}],
        "depot": {"city": "c" * 11}, "tags": ["ok", "longer"], "days": {"a": 1}, "codes": ["x"],
        "notes": [1], "anything": "a",
    }  # fmt: skip
    answer = getattr(api, method)(order, wrong, format="json")
    assert answer.status_code == 400
    errors = answer.json()
    qty = ["A valid integer is required."]
    short = ["Ensure this field has no more than 10 characters."]
    assert (errors["rows"]["1"], errors["rows"]["2"]["note"]) == ({"qty": qty}, short)
    assert errors["depot"] == {"city": short}
    assert errors["tags"] == {"1": ["Ensure this field has no more than 5 characters."]}
    assert set(errors) == set(wrong) - {"title"}
    assert api.patch(order, {"rows": {}}, format="json").status_code == 400


def test_what_is_not_named_stays(api, order):
    answer = api.patch(order, {"depot": {"floor": 3}}, format="json")
    assert answer.status_code == 200
    assert stored()["depot"] == {"city": "Oslo", "floor": 3, "gate": "B"}
    assert (stored()["gps"], stored()["rows"]) == ([1], ROWS)
    rows = [{"uid": "r1", "note": "n"}, {"qty": 2}, {"qty": 4}]
    assert api.patch(order, {"rows": rows}, format="json").status_code == 200
    assert stored()["rows"] == [{**ROWS[0], "note": "n"}, {**ROWS[1]}, {"qty": 4}]


def test_a_new_object_is_whole(api, order):
    rows = [{"uid": "r1"}, {"uid": "new", "note": "n"}]
    answer = api.patch(order, {"rows": rows}, format="json")
    assert answer.json()["rows"] == {"1": {"qty": ["This field is required."]}}
    assert api.patch(order, {"depot": None}, format="json").status_code == 200
    assert api.patch(order, {"depot": {"floor": 1}}, format="json").status_code == 400


def test_put_keeps_what_it_does_not_know(api, order):
    data = api.get(order).json()
    data["rows"] = [data["rows"][1], {"qty": 9}, data["rows"][0]]
    data["rows"][2]["qty"] = 7
    assert api.put(order, data, format="json").status_code == 200
    second, new, first = stored()["rows"]
    assert second == ROWS[1]
    assert (new["qty"], new["uid"][:3]) == (9, "st_")
    assert first == {**ROWS[0], "qty": 7}
    assert (stored()["gps"], stored()["depot"]["gate"]) == ([1], "B")
    assert api.put(order, {"title": "b"}, format="json").status_code == 200
    assert len(stored()["rows"]) == 3


A, B, C, D = ({"n": name} for name in "abcd")


@pytest.mark.parametrize(
    ("was", "sent", "expected"),
    [
        ([A, B, C], [A, B, C], [0, 1, 2]),
        ([A, B, C], [B, C], [1, 2]),
        ([A, B, C], [C, A, B], [2, 0, 1]),
        ([A, B], [D, B, C], [0, 1, None]),
        ([A, B, C], [A, D, C], [0, 1, 2]),
        ([A, B, C], [D, C], [None, 2]),
        ([A, A, B], [A, B, A], [0, 2, 1]),
        ([], [A], [None]),
        ([{"uid": "1"}, {"uid": "2"}], [{"uid": "2", "n": 1}, {"uid": "1"}], [1, 0]),
        ([{"uid": "1"}], [{"uid": "1"}, {"uid": "1"}], [0, None]),
        ([{"uid": "1"}, A], [{"uid": "9"}, A], [None, 1]),
        ([5, A], [5, D], [0, 1]),
    ],
)
def test_which_is_which(was, sent, expected):
    assert matched(was, sent) == expected


def test_a_thousand_rows(api, order):
    rows = [{"qty": n % 7, "n": n} for n in range(1000)]
    SyncGateway.save_json("o", {**stored(), "rows": rows})
    sent = [{"qty": row["qty"]} for row in rows[::-1]]
    assert api.patch(order, {"rows": sent}, format="json").status_code == 200
    found = stored()["rows"]
    assert [row["qty"] for row in found] == [row["qty"] for row in sent]
    assert {row["n"] for row in found} == set(range(1000))


# ------------------------------------------------------------------------ channels


def test_channels(api):
    made = save(api, {"title": "a"}, "/channeled/")
    assert made["channels"] == ["c"]
    made = save(api, {"title": "a", "channels": ["x", "y"]}, "/channeled/")
    assert made["channels"] == ["x", "y"] == Order(made["uid"]).channels
    url = f"/channeled/{made['uid']}/"
    assert api.put(url, {"title": "b"}, format="json").json()["channels"] == ["x", "y"]
    for wrong in ([], "a", [[1]], {}):
        answer = api.patch(url, {"channels": wrong}, format="json")
        assert answer.status_code == 400
    (told,) = api.post("/channeled/", {"title": "a", "channels": []}, format="json").json()[
        "channels"
    ]
    assert "default_channels = [...]" in told
    # Elsewhere they are not the client's to say.
    assert save(api, {"title": "a", "channels": ["x"]})["channels"] == ["c"]


def test_a_class_without_default_channels(api):
    answer = api.post("/authors/", {"name": "Ann"}, format="json")
    assert answer.status_code == 400
    assert "set channels of this testapp.CBAuthor" in answer.json()["channels"][0]


def test_extra_that_may_be_written(api):
    made = save(api, {"title": "a", "extra": {"gps": 1, "_exp": 5}}, "/channeled/")
    assert made["extra"] == {"gps": 1}
    order = Order(made["uid"])
    order.attachments.add("a.txt", b"a")
    order.save()
    answer = api.patch(f"/channeled/{made['uid']}/", {"extra": {"k": 2}}, format="json")
    assert answer.json()["extra"] == {"k": 2}
    assert "a.txt" in Order(made["uid"]).attachments


def test_values_that_are_taken(api):
    save(api, {"title": "a", "number": 1})
    answer = api.post("/orders/", {"title": "b", "number": 1}, format="json")
    assert (answer.status_code, set(answer.json())) == (400, {"number"})
