"""What a browser sends of a form, and what a phone saves meanwhile."""

from __future__ import annotations

from typing import Any

from django_cbtools.sync_gateway import SyncGateway
from tests.admin.browser import Page


def sent(form: Any) -> dict[str, Any]:
    """What is sent of a form, or of a set of forms, by somebody who changes nothing."""
    if not hasattr(form, "management_form"):
        return Page(f'<form id="page">{form.as_div()}</form>', "page").fields
    found = sent(form.management_form)
    for each in form:
        found |= sent(each)
    return found


def stored(uid: str = "a") -> dict[str, Any]:
    """The document that the gateway has."""
    document: dict[str, Any] = SyncGateway.all_docs([uid])["rows"][0]["doc"]
    return document


def phone_saves(**changes: Any) -> None:
    """Somebody else writes document "a"."""
    SyncGateway.save_json("a", {**stored(), **changes})
