"""Django users and their users at the gateway."""

from __future__ import annotations

import logging

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import include, path

from django_cbtools.contrib.gateway_users import sessions
from django_cbtools.contrib.gateway_users.access import Access, access_of, name_of
from django_cbtools.contrib.gateway_users.synchronizing import collections_of, synchronize
from django_cbtools.contrib.gateway_users.views import GatewaySessionView
from django_cbtools.exceptions import SyncGatewayNotFound, SyncGatewayUnavailable
from django_cbtools.sync_gateway import SyncGateway

pytestmark = pytest.mark.django_db

urlpatterns = [
    path("gateway/", include("django_cbtools.contrib.gateway_users.urls")),
    path("cookie/", GatewaySessionView.as_view(sets_cookie=True, cookie_path="/sync/", ttl=60)),
]


def rule(user):
    """Who is in a group has it as a role; who has no e-mail address is no user of the gateway."""
    if not user.email:
        return None
    return Access(["news"], [group.name for group in user.groups.all()])


def rule_of_collections(user):
    return Access(collections={"inv.a": ["news"]})


def wrong_rule(user):
    return ["news"]


@pytest.fixture(autouse=True)
def app(settings):
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "django_cbtools.contrib.gateway_users"]
    settings.GATEWAY_USERS_RULE = f"{__name__}.rule"
    settings.ROOT_URLCONF = __name__


@pytest.fixture
def commit(django_capture_on_commit_callbacks):
    """What happens within is committed at its end."""
    return lambda: django_capture_on_commit_callbacks(execute=True)


@pytest.fixture
def alice(commit):
    with commit():
        return User.objects.create_user("alice", "alice@example.com", "secret")


def at_gateway(user):
    found = SyncGateway.get_user(name_of(user))
    return (
        sorted(found.get("admin_channels", ())),
        sorted(found.get("admin_roles", ())),
        bool(found.get("disabled")),
    )


def test_a_new_user(alice):
    assert at_gateway(alice) == (["news", "public"], [], False)


def test_nothing_is_done_before_the_commit(db):
    bob = User.objects.create_user("bob", "bob@example.com")
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user(name_of(bob))


def test_groups(alice, commit):
    editors, writers = (Group.objects.create(name=name) for name in ("editors", "writers"))
    with commit():
        alice.groups.add(editors)
    assert at_gateway(alice)[1] == ["editors"]
    with commit():
        writers.user_set.add(alice)
    assert at_gateway(alice)[1] == ["editors", "writers"]
    with commit():
        editors.user_set.clear()
    assert at_gateway(alice)[1] == ["writers"]
    with commit():
        writers.delete()
    assert at_gateway(alice)[1] == []


def test_permissions_of_a_group(alice, commit, settings):
    editors = Group.objects.create(name="editors")
    alice.groups.add(editors)
    settings.GATEWAY_USERS_RULE = f"{__name__}.by_permissions"
    permission = Permission.objects.get(codename="add_user")
    with commit():
        editors.permissions.add(permission)
    assert at_gateway(alice)[0] == ["add_user", "public"]
    with commit():
        permission.group_set.clear()
    assert at_gateway(alice)[0] == ["public"]


def by_permissions(user):
    return Access([name.partition(".")[2] for name in user.get_all_permissions()])


def test_who_is_no_user_any_more(alice, commit):
    session = SyncGateway.create_session(name_of(alice)).json()["session_id"]
    alice.is_active = False
    with commit():
        alice.save()
    assert at_gateway(alice)[2] is True
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_session(session)
    alice.is_active = True
    with commit():
        alice.save()
    assert at_gateway(alice) == (["news", "public"], [], False)
    alice.email = ""
    with commit():
        alice.save()
    assert at_gateway(alice)[2] is True
    with commit():
        alice_name = name_of(alice)
        alice.delete()
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_user(alice_name)


