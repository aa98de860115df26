"""Requests with several faults: the refusal names the same one as a real gateway."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.access.client import ADMIN, Client, create_database

pytestmark = pytest.mark.django_db

SINCE = 'Invalid sequence: "x"'
VERSION = 'Invalid version_type: unknown changes version type: "y"'
NO_LIST = "atts_since must be a string array"


@pytest.fixture(autouse=True)
def _document() -> None:
    create_database()
    assert ADMIN.put("/doc", {"_id": "doc"})[0] == 201


@pytest.mark.parametrize(
    ("method", "body", "query", "reason"),
    [
        ("GET", None, {"since": "x", "version_type": "y"}, SINCE),
        ("GET", None, {"version_type": "y", "filter": "z"}, VERSION),
        ("POST", {"since": "x", "version_type": "y"}, {}, SINCE),
        ("POST", {"since": "x"}, {"since": "1"}, SINCE),
        ("POST", {"since": "1", "version_type": "y"}, {"since": "x"}, VERSION),
        ("POST", {"since": "1"}, {"since": "x"}, SINCE),
    ],
)
def test_options_of_a_feed(method: str, body: Any, query: dict[str, str], reason: str) -> None:
    status, answer = ADMIN.ask(method, "/_changes", body, **query)
    assert (status, answer["reason"]) == (400, reason)


@pytest.mark.parametrize(
    ("item", "query", "reason"),
    [
        ({"id": "none", "atts_since": 5}, {}, NO_LIST),
        ({"id": "doc", "atts_since": 5}, {}, NO_LIST),
        ({"id": "none", "atts_since": 5}, {"revs": "true"}, "missing"),
        ({"id": "none", "atts_since": 5, "revs_limit": 0}, {"revs": "true"}, NO_LIST),
        ({"id": "none", "revs_from": 5}, {"revs": "true"}, "revs_from must be a string array"),
        ({"id": "none", "revs_from": 5}, {}, "missing"),
    ],
)
def test_items_of_bulk_get(item: Any, query: dict[str, str], reason: str) -> None:
    answer = Client(accept="multipart/mixed").send("POST", "/_bulk_get", {"docs": [item]}, **query)
    assert f'"reason":"{reason}"' in b"".join(answer.chunks()).decode()


def test_a_faulty_list_beside_a_history_is_ignored() -> None:
    asked = {"docs": [{"id": "doc", "atts_since": 5}]}
    answer = Client(accept="multipart/mixed").send("POST", "/_bulk_get", asked, revs=True)
    assert '"_revisions"' in b"".join(answer.chunks()).decode()
