"""What a phone writes for users, groups and the keys of their names counts for nothing.

The gateway has the default sync function, which lets any user write any document.
``tests/contrib/test_without_sql.py`` runs them with the settings of this folder.
"""

from __future__ import annotations

import json
import time

import pytest
from asgiref.sync import async_to_sync
from django.contrib import auth
from django.contrib.admin.utils import quote
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.hashers import make_password
from django.contrib.auth.management.commands import createsuperuser
from django.core.management import call_command
from django.test import Client

from django_cbtools.contrib.auth.backends import DocumentBackend
from django_cbtools.contrib.auth.models import Group, User
from django_cbtools.contrib.auth.signing import SIGNATURE, Unsigned
from django_cbtools.exceptions import SyncGatewayBulkError, UniqueKeyTaken
from django_cbtools.models import merge_fields
from django_cbtools.models.writing.unique_keys import keys_of
from django_cbtools.sync_gateway import SyncGateway
from tests.branches import push

pytestmark = pytest.mark.django_db(databases=["couchbase"])

BACKENDS = [
    "django_cbtools.contrib.auth.backends.DocumentBackend",
    "django_cbtools.contrib.auth.backends.GatewayBackend",
]


@pytest.fixture
def phone(settings):
    settings.AUTHENTICATION_BACKENDS = BACKENDS
    SyncGateway.put_user("bob", password="at-gateway", admin_channels=["notes"])
    bob = SyncGateway.as_user("bob", "at-gateway")
    yield bob
    bob.close()


def forged(**members):
    return {
        "doc_type": "django_user", "channels": [], "username": "mallory", "email": "m@x.de",
        "password": make_password("mine"), "is_active": True, "is_staff": True,
        "is_superuser": True, "groups": [], "user_permissions": ["a.b"], **members,
    }  # fmt: skip


def key_of(name):
    (key,) = keys_of(User, {"username": name})
    return key


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]


def tamper(phone, uid, **members):
    """What a phone could write that knows more than one does: all of the document."""
    phone.save_json(uid, {**stored(uid), **members})


def is_signed(uid):
    return User._counts(uid, stored(uid))


def test_a_phone_makes_a_superuser(phone, caplog):
    phone.save_json("duser_mine", forged())
    phone.save_json(key_of("mallory"), {"doc_type": "unique_key", "owner": "duser_mine"})
    assert auth.authenticate(username="mallory", password="mine") is None
    assert async_to_sync(auth.aauthenticate)(username="mallory", password="mine") is None
    assert "duser_mine has no valid signature" in caplog.text
    assert DocumentBackend().get_user("duser_mine") is None
    mallory = User("duser_mine")
    with pytest.raises(Unsigned):
        Client().force_login(mallory, BACKENDS[0])
    assert not mallory.has_perm("a.b")
    assert not mallory.has_module_perms("a")
    assert DocumentBackend().get_all_permissions(mallory) == set()
    assert not User.objects.with_perm("a.b", backend=BACKENDS[0])
    # Django's page for forgotten passwords would do this.
    mallory.set_password("other")
    with pytest.raises(Unsigned, match=r"duser_mine has no valid signature.*vouch"):
        mallory.save()
    assert not is_signed("duser_mine")


def test_a_phone_makes_what_the_gateways_password_logs_in(phone):
    group = Group(name="writers", permissions=["a.b"])
    group.save()
    body = forged(username="bob", password="!", is_staff=False, is_superuser=False)
    phone.save_json("duser_mine", {**body, "groups": [group.uid]})
    phone.save_json(key_of("bob"), {"doc_type": "unique_key", "owner": "duser_mine"})
    bob = auth.authenticate(username="bob", password="at-gateway")
    assert (bob.uid != "duser_mine", bob.get_all_permissions()) == (True, set())
    assert auth.authenticate(username="bob", password="at-gateway") == bob


@pytest.mark.parametrize(
    "members",
    [{"password": make_password("mine")}, {"is_superuser": True}, {"groups": ["dgroup_staff"]},
     {"email": "m@x.de"}, {"signature": None}, {"signature": "é"}, {"groups": ["\ud800"]}],
    ids=["password", "superuser", "groups", "email", "no-signature", "odd-signature", "odd-text"],
)  # fmt: skip
def test_a_phone_tampers(phone, caplog, members):
    bob = User.objects.create_user("bob", "b@x.de")
    client = Client()
    client.force_login(bob, BACKENDS[0])
    assert auth.get_user(client) == bob
    signature = stored(bob.uid)[SIGNATURE]
    tamper(phone, bob.uid, **{"first_name": "B", **members})
    for password in ("mine", "at-gateway"):
        assert auth.authenticate(username="bob", password=password) is None
    assert auth.get_user(client).is_anonymous
    assert bob.uid in caplog.text
    assert signature not in caplog.text
    # Other back ends than ours ask for no signature.
    found = User.objects.get(pk=bob.uid)
    assert (found.is_active, found.is_superuser, found.is_staff) == (False, False, False)
    assert found.groups == []
    assert not found.has_usable_password()
    assert ModelBackend().get_user(bob.uid) is None
    # Whatever writes to it does not sign it, and says so.
    changed = User(bob.uid)
    changed.first_name = "Bob"
    for write in (
        lambda: changed.save(),
        lambda: changed.save(update_fields=["first_name"]),
        lambda: changed.save(merge=merge_fields),
        lambda: changed.undelete(),
        lambda: User.update_document(bob.uid, lambda user: None),
    ):
        with pytest.raises(Unsigned):
            write()
    for write in (
        lambda: User.objects.update(is_active=True),
        lambda: User.objects.bulk_update([changed], ["first_name"]),
    ):
        with pytest.raises(SyncGatewayBulkError, match="no valid signature"):
            write()
    assert not is_signed(bob.uid)
    # The name stays his.
    with pytest.raises(UniqueKeyTaken):
        User.objects.create_user("bob")
    changed.delete()
    changed.st_deleted = False
    with pytest.raises(Unsigned):
        changed.save()


