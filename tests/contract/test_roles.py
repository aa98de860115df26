"""Roles, sessions, and documents through the eyes of users."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Generator

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
)
from tests.testapp.models import CBArticle


@pytest.fixture
def role(gateway: None) -> Generator[Callable[..., str], None, None]:
    """Makes roles, of names that nobody else has, and deletes them afterwards."""
    names: list[str] = []

    def make(*channels: str) -> str:
        names.append(f"cbtools-test-{secrets.token_hex(4)}")
        SyncGateway.put_role(names[-1], channels)
        return names[-1]

    yield make
    for name in names:
        try:
            SyncGateway.delete_role(name)
        except SyncGatewayNotFound:
            continue


def test_a_role_opens_its_channels(user, role):
    editors = role("drafts")
    name = user(admin_roles=[editors])
    draft = CBArticle(title="A draft", channels=["drafts"])
    draft.save()
    alice = SyncGateway.as_user(name, "secret")
    assert alice.all_docs([draft.uid])["rows"][0]["doc"]["title"] == "A draft"
    SyncGateway.put_role(editors, ["others"])
    assert SyncGateway.get_role(editors)["admin_channels"] == ["others"]
    assert alice.all_docs([draft.uid])["rows"][0]["status"] == 403


def test_roles_are_listed_and_deleted(role):
    editors = role("drafts")
    assert editors in SyncGateway.get_roles()
    SyncGateway.put_role(editors)
    assert SyncGateway.get_role(editors)["admin_channels"] == ["drafts"]
    SyncGateway.delete_role(editors)
    assert editors not in SyncGateway.get_roles()
    for call in (SyncGateway.get_role, SyncGateway.delete_role):
        with pytest.raises(SyncGatewayNotFound):
            call(editors)


def test_roles_of_a_user(user, role):
    first, second = role("a"), role("b")
    name = user(admin_channels=["own"])
    SyncGateway.append_roles(name, [first, second])
    SyncGateway.append_roles(name, [first])
    assert sorted(SyncGateway.get_user(name)["admin_roles"]) == sorted([first, second])
    SyncGateway.put_user(name, email="ann@example.com")
    SyncGateway.remove_roles(name, [second, "never"])
    assert SyncGateway.get_user(name)["admin_roles"] == [first]
    SyncGateway.remove_roles(name, [first])
    assert not SyncGateway.get_user(name).get("admin_roles")
    assert sorted(SyncGateway.get_user(name)["admin_channels"]) == ["own", "public"]


@pytest.mark.parametrize("name", ["", "a/b", "..", None, "\ud800"])
def test_names_that_no_role_can_have(gateway, name):
    with pytest.raises(SyncGatewayBadRequest):
        SyncGateway.put_role(name)


@pytest.mark.parametrize("name", ["a:b", "a,b", "a`b"])
def test_names_that_the_gateway_refuses(gateway, name):
    with pytest.raises(SyncGatewayBadRequest):
        SyncGateway.put_role(name, ["a"])


def test_users_write_as_phones_do(user):
    name = user(admin_channels=["drafts"])
    alice = SyncGateway.as_user(name, "secret")
    uid = CBArticle().get_uid()
    answer = alice.save_json(uid, {"doc_type": "article", "title": "Hers", "channels": ["drafts"]})
    assert CBArticle(uid).title == "Hers"
    alice.delete_document(uid, answer.json()["rev"])
    with pytest.raises(CBArticle.DoesNotExist):
        CBArticle(uid)


def test_attachments_are_read_by_the_user(user):
    name = user(admin_channels=["drafts"])
    draft = CBArticle(title="A draft", channels=["drafts"])
    draft.save()
    SyncGateway.put_attachment(draft.uid, "notes.txt", b"0123456789", "text/plain", draft.rev)
    alice = SyncGateway.as_user(name, "secret")
    with alice.get_attachment(draft.uid, "notes.txt") as notes:
        assert notes.read() == b"0123456789"
        SyncGateway.remove_channels(name, ["drafts"])
        # It is asked again, by her.
        notes.seek(0)
        with pytest.raises(SyncGatewayForbidden):
            notes.read()


def test_changes_are_those_that_the_user_may_read(user):
    alice = SyncGateway.as_user(user(admin_channels=["drafts"]), "secret")
    draft, secret = CBArticle(channels=["drafts"]), CBArticle(channels=["others"])
    for document in (draft, secret):
        document.save()

    async def changed() -> list[str]:
        return [change.uid async for change in alice.achanges(request_plus=True)]

    assert [change.uid for change in alice.changes(request_plus=True)] == [draft.uid]
    assert asyncio.run(changed()) == [draft.uid]


def test_what_a_user_may_not_do(user):
    secret = CBArticle(title="Secret", channels=["others"])
    secret.save()
    alice = SyncGateway.as_user(user(), "secret")
    with pytest.raises(SyncGatewayForbidden):
        alice.get_revisions(secret.uid)
    with pytest.raises(AttributeError, match="SyncGateway itself has users"):
        alice.put_user("bob")
    with pytest.raises(SyncGatewayForbidden):
        SyncGateway.as_user("nobody-of-that-name", "secret").all_docs([secret.uid])
    # The library's own login is not touched.
    assert SyncGateway.get_revisions(secret.uid)[0].rev == secret.rev


def test_a_user_needs_a_name(gateway):
    with pytest.raises(ValueError, match="name"):
        SyncGateway.as_user("", "secret")


def test_whether_a_password_is_right(user):
    name = user(admin_channels=["news"])
    alice = SyncGateway.as_user(name, "secret")
    for _ in range(2):
        found = alice.get_session()["userCtx"]
        assert (found["name"], sorted(found["channels"])) == (name, ["!", "news", "public"])
        alice.close()
    assert asyncio.run(alice.aget_session())["userCtx"]["name"] == name
    disabled = user("bob")
    SyncGateway.put_user(disabled, disabled=True)
    nobody = "nobody-of-that-name"
    for wrong in ((name, "other"), (name, ""), (nobody, "secret"), (disabled, "secret")):
        with pytest.raises(SyncGatewayForbidden) as refused:
            SyncGateway.as_user(*wrong).get_session()
        assert refused.value.status == 401


def test_a_password_is_in_no_text(user):
    alice = SyncGateway.as_user(user(), "pa55word")
    assert "pa55word" not in repr(alice) + repr(vars(alice))
    with pytest.raises(SyncGatewayForbidden) as refused:
        alice.all_docs(["a"])
    assert "pa55word" not in str(refused.value)


def test_two_users_at_once(user):
    """Each task asks in the name of its own user."""
    first, second = user("ann", admin_channels=["a"]), user("bob", admin_channels=["b"])
    documents = {name: CBArticle(title=name, channels=[name]) for name in ("a", "b")}
    for document in documents.values():
        document.save()
    uids = [document.uid for document in documents.values()]

    async def seen(name: str) -> list[bool]:
        rows = (await SyncGateway.as_user(name, "secret").aall_docs(uids))["rows"]
        return ["doc" in row for row in rows]

    async def ask() -> list[list[bool]]:
        return await asyncio.gather(*map(seen, [first, second] * 3))

    assert asyncio.run(ask()) == [[True, False], [False, True]] * 3


def test_sessions_end(user):
    name = user()
    first, second, third = (SyncGateway.create_session(name).json()["session_id"] for _ in range(3))
    assert SyncGateway.get_session(first)["userCtx"]["name"] == name
    SyncGateway.delete_session(first)
    SyncGateway.delete_session(first)
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_session(first)
    assert SyncGateway.get_session(second)["userCtx"]["name"] == name
    SyncGateway.delete_sessions(name)
    for ended in (second, third):
        with pytest.raises(SyncGatewayNotFound):
            SyncGateway.get_session(ended)


def test_every_call_has_a_twin():
    calls = {name for name in dir(SyncGateway) if not name.startswith("_")}
    no_network = {"get_auth", "as_user", "in_keyspace"}
    twins = {name for name in calls if name[0] == "a" and name[1:] in calls}
    assert calls - twins - no_network == {name[1:] for name in twins}
