"""What somebody on the public port, a phone, may read and write."""

from __future__ import annotations

import pytest
import requests

from django_cbtools import conf
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.sync_gateway.calls.client import quote_uid
from django_cbtools.sync_gateway.transport.in_process import SCHEME, InProcessAdapter
from tests.testapp.models import CBArticle

from .conftest import eventually


class Phone:
    """Somebody who asks the public port: with a name and a password, a session's cookie, or
    nothing."""

    def __init__(self, auth=None, cookies=None):
        addresses = conf.urls("SYNC_GATEWAY_URL")
        self._url = f"{addresses[0] if addresses else f'{SCHEME}://public'}/"
        self._url += conf.get("SYNC_GATEWAY_BUCKET")
        self._auth = auth
        self._cookies = cookies

    def ask(self, method, path, **kwargs):
        # A connection for each: one that the server closes in between is not looked at here.
        with requests.Session() as session:
            session.mount(f"{SCHEME}://", InProcessAdapter(trusted=False))
            session.verify = conf.get("SYNC_GATEWAY_OPTIONS").get("verify", True)
            session.cert = conf.get("SYNC_GATEWAY_OPTIONS").get("cert")
            return session.request(
                method, f"{self._url}/{path}", auth=self._auth, cookies=self._cookies, timeout=60,
                **kwargs,
            )  # fmt: skip

    def status(self, document):
        """What he is told who asks for a document."""
        return self.ask("GET", quote_uid(document.uid)).status_code

    def feed(self, since=0):
        """The uids in his change feed, and where it ends."""
        answer = self.ask("GET", "_changes", params={"since": since}).json()
        rows = [row["id"] for row in answer["results"] if not row["id"].startswith("_")]
        return sorted(rows), answer["last_seq"]


@pytest.fixture
def ann(user):
    """Her name, and her phone."""
    name = user(admin_channels=["theirs"])
    return name, Phone((name, "secret"))


def saved(*channels):
    document = CBArticle(channels=list(channels))
    document.save()
    return document


@pytest.mark.parametrize(
    ("channels", "status"),
    [(["theirs"], 200), (["others"], 403), (["public"], 200), (["others", "theirs"], 200)],
)
def test_channels_let_in(ann, channels, status):
    assert ann[1].status(saved(*channels)) == status


def test_document_that_is_not_there(ann):
    assert ann[1].status(CBArticle(uid="cbtools-test-missing")) in (403, 404)


def test_who_is_not_let_in(ann):
    name, _ = ann
    document = saved("public")
    assert Phone((name, "wrong")).status(document) == 401
    assert Phone(("cbtools-test-nobody", "secret")).status(document) == 401
    assert Phone().status(document) == 401


def test_channels_that_are_opened_and_closed(ann):
    name, phone = ann
    mine, other = saved("theirs"), saved("others")
    SyncGateway.append_channels(name, ["others"])
    assert [phone.status(mine), phone.status(other)] == [200, 200]
    SyncGateway.remove_channels(name, ["theirs", "others"])
    assert [phone.status(mine), phone.status(other)] == [403, 403]


def test_document_that_changes_channels(ann):
    _, phone = ann
    document = saved("others")
    assert phone.status(document) == 403
    document.append_channel("theirs")
    document.save()
    assert phone.status(document) == 200
    document.channels = ["others"]
    document.save()
    assert phone.status(document) == 403


def test_disabled_users(ann):
    name, phone = ann
    document = saved("theirs")
    SyncGateway.put_user(name, disabled=True)
    assert phone.status(document) == 401
    SyncGateway.put_user(name, disabled=False)
    assert phone.status(document) == 200


def test_new_password(ann):
    name, old = ann
    document = saved("theirs")
    SyncGateway.put_user(name, password="new secret")
    assert old.status(document) == 401
    assert Phone((name, "new secret")).status(document) == 200


def test_user_who_is_deleted(ann):
    name, phone = ann
    document = saved("theirs")
    SyncGateway.delete_user(name)
    assert phone.status(document) == 401


def test_session(ann):
    name, _ = ann
    document, other = saved("theirs"), saved("others")
    session = SyncGateway.create_session(name, ttl=3600).json()
    phone = Phone(cookies={session["cookie_name"]: session["session_id"]})
    assert [phone.status(document), phone.status(other)] == [200, 403]
    assert Phone(cookies={session["cookie_name"]: "0" * 40}).status(document) == 401


def test_what_a_phone_writes(ann):
    document = saved("theirs")
    _, phone = ann
    body = phone.ask("GET", quote_uid(document.uid)).json()
    answer = phone.ask("PUT", quote_uid(document.uid), json={**body, "battery": 7})
    assert answer.status_code == 201
    loaded = CBArticle(document.uid)
    assert (loaded.rev, loaded.extra["battery"]) == (answer.json()["rev"], 7)
    loaded.save()
    assert phone.ask("GET", quote_uid(document.uid)).json()["battery"] == 7
    stale = phone.ask("PUT", quote_uid(document.uid), json={**body, "battery": 8})
    assert stale.status_code == 409


def test_admin_api_is_not_on_the_public_port(ann):
    name, phone = ann
    # 403 where a gateway of an older version, or a proxy before it, says so.
    assert phone.ask("GET", f"_user/{name}").status_code in (401, 403, 404)
    assert phone.ask("PUT", f"_user/{name}", json={"admin_channels": ["*"]}).status_code >= 400
    assert "*" not in SyncGateway.get_user(name)["admin_channels"]


def test_feed(ann):
    _, phone = ann
    eventually(lambda: phone.feed()[0], [])
    first, second, _ = saved("theirs"), saved("public"), saved("others")
    eventually(lambda: phone.feed()[0], sorted([first.uid, second.uid]))
    _, here = phone.feed()
    third = saved("theirs")
    eventually(lambda: phone.feed(here)[0], [third.uid])
    first.save()
    eventually(lambda: phone.feed(here)[0], sorted([first.uid, third.uid]))


def test_feed_tells_of_channels_that_are_opened(ann):
    name, phone = ann
    document = saved("others")
    eventually(lambda: phone.feed()[0], [])
    _, here = phone.feed()
    SyncGateway.append_channels(name, ["others"])
    eventually(lambda: phone.feed(here)[0], [document.uid])
