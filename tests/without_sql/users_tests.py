"""Users, groups and permissions of a site without SQL.

``tests/contrib/test_without_sql.py`` runs them with the settings of this folder.
"""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.auth.management.commands import changepassword, createsuperuser
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import IntegrityError
from django.test import Client

from django_cbtools import function_files
from django_cbtools.checks import check_sync_function
from django_cbtools.contrib.auth.backends import DocumentBackend, GatewayBackend
from django_cbtools.contrib.auth.models import Group, User
from django_cbtools.exceptions import SyncGatewayForbidden
from django_cbtools.models import CouchbaseModelError, UniqueKeyTaken
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls import asking

pytestmark = pytest.mark.django_db(databases=["couchbase"])


# ------------------------------------------------------------------------- users


def test_users(alice):
    assert (alice.email, str(alice), alice.natural_key()) == (
        "alice@example.com", "alice", ("alice",),
    )  # fmt: skip
    assert alice.check_password("secret")
    assert not alice.check_password("other")
    assert "secret" not in alice.password
    assert User.objects.get_by_natural_key("alice") == alice
    assert User.objects.get(username="alice") == alice
    assert (alice.is_staff, alice.is_superuser, alice.is_active) == (False, False, True)
    for name in ("bob", "", "Alice"):
        with pytest.raises(User.DoesNotExist, match="no User with username"):
            User.objects.get_by_natural_key(name)
    with pytest.raises(ValueError, match="username must be set"):
        User.objects.create_user("")
    with pytest.raises(ValueError, match="is_staff"):
        User.objects.create_superuser("x", is_staff=False)


def test_no_two_have_one_name(alice):
    with pytest.raises(IntegrityError) as caught:
        User.objects.create_user("alice")
    assert isinstance(caught.value, UniqueKeyTaken)
    # The letters of Unicode that are the same to Django are so here.
    User.objects.create_user("\u2163")
    with pytest.raises(IntegrityError):
        User.objects.create_user("IV")


def test_another_name(alice):
    uid = alice.uid
    alice.username = "alicia"
    alice.save()
    assert User.objects.get_by_natural_key("alicia").uid == uid
    with pytest.raises(User.DoesNotExist):
        User.objects.get_by_natural_key("alice")
    assert User.objects.create_user("alice").uid != uid


def test_who_is_deleted(alice):
    client = Client()
    assert client.login(username="alice", password="secret")
    alice.refresh_from_db()
    alice.delete()
    assert auth.authenticate(username="alice", password="secret") is None
    assert auth.get_user(client).is_anonymous
    assert User.objects.create_user("alice").uid != alice.uid


def test_the_twins(alice):
    async def use():
        bob = await User.objects.acreate_user("bob", password="secret")
        assert await User.objects.aget_by_natural_key("bob") == bob
        assert await auth.aauthenticate(username="bob", password="secret") == bob
        assert await auth.aauthenticate(username="bob", password="wrong") is None
        assert await bob.ahas_perms(["a.b"]) is False
        assert await bob.ahas_module_perms("a") is False
        assert await bob.aget_all_permissions() == set()
        admin = await User.objects.acreate_superuser("boss")
        assert "without_sql.add_note" in await admin.aget_user_permissions()
        assert await DocumentBackend().aget_user(bob.pk) == bob

    async_to_sync(use)()


def test_log_ins_at_the_same_time(alice):
    """Each writes when it was, on what it has loaded."""
    one, other = User(alice.uid), User(alice.uid)
    one.first_name = "Alice"
    one.save()
    auth.user_logged_in.send(sender=User, request=None, user=other)
    assert other.last_login
    assert (User(alice.uid).first_name, other.first_name) == ("Alice", "Alice")
    assert User(alice.uid).last_login == other.last_login


def test_phones_do_not_get_them(alice):
    assert SyncGateway.all_docs([alice.uid])["rows"][0]["doc"]["channels"] == []
    SyncGateway.put_user("bob", password="secret1", admin_channels=["public", "!", "notes"])
    (row,) = SyncGateway.as_user("bob", "secret1").all_docs([alice.uid])["rows"]
    assert row["status"] == 403
    alice.channels = ["notes"]
    with pytest.raises(CouchbaseModelError, match="server's own"):
        alice.save()