def test_the_class_says_what_is_signed(phone, alice, monkeypatch):
    tamper(phone, alice.uid, first_name="Alice", is_active=True)
    assert auth.authenticate(username="alice", password="secret").first_name == "Alice"
    monkeypatch.setattr(User, "signed_fields", (*User.signed_fields, "last_name"))
    bob = User.objects.create_user("bob", password="secret")
    assert auth.authenticate(username="bob", password="secret") == bob
    tamper(phone, bob.uid, last_name="Boss")
    assert auth.authenticate(username="bob", password="secret") is None


def test_a_signature_is_of_one_document(alice):
    SyncGateway.save_json(
        "duser_other", {k: v for k, v in stored(alice.uid).items() if k[0] != "_"}
    )
    assert DocumentBackend().get_user(alice.uid) == alice
    assert DocumentBackend().get_user("duser_other") is None


def test_groups(phone):
    group = Group(name="writers", permissions=["a.b"])
    group.save()
    phone.save_json(
        "dgroup_mine", {"doc_type": "django_group", "name": "x", "permissions": ["a.c"]}
    )
    carol = User.objects.create_user("carol", groups=[group.uid, "dgroup_mine"])
    assert User(carol.uid).get_all_permissions() == {"a.b"}
    assert not User.objects.with_perm("a.c", backend=BACKENDS[0])
    assert set(User.objects.with_perm("a.b", backend=BACKENDS[0])) == {carol}
    tamper(phone, group.uid, permissions=["a.b", "a.c"])
    assert User(carol.uid).get_all_permissions() == set()
    assert not User.objects.with_perm("a.b", backend=BACKENDS[0])


# ------------------------------------------------------------------------- writes


def test_all_that_writes_signs(alice, monkeypatch, tmp_path):
    def check():
        assert is_signed(alice.uid)
        assert SIGNATURE not in User(alice.uid).extra
        return User(alice.uid)

    alice = check()
    alice.is_staff = True
    alice.save()
    alice = check()
    alice.is_superuser = True
    alice.save(update_fields=["is_superuser"])
    check()
    User.objects.update(email="other@x.de")
    alice = check()
    alice.user_permissions = ["a.b"]
    User.objects.bulk_update([alice], ["user_permissions"])
    stale, alice = alice, check()
    alice.groups = ["dgroup_1"]
    alice.save()
    stale.username = "alicia"
    stale.save(merge=merge_fields)
    alice = check()
    assert (alice.groups, alice.username, alice.is_active) == (["dgroup_1"], "alicia", True)
    alice.delete()
    assert is_signed(alice.uid)
    alice.undelete()
    check()
    users = [User(username=name) for name in ("x", "y")]
    User.objects.bulk_create(users)
    users[0].is_staff = True
    User.objects.bulk_save(users)
    assert all(is_signed(user.uid) for user in users)

    dump = str(tmp_path / "all.json")
    call_command("dumpdata", "cb_auth.User", database="couchbase", output=dump, verbosity=0)
    assert SIGNATURE in stored(alice.uid)
    (tmp_path / "one.json").write_text(
        json.dumps([{"model": "cb_auth.user", "pk": "duser_new", "fields": {"username": "new"}}])
    )
    SyncGateway.save_json(alice.uid, {**stored(alice.uid), "username": "forged"})
    fixtures = [str(tmp_path / name) for name in ("all.json", "one.json")]
    call_command("loaddata", *fixtures, database="couchbase", verbosity=0)
    assert (check().username, is_signed("duser_new")) == ("alicia", True)

    monkeypatch.setattr(createsuperuser.Command, "requires_migrations_checks", False)
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "secret")
    call_command("createsuperuser", "--noinput", "--username=root", "--email=r@x.de", verbosity=0)
    assert auth.authenticate(username="root", password="secret").is_superuser


def test_keys_are_rotated(alice, settings):
    group = Group(name="writers")
    group.save()
    old, settings.SECRET_KEY = settings.SECRET_KEY, "new"
    assert auth.authenticate(username="alice", password="secret") is None
    settings.SECRET_KEY_FALLBACKS = [old]
    assert auth.authenticate(username="alice", password="secret")
    for model in (User, Group):
        model.objects.bulk_save(model.all_objects.iterator())
    settings.SECRET_KEY_FALLBACKS = []
    assert auth.authenticate(username="alice", password="secret")
    assert Group(group.uid).is_signed()


