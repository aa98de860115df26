"""The admin of a site whose gateway is real, and which has no ORM."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.contrib.admin.utils import quote

from django_cbtools.contrib.auth.models import Group, User
from django_cbtools.sync_gateway import SyncGateway
from tests.without_sql.models import Note

NOTES = "/admin/without_sql/note/"


def walk(client: Any) -> None:
    """Go through all pages, as somebody who may do everything."""
    assert client.get(f"{NOTES}add/").status_code == 200
    for title in ("First", "Second", "Third"):
        _post(client, f"{NOTES}add/", title=title, channels="notes")
    first, second, third = (_uid(client, title) for title in ("First", "Second", "Third"))
    listed = client.get(NOTES)
    assert _titles(listed) == ["Third", "Second", "First"]
    assert listed.context_data["cl"].result_count == 3

    _post(client, _page(first), title="Changed", channels="notes", parent=second)
    assert (Note(first).title, Note(first).parent.uid) == ("Changed", second)
    assert _titles(client.get(f"{NOTES}?q=unheard&o=1"))[0] == "Changed"
    refused = client.post(_page(first), {**_form(client, first), "parent": "nobody"})
    assert refused.context_data["errors"]
    (row,) = SyncGateway.all_docs([first])["rows"]
    SyncGateway.save_json(first, {**row["doc"], "parent_uid": "gone"})
    assert b"refers to gone, which is not there" in client.get(_page(first)).content
    _post(client, _page(first), title="Changed again", channels="notes", parent="gone")
    assert (Note(first).title, Note(first).parent_uid) == ("Changed again", "gone")
    _post(client, _page(first), title="Changed", channels="notes", parent="")
    assert Note(first).parent_uid is None

    action = {"action": "delete_selected", "_selected_action": [second, third]}
    assert b"Second" in client.post(NOTES, action).content
    assert client.post(NOTES, {**action, "post": "yes"}).status_code == 302
    assert _titles(client.get(NOTES)) == ["Changed"]
    assert set(_titles(client.get(f"{NOTES}?st_deleted=only"))) == {"Second", "Third"}
    assert len(_titles(client.get(f"{NOTES}?st_deleted=all"))) == 3
    assert b"_facets" not in client.get(NOTES).content
    assert len(_titles(client.get(f"{NOTES}?_facets=True&st_deleted=all"))) == 3
    undelete = {"action": "undelete_selected", "_selected_action": second}
    assert client.post(f"{NOTES}?st_deleted=only", undelete).status_code == 302
    assert _titles(client.get(NOTES)) == ["Second", "Changed"]
    assert client.get(_page(second, "delete")).status_code == 200
    assert client.post(_page(second, "delete"), {"post": "yes"}).status_code == 302
    assert Note(second).st_deleted
    assert client.get(_page(first, "history")).status_code == 200
    assert client.get(f"{NOTES}nobody/change/").status_code == 302

    users = "/admin/cb_auth/user/"
    assert client.get(users).status_code == 200
    _post(client, f"{users}add/", username="carol", usable_password="true",
          password1="Xq-93-lamp", password2="Xq-93-lamp")  # fmt: skip
    carol = User.objects.get_by_natural_key("carol")
    readers = Group.objects.get_by_natural_key("readers")
    page = client.get(f"{users}{quote(carol.uid)}/change/")
    assert f'<option value="{readers.uid}">readers</option>' in page.content.decode()
    assert client.get("/admin/cb_auth/group/").status_code == 200


def _page(uid: str, name: str = "change") -> str:
    return f"{NOTES}{quote(uid)}/{name}/"


def _post(client: Any, url: str, **data: Any) -> None:
    page = client.get(url).content.decode()
    revision = re.search('name="revision" value="([^"]*)"', page)
    answer = client.post(url, {**data, "revision": unescape(revision[1]) if revision else ""})
    assert answer.status_code == 302, answer.context_data["errors"]


def _form(client: Any, uid: str) -> dict[str, Any]:
    page = client.get(_page(uid))
    revision = re.search('name="revision" value="([^"]*)"', page.content.decode())
    assert revision is not None
    return {"title": "x", "channels": "notes", "revision": unescape(revision[1])}


def _titles(page: Any) -> list[str]:
    return [note.title for note in page.context_data["cl"].result_list]


def _uid(client: Any, title: str) -> str:
    (found,) = (
        note.uid for note in client.get(NOTES).context_data["cl"].result_list if note.title == title
    )
    return str(found)