def test_a_new_password_ends_sessions(alice, commit):
    session = SyncGateway.create_session(name_of(alice)).json()["session_id"]
    with commit():
        alice.save()
    assert SyncGateway.get_session(session)
    alice.set_password("other")
    with commit():
        alice.save()
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_session(session)


def test_logging_in_asks_the_gateway_nothing(alice, commit, monkeypatch):
    monkeypatch.setattr(SyncGateway, "get_user", staticmethod(lambda name: pytest.fail(name)))
    with commit():
        Client().force_login(alice)


def test_a_gateway_that_is_down_breaks_no_save(commit, monkeypatch, caplog):
    def down(name):
        raise SyncGatewayUnavailable("It is down.")

    monkeypatch.setattr(SyncGateway, "get_user", staticmethod(down))
    with caplog.at_level(logging.ERROR), commit():
        bob = User.objects.create_user("bob", "bob@example.com")
    assert "sync_gateway_users" in caplog.text
    assert name_of(bob) in caplog.text


# ------------------------------------------------------------------------------------ sessions


def test_a_session_for_a_phone(alice):
    client = Client()
    assert client.post("/gateway/session/").status_code == 401
    client.force_login(alice)
    assert client.get("/gateway/session/").status_code == 405
    answer = client.post("/gateway/session/")
    begun = answer.json()
    assert answer.cookies.get("SyncGatewaySession") is None
    assert (begun["name"], begun["cookie_name"]) == (name_of(alice), "SyncGatewaySession")
    assert begun["database"] == "test_documents"
    assert "no-store" in answer["Cache-Control"]
    other = client.post("/gateway/session/").json()
    assert SyncGateway.get_session(begun["session_id"])["userCtx"]["name"] == name_of(alice)
    client.logout()
    for session in (begun, other):
        with pytest.raises(SyncGatewayNotFound):
            SyncGateway.get_session(session["session_id"])


def test_a_session_ends_by_delete(alice):
    client = Client()
    client.force_login(alice)
    session = client.post("/gateway/session/").json()["session_id"]
    assert client.delete("/gateway/session/").status_code == 204
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_session(session)


def test_a_page_that_is_loaded_again_and_again(alice, monkeypatch):
    monkeypatch.setattr(sessions, "MOST", 2)
    client = Client()
    client.force_login(alice)
    first, *last = [client.post("/gateway/session/").json()["session_id"] for _ in range(3)]
    assert client.session["_django_cbtools_gateway_sessions"] == last
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_session(first)
    assert SyncGateway.get_session(last[0])["userCtx"]["name"] == name_of(alice)


def test_a_session_as_a_cookie(alice):
    client = Client()
    client.force_login(alice)
    answer = client.post("/cookie/", secure=True)
    cookie = answer.cookies["SyncGatewaySession"]
    assert cookie.value == answer.json()["session_id"]
    assert (cookie["path"], cookie["samesite"]) == ("/sync/", "Lax")
    assert cookie["httponly"]
    assert cookie["secure"]
    assert cookie["expires"]


def test_no_session_without_the_right(alice, commit):
    client = Client()
    client.force_login(alice)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post("/gateway/session/").status_code == 403
    # Changed where no signal is sent: it counts all the same.
    User.objects.update(email="")
    answer = client.post("/gateway/session/")
    assert (answer.status_code, answer.json()) == (
        403,
        {"error": "This user has no access to the gateway."},
    )


def test_access_is_up_to_date_when_a_session_begins(alice):
    editors = Group.objects.create(name="editors")
    User.groups.through.objects.create(user=alice, group=editors)
    assert at_gateway(alice)[1] == []
    client = Client()
    client.force_login(alice)
    client.post("/gateway/session/")
    assert at_gateway(alice)[1] == ["editors"]


def test_a_session_from_a_gateway_that_is_down(alice, monkeypatch):
    def down(*args):
        raise SyncGatewayUnavailable("It is down.")

    client = Client()
    client.force_login(alice)
    session = client.post("/gateway/session/").json()["session_id"]
    monkeypatch.setattr(SyncGateway, "create_session", staticmethod(down))
    assert client.post("/gateway/session/").status_code == 503
    monkeypatch.setattr(SyncGateway, "delete_session", staticmethod(down))
    client.logout()
    assert "_auth_user_id" not in client.session
    assert SyncGateway.get_session(session)