def test_commands(monkeypatch, capsys):
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "secret")
    # What tests may not ask is whether default is migrated.
    monkeypatch.setattr(createsuperuser.Command, "requires_migrations_checks", False)
    monkeypatch.setattr(changepassword.Command, "requires_migrations_checks", False)
    call_command("createsuperuser", "--noinput", "--username=root", "--email=r@example.com")
    assert auth.authenticate(username="root", password="secret").is_superuser
    with pytest.raises(CommandError, match="already taken"):
        call_command("createsuperuser", "--noinput", "--username=root", "--email=r@example.com")
    monkeypatch.setattr(changepassword.getpass, "getpass", lambda prompt: "another-one-7")
    call_command("changepassword", "root")
    assert auth.authenticate(username="root", password="another-one-7")
    call_command("check")
    call_command("makemigrations", "--check", "--dry-run")


# ------------------------------------------------------------------- permissions


def test_permissions(alice):
    group = Group(name="writers", permissions=["without_sql.add_note", "without_sql.view_note"])
    group.save()
    gone = Group(name="gone", permissions=["a.gone"])
    gone.save()
    gone.delete()
    alice.user_permissions = ["without_sql.view_note", "shop.sell"]
    alice.groups = [group.uid, gone.uid, "dgroup_nowhere"]
    alice.save()
    user = User(alice.uid)
    assert user.get_group_permissions() == {"without_sql.add_note", "without_sql.view_note"}
    assert user.get_user_permissions() == {"without_sql.view_note", "shop.sell"}
    assert user.get_all_permissions() == user.get_group_permissions() | {"shop.sell"}
    assert user.has_perm("shop.sell")
    assert user.has_perms(["without_sql.add_note", "shop.sell"])
    assert not user.has_perms(["without_sql.add_note", "shop.buy"])
    assert not user.has_perm("shop.sell", obj=group)
    assert user.has_module_perms("without_sql")
    assert not user.has_module_perms("cb_auth")
    user.is_active = False
    assert not user.has_perm("shop.sell")
    assert DocumentBackend().get_all_permissions(AnonymousUser()) == set()
    assert Group.objects.get_by_natural_key("writers") == group
    with pytest.raises(IntegrityError):
        Group(name="writers").save()


def test_what_is_no_permission(alice):
    alice.user_permissions = ["", "nothing", 7, None, {"a": 1}]
    assert alice.get_user_permissions() == set()


def test_with_perm(alice, root):
    group = Group(name="sellers", permissions=["shop.sell"])
    group.save()
    bob = User.objects.create_user("bob", groups=[group.uid])
    User.objects.create_user("carol", user_permissions=["shop.sell"], is_active=False)
    alice.user_permissions = ["shop.sell"]
    alice.save()
    assert set(User.objects.with_perm("shop.sell")) == {alice, bob, root}
    assert set(User.objects.with_perm("shop.sell", include_superusers=False)) == {alice, bob}
    assert User.objects.with_perm("shop.sell", is_active=None).count() == 4
    assert set(User.objects.with_perm("shop.buy")) == {root}
    assert not User.objects.with_perm("shop.sell", obj=group)
    with pytest.raises(ValueError, match="app_label"):
        User.objects.with_perm("sell")
    with pytest.raises(TypeError):
        User.objects.with_perm(7)


# ------------------------------------------------------ the password of the gateway


@pytest.fixture
def by_gateway(settings):
    path = "django_cbtools.contrib.auth.backends.GatewayBackend"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, path]
    SyncGateway.put_user("bob", password="at-gateway", admin_channels=["notes"])


def test_a_user_of_the_gateway(by_gateway):
    assert auth.authenticate(username="bob", password="wrong") is None
    assert auth.authenticate(username="nobody", password="at-gateway") is None
    assert not User.objects.exists()
    client = Client()
    assert client.login(username="bob", password="at-gateway")
    bob = User.objects.get_by_natural_key("bob")
    assert auth.get_user(client) == bob
    assert (bob.has_usable_password(), bob.is_staff, bob.has_perm("a.b")) == (False, False, False)
    assert auth.authenticate(username="bob", password="at-gateway") == bob
    assert async_to_sync(auth.aauthenticate)(username="bob", password="at-gateway") == bob
    SyncGateway.put_user("bob", disabled=True)
    assert async_to_sync(auth.aauthenticate)(username="bob", password="at-gateway") is None
    assert auth.authenticate(username="bob", password="at-gateway") is None


