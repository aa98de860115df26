"""The history of what was open to a user."""

from __future__ import annotations

import pytest

from tests.gateway.access.client import ADMIN, add_role, add_user
from tests.gateway.principals.users.principals import history, write

pytestmark = pytest.mark.django_db


def test_access_history():
    add_user("alice", admin_channels=["a", "b"])
    add_role("r", "c")
    assert history() is None
    add_user("alice", admin_channels=["b"], admin_roles=["r"])
    write("d", opens={"alice": ["b", "d"], "bob": "e", "role:r": "f"})
    assert history() == ["a"]
    write("d")
    # Another opens it; those of roles are not the user's own.
    assert history() == ["a", "d"]
    add_user("alice", admin_channels=[], admin_roles=[])
    assert history() == ["a", "d", "b"]
    wanted = {"_default": {"_default": ["d", "x"], "other": ["a"]}}
    status, answer = ADMIN.ask(
        "POST", "/_user/alice/_access_history/compact", {"channels": wanted}
    )  # fmt: skip
    assert (status, answer) == (
        200, {"compacted_channels": {"_default": {"_default": ["d"], "other": []}}},
    )  # fmt: skip
    assert history() == ["a", "b"]


@pytest.mark.parametrize(
    "channels", [[], {"a": []}, {"a": {"b": 5}}, {"a": {"b": "c"}}, {"a": {"b": [1]}}]
)
def test_access_history_that_is_not_understood(channels):
    add_user("alice")
    body = {"channels": channels}
    assert ADMIN.ask("POST", "/_user/alice/_access_history/compact", body)[0] == 400


def test_access_history_of_nobody():
    assert ADMIN.get("/_user/nobody/_access_history")[0] == 404
    body = {"channels": {}}
    assert ADMIN.ask("POST", "/_user/nobody/_access_history/compact", body)[0] == 404