# ------------------------------------------------------------------------------------- command


def test_the_command(alice, capsys):
    User.objects.bulk_create(
        [User(username="bob", email="b@example.com"), User(username="carol", is_active=False)]
    )
    User.objects.filter(username="alice").update(is_active=False)
    bob = User.objects.get(username="bob")
    SyncGateway.put_user("user-0", password="secret")
    SyncGateway.put_user("somebody", password="secret")
    call_command("sync_gateway_users", "--dry-run", "--delete-unknown")
    said = capsys.readouterr().out
    assert f"{name_of(bob)}: would be made" in said
    assert "user-0: would be deleted" in said
    assert at_gateway(alice)[2] is False
    call_command("sync_gateway_users", "--delete-unknown")
    assert "1 deleted, 1 disabled, 1 made" in capsys.readouterr().out
    assert at_gateway(alice)[2] is True
    assert at_gateway(bob) == (["news", "public"], [], False)
    assert "somebody" in SyncGateway.get_users()
    call_command("sync_gateway_users")
    assert capsys.readouterr().out == "All users were up to date.\n"
    call_command("sync_gateway_users", verbosity=0)
    assert capsys.readouterr().out == ""


def test_the_command_for_some(alice, capsys):
    User.objects.update(is_active=False)
    with pytest.raises(CommandError, match="'nobody'"):
        call_command("sync_gateway_users", "nobody", "alice")
    assert at_gateway(alice)[2] is False
    call_command("sync_gateway_users", "alice")
    assert at_gateway(alice)[2] is True


def test_the_command_goes_on_where_one_fails(alice, monkeypatch):
    User.objects.bulk_create([User(username="bob", email="b@example.com")])
    bob = User.objects.get(username="bob")
    get_user = SyncGateway.get_user

    def down_for_alice(name):
        if name == name_of(alice):
            raise SyncGatewayUnavailable("It is down.")
        return get_user(name)

    monkeypatch.setattr(SyncGateway, "get_user", staticmethod(down_for_alice))
    with pytest.raises(CommandError, match=f"{name_of(alice)}: It is down"):
        call_command("sync_gateway_users")
    assert at_gateway(bob)[0] == ["news", "public"]


@pytest.mark.parametrize("name", [f"{__name__}.wrong_rule", "nowhere.rule", f"{__name__}.nothing"])
def test_a_rule_that_is_none(db, settings, name):
    settings.GATEWAY_USERS_RULE = name
    with pytest.raises(ImproperlyConfigured, match="GATEWAY_USERS_RULE"):
        access_of(User(pk=1))


def test_without_a_rule(db, settings):
    settings.GATEWAY_USERS_RULE = None
    assert access_of(User(pk=7)) == Access(["user-7"])
    assert access_of(User(pk=7, is_active=False)) is None


def test_channels_in_collections(settings, alice):
    settings.SYNC_GATEWAY_BUCKET = "test_collections"
    settings.SYNC_GATEWAY_DATABASE = {"scopes": {"inv": {"collections": {"a": {}, "b": {}}}}}
    settings.GATEWAY_USERS_RULE = None

    def channels():
        found = collections_of(SyncGateway.get_user(name_of(alice)))
        return {name: sorted(has.get("admin_channels", ())) for name, has in found.items()}

    own = [name_of(alice)]
    assert [synchronize(alice), synchronize(alice)] == ["made", None]
    assert channels() == {"inv.a": ["public", *own], "inv.b": ["public", *own]}
    settings.GATEWAY_USERS_RULE = f"{__name__}.rule_of_collections"
    assert [synchronize(alice), synchronize(alice)] == ["changed", None]
    assert channels() == {"inv.a": ["news", "public"], "inv.b": ["public"]}
