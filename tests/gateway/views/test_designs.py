"""Design documents: what may be in them, as a real gateway takes it."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN, Client, create_database

pytestmark = pytest.mark.django_db
GUEST = Client("public")
BAD = "Bad JSON: json: cannot unmarshal"
UNKNOWN = "JSON Unknown Field: json: unknown field {}: unrecognized JSON field"


@pytest.fixture(autouse=True)
def database():
    create_database(guest={"disabled": False, "admin_channels": ["*"]})


@pytest.mark.parametrize(("design", "reason"), [
    ({"x": 1}, UNKNOWN.format('"x"')),
    ({"_id": "_design/d"}, UNKNOWN.format('"_id"')),
    ({"views": {"a": {"map": "", "x": 1}}}, UNKNOWN.format('"x"')),
    ({"options": {"x": 1}}, UNKNOWN.format('"x"')),
    ({"views": []}, f"{BAD} array into Go struct field DesignDoc.views of type sgbucket.ViewMap"),
    ({"views": {"a": 1}},
     f"{BAD} number into Go struct field DesignDoc.views of type sgbucket.ViewDef"),
    ({"views": {"a": {"map": 1}}},
     f"{BAD} number into Go struct field ViewDef.views.map of type string"),
    ({"options": {"raw": 1}},
     f"{BAD} number into Go struct field DesignDocOptions.options.raw of type bool"),
    ([], f"{BAD} array into Go value of type sgbucket.DesignDoc"),
    ("", "Bad JSON: EOF"),
])  # fmt: skip
def test_what_cannot_be_read_is_refused_on_either_port(design, reason):
    for client in (ADMIN, GUEST):
        status, answer = client.put("/_design/d", design)
        assert (status, answer["reason"]) == (400, reason)
    assert ADMIN.get("/_design/d")[0] == 404


@pytest.mark.parametrize("view", [
    None, {}, {"map": None}, {"map": ""}, {"map": "junk("}, {"reduce": "_count"},
    {"map": "function (doc) {}", "reduce": "_nope"},
])  # fmt: skip
def test_functions_are_not_looked_at(view):
    assert ADMIN.put("/_design/d", {"views": {"a": view}})[0] == 201
    assert set(ADMIN.get("/_design/d")[1]["views"]) == {"a"}
    assert ADMIN.ask("DELETE", "/_design/d")[0] == 200


def test_case_of_a_member_does_not_matter():
    design = {"Views": {"a": {"Map": "function (d, meta) { emit(meta.id); }", "REDUCE": "_count"}}}
    assert ADMIN.put("/_design/d", design)[0] == 201
    ADMIN.put("/doc", {})
    assert ADMIN.get("/_design/d/_view/a", stale="false")[1]["rows"][0]["value"] == 1


def test_null_is_an_empty_design_document():
    assert ADMIN.put("/_design/d", "null")[0] == 201
    assert ADMIN.get("/_design/d")[1] == {"language": "javascript"}


def test_who_may_see_them():
    """All may read the one that is made up for replicators."""
    ADMIN.put("/_design/d", {})
    assert GUEST.get("/_design/d")[0] == GUEST.put("/_design/d", {})[0] == 403
    for client in (ADMIN, GUEST):
        assert client.get("/_design/sync_gateway_2.1") == (200, {"filters": {"bychannel": "ok"}})
        assert client.get("/_design/sync_gateway")[0] == 403
        assert client.put("/_design/sync_gateway_2.1", {})[0] == 403