@pytest.mark.parametrize(
    "about", [{"password": "at-django"}, {"is_staff": True}, {"is_superuser": True},
              {"is_active": False}],
)  # fmt: skip
def test_whom_the_gateways_password_does_not_log_in(by_gateway, about):
    User.objects.create_user("bob", **about)
    assert auth.authenticate(username="bob", password="at-gateway") is None


@pytest.mark.parametrize("name", ["", "a/b", "..", "bob:x", "é", "\ud800", "GUEST", "b b", None])
def test_names_that_no_user_of_the_gateway_has(by_gateway, name):
    SyncGateway.put_user("b", password="x:at-gateway", admin_channels=["notes"])
    for password in ("at-gateway", "", None):
        assert auth.authenticate(username=name, password=password) is None
    assert auth.authenticate(username="b:x", password="at-gateway") is None
    assert not User.objects.exists()


class Strict(GatewayBackend):
    create_unknown_user = False


class Sorting(GatewayBackend):
    def configure_user(self, request, user, created=True):
        user.last_name = "new" if created else "known"
        return None if user.first_name == "Out" else user


def test_rules_of_a_project(by_gateway, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Strict"]
    assert auth.authenticate(username="bob", password="at-gateway") is None
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Sorting"]
    assert auth.authenticate(username="bob", password="at-gateway").last_name == "new"
    assert auth.authenticate(username="bob", password="at-gateway").last_name == "known"
    User.objects.filter(username="bob").update(first_name="Out")
    assert auth.authenticate(username="bob", password="at-gateway") is None


def test_phones_do_not_write_them(alice):
    """By the sync function of the docs."""
    text = (Path(__file__).parents[2] / "docs/without-sql.rst").read_text("utf-8")
    (source,) = re.findall(r"block:: javascript\n\n((?: {4}.*\n|\n)+)", text)
    SyncGateway.put_sync_function(textwrap.dedent(source).strip())
    SyncGateway.put_user("bob", password="secret1", admin_channels=["public"])
    bob = SyncGateway.as_user("bob", "secret1")
    forged = {"doc_type": "django_user", "username": "bob", "is_superuser": True, "channels": []}
    for uid in ("duser_mine", alice.uid, "dgroup_mine", "unq_mine"):
        with pytest.raises(SyncGatewayForbidden):
            bob.save_json(uid, {**forged, "_rev": alice.rev} if uid == alice.uid else forged)
    bob.save_json("note_1", {"channels": ["notes"]})
    alice.first_name = "Alice"
    alice.save()
    alice.hard_delete()
    User.objects.create_user("alice")
    assert SyncGateway.all_docs([alice.uid])["rows"][0]["status"] == 404


def test_checks(settings, monkeypatch, tmp_path):
    (found,) = check_sync_function()
    assert found.id == "cbtools.W018"
    monkeypatch.setattr(function_files, "project_folder", lambda: tmp_path)
    file = tmp_path / "sync_function.js"
    for text, ids in (("function (doc) {}", ["cbtools.W018"]), ("", []), ("/^duser_/", [])):
        file.write_text(text)
        assert [found.id for found in check_sync_function()] == ids


def test_requests(alice, monkeypatch):
    group = Group(name="writers", permissions=["a.b"])
    group.save()
    alice.groups = [group.uid]
    alice.save()
    asked = []
    ask = asking.ask

    def noting(way, request, *args, **kwargs):
        asked.append(request.line)
        return ask(way, request, *args, **kwargs)

    monkeypatch.setattr(asking, "ask", noting)
    user = auth.authenticate(username="alice", password="secret")
    assert len(asked) == 2
    asked.clear()
    auth.user_logged_in.send(sender=User, request=None, user=user)
    assert len(asked) == 1
    asked.clear()
    user = DocumentBackend().get_user(alice.uid)
    assert len(asked) == 1
    assert user.has_perms(["a.b", "a.b"])
    assert not user.has_module_perms("c")
    assert len(asked) == 2
