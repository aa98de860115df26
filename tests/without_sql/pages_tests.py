"""The pages of a site without SQL: log-in, a cached page, the admin.

``tests/contrib/test_without_sql.py`` runs them with the settings of this folder.
"""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.admin.utils import quote
from django.core.cache import cache
from django.db import connections
from django.test import Client
from django.utils import translation

from django_cbtools.contrib.auth.models import Group, User
from tests.docs.blocks import DOCS, read
from tests.without_sql import urls
from tests.without_sql.models import Note

pytestmark = pytest.mark.django_db(databases=["couchbase"])


@pytest.fixture
def browser(root):
    client = Client()
    assert client.login(username="root", password="secret")
    return client


def test_there_is_no_database():
    engine = connections["default"].settings_dict["ENGINE"]
    assert engine == "django.db.backends.dummy"


def test_pages(alice):
    client = Client()
    urls.made.clear()
    pages = [client.get("/page/").content for _ in range(3)]
    assert pages == [b"<p>1</p>"] * 3
    answer = client.post("/login/", {"username": "alice", "password": "wrong"})
    assert answer.status_code == 200
    answer = client.post("/login/", {"username": "alice", "password": "secret"})
    assert (answer.status_code, answer["Location"]) == (302, "/page/")
    assert client.get("/notes/").status_code == 403
    alice = User(alice.uid)
    alice.user_permissions = ["without_sql.view_note"]
    alice.save()
    assert client.get("/notes/").content == b"alice may"
    # A new password ends the sessions that there are.
    alice.set_password("another")
    alice.save()
    assert client.get("/notes/").status_code == 403
    client.logout()


def hidden(page, name):
    found = re.search(rf'name="{name}" value="([^"]*)"', page.content.decode())
    return unescape(found[1]) if found else ""


def test_the_admin(browser):
    index = browser.get("/admin/")
    assert b"without_sql" in index.content
    assert b"auth/group" not in index.content.replace(b"cb_auth/group", b"")
    added = browser.post("/admin/without_sql/note/add/", {"title": "First", "channels": "notes"})
    assert added.status_code == 302
    (note,) = Note.objects.all()
    listed = browser.get("/admin/without_sql/note/?q=fir")
    assert b"First" in listed.content
    url = f"/admin/without_sql/note/{quote(note.uid)}/change/"
    page = browser.get(url)
    assert f'href="/notes/{note.uid}/"'.encode() in page.content
    data = {"title": "Second", "channels": "notes", "revision": hidden(page, "revision")}
    assert browser.post(url, data).status_code == 302
    assert Note(note.uid).title == "Second"
    history = browser.get(url.replace("change", "history"))
    assert b"Second" in history.content
    action = {"action": "delete_selected", "_selected_action": note.uid, "post": "yes"}
    assert browser.post("/admin/without_sql/note/", action).status_code == 302
    assert not Note.objects.exists()
    assert browser.post(url.replace("change", "undelete")).status_code == 302
    assert browser.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 302
    assert Note(note.uid).st_deleted
    assert browser.post("/admin/logout/").status_code == 200
    assert browser.get("/admin/").status_code == 302


def test_users_in_the_admin(browser):
    add = "/admin/cb_auth/user/add/"
    assert browser.get(add).status_code == 200
    data = {"username": "carol", "usable_password": "true",
            "password1": "Xq-93-lamp", "password2": "Xq-93-lamp"}  # fmt: skip
    assert browser.post(add, data).status_code == 302
    again = browser.post(add, data)
    assert b"already exists" in again.content
    with translation.override("de"):
        again = browser.post(add, data)
        assert "Dieser Benutzername ist bereits vergeben." in again.content.decode()
    carol = User.objects.get_by_natural_key("carol")
    assert carol.check_password("Xq-93-lamp")
    group = Group(name="writers")
    group.save()
    url = f"/admin/cb_auth/user/{quote(carol.uid)}/change/"
    page = browser.get(url)
    assert b"without_sql | note | Can add note" in page.content
    assert carol.password not in page.content.decode()
    data = {
        "username": "carola", "email": "c@example.com", "is_active": "on", "is_staff": "on",
        "groups": [group.uid], "user_permissions": ["without_sql.add_note"],
        "date_joined_0": carol.date_joined.date(), "date_joined_1": carol.date_joined.time(),
        "last_login_0": "", "last_login_1": "", "revision": hidden(page, "revision"),
    }  # fmt: skip
    answer = browser.post(url, data)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    carol = User.objects.get_by_natural_key("carola")
    assert (carol.groups, carol.user_permissions) == ([group.uid], ["without_sql.add_note"])
    assert carol.check_password("Xq-93-lamp")
    for query in ("", "?q=caro", f"?group={group.uid}", "?is_staff__exact=1"):
        assert b"carola" in browser.get(f"/admin/cb_auth/user/{query}").content
    assert b"carola" not in browser.get("/admin/cb_auth/user/?group=other").content
    history = browser.get(url.replace("change", "history")).content.decode()
    assert "carola" in history
    assert carol.password not in history
    change = url.replace("change", "password")
    assert browser.get(change).status_code == 200
    data = {"usable_password": "true", "password1": "Yr-04-lamp", "password2": "Yr-04-lamp",
            "set-password": "1"}  # fmt: skip
    assert browser.post(change, data).status_code == 302
    assert User(carol.uid).check_password("Yr-04-lamp")


def test_groups_in_the_admin(browser):
    data = {"name": "editors", "permissions": ["without_sql.change_note"]}
    assert browser.post("/admin/cb_auth/group/add/", data).status_code == 302
    group = Group.objects.get_by_natural_key("editors")
    assert group.permissions == ["without_sql.change_note"]
    # What no app has any more stays until somebody takes it away.
    group.permissions.append("old.app")
    group.save()
    url = f"/admin/cb_auth/group/{quote(group.uid)}/change/"
    page = browser.get(url)
    assert b'value="old.app" selected' in page.content
    data = {"name": "editors", "permissions": ["old.app"], "revision": hidden(page, "revision")}
    assert browser.post(url, data).status_code == 302
    assert Group(group.uid).permissions == ["old.app"]
    taken = browser.post("/admin/cb_auth/group/add/", {"name": "editors"})
    assert taken.status_code == 200
    assert Group.objects.count() == 1


def test_staff_with_some_rights(alice):
    alice.is_staff = True
    alice.user_permissions = ["without_sql.view_note"]
    alice.save()
    client = Client()
    client.force_login(alice)
    assert client.get("/admin/without_sql/note/").status_code == 200
    assert client.get("/admin/without_sql/note/add/").status_code == 403
    assert client.get("/admin/cb_auth/user/").status_code == 403


def test_the_docs():
    """What the docs have of Python runs, settings included."""
    page = read(DOCS / "without-sql.rst")
    Group(name="inspectors").save()
    names = {"BASE_DIR": Path()}
    for block in page:
        if block.language == "python" and "run" not in block.comments:
            exec(block.text, names)
    assert names["alice"].has_perm("news.add_article")
    assert cache.get("visits") == 2
    assert names["AUTH_USER_MODEL"] == settings.AUTH_USER_MODEL
    installed = set(settings.INSTALLED_APPS)
    assert set(names["INSTALLED_APPS"]) < installed
    user = names["Inspectors"]().configure_user(None, User.objects.create_user("bob"))
    assert [group.name for group in user.get_groups()] == ["inspectors"]