def test_vouching(phone, alice):
    tamper(phone, alice.uid, is_staff=True, username="root")
    user = User(alice.uid)
    assert not user.is_staff
    user.username, user.is_active, user.is_staff = "alice", True, True
    user.set_password("secret")
    user.vouch()
    user.save()
    assert auth.authenticate(username="alice", password="secret").is_staff
    # For this revision only.
    tamper(phone, alice.uid, is_superuser=True)
    user.load(alice.uid)
    with pytest.raises(Unsigned):
        user.save()


def test_how_numbers_are_written_does_not_matter():
    body = Group._seal("unq_1", {"doc_type": "unique_key", "owner": "x", "claimed": 1})
    assert Group._counts("unq_1", {**body, "claimed": 1.0})
    assert not Group._counts("unq_1", {**body, "claimed": 2})
    assert not Group._counts("unq_1", {**body, "claimed": float("inf")})


def test_conflicts(phone, alice):
    """A phone that knows no revision writes a branch of its own."""
    with phone._asking():
        push(alice.uid, "abc", start=9, **forged(username="alice"))
    leaves = {leaf.rev: leaf.is_signed() for leaf in User.conflicts(alice.uid)}
    assert leaves == {alice.rev: True, "9-abc": False}
    with pytest.raises(Unsigned):
        User.resolve_conflict(alice.uid, winner="9-abc")
    with pytest.raises(Unsigned):
        User.resolve_conflict(alice.uid, merge=lambda leaves: leaves[1])
    assert DocumentBackend().get_user(alice.uid) is None
    User(alice.uid).hard_delete()
    assert auth.authenticate(username="alice", password="secret") == alice


def test_a_branch_that_loses(phone, alice):
    def take_over(leaves):
        leaves[0].is_superuser = leaves[1].is_superuser
        return leaves[0]

    with phone._asking():
        push(alice.uid, "0", start=1, **forged(username="alice"))
    assert auth.authenticate(username="alice", password="secret") == alice
    with pytest.raises(Unsigned):
        User.resolve_conflict(alice.uid, merge=take_over)
    User.resolve_conflict(alice.uid, winner=alice.rev)
    assert not User.conflicts(alice.uid)
    assert not auth.authenticate(username="alice", password="secret").is_superuser


# -------------------------------------------------------------------------- names


@pytest.mark.parametrize("claimed", [0, "now"])
def test_a_phone_takes_a_name(phone, alice, claimed):
    phone.save_json("duser_mine", forged(username="alice"))
    tamper(
        phone, key_of("alice"),
        owner="duser_mine", claimed=time.time() if claimed else 0,
    )  # fmt: skip
    assert auth.authenticate(username="alice", password="mine") is None
    assert auth.authenticate(username="alice", password="secret") == alice
    with pytest.raises(UniqueKeyTaken):
        User.objects.create_user("alice")
    dave = User.objects.create_user("dave")
    tamper(phone, key_of("alice"), owner=dave.uid)
    dave.username = "alice"
    with pytest.raises(UniqueKeyTaken):
        dave.save()
    # One that nobody has is not taken by it.
    phone.save_json("duser_yours", forged(username="carol"))
    key = {"doc_type": "unique_key", "owner": "duser_yours", "claimed": time.time()}
    phone.save_json(key_of("carol"), key)
    carol = User.objects.create_user("carol", password="secret")
    assert auth.authenticate(username="carol", password="secret") == carol


# ---------------------------------------------------------------------- the admin


def test_the_admin(phone, root, alice):
    client = Client()
    client.force_login(root, BACKENDS[0])
    group = Group(name="writers")
    group.save()
    tamper(phone, alice.uid, is_superuser=True)
    tamper(phone, group.uid, permissions=["a.b"], channels=["notes"])
    assert client.get(f"/admin/cb_auth/user/{quote(alice.uid)}/password/").status_code == 403
    signatures = [stored(each.uid)[SIGNATURE] for each in (root, alice, group)]
    for name, document in (("user", alice), ("group", group)):
        url = f"/admin/cb_auth/{name}/{quote(document.uid)}/change/"
        assert b"icon-no.svg" in client.get(f"/admin/cb_auth/{name}/").content
        page = client.get(url).content.decode()
        assert "This document is not valid" in page
        assert 'name="_save"' not in page
        assert client.post(url, {"username": "alice", "name": "writers"}).status_code == 403
        history = client.get(url.replace("change", "history")).content.decode()
        assert not any(each in text for each in signatures for text in (page, history))
        assert client.post(url.replace("change", "delete"), {"post": "yes"}).status_code == 302
    assert not is_signed(alice.uid)
    assert not User.objects.filter(pk=alice.uid)
    page = client.get(f"/admin/cb_auth/user/{quote(root.uid)}/change/").content.decode()
    assert 'name="_save"' in page
