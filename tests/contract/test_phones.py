"""A phone with Couchbase Lite: what it pushes, pulls, and is refused."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid

import pytest

from django_cbtools import conf
from django_cbtools.embedded.blip.messages import Message
from django_cbtools.sync_gateway import SyncGateway
from tests.contract.conftest import IS_LIVE
from tests.gateway.blip.client import VERSION_2, VERSION_3, Client

pytestmark = pytest.mark.parametrize(
    "gateway", ["live" if IS_LIVE else "over HTTP"], indirect=True
)  # fmt: skip
versions = pytest.mark.parametrize("version", [VERSION_2, VERSION_3])
DATA = b"what the attachment holds " * 4000


@pytest.fixture
def phone(gateway):
    """A function that connects a phone of one user, who has the channel "a"."""
    name = f"u{uuid.uuid4().hex}"
    opened = []

    def connect(**options):
        url, bucket = conf.get("SYNC_GATEWAY_URL"), conf.get("SYNC_GATEWAY_BUCKET")
        client = Client(url, bucket, (name, "password"), **options)
        opened.append(client)
        return client

    SyncGateway.put_user(name, password="password", admin_channels=["a"])
    connect.allow = lambda *channels: SyncGateway.put_user(name, admin_channels=channels)
    yield connect
    for client in opened:
        client.close()
    SyncGateway.delete_user(name)


def _uid():
    return f"p{uuid.uuid4().hex}"


def _save(uid, **body):
    return SyncGateway.save_json(uid, {"channels": ["a"], **body}).json()["rev"]


def _refused(reply):
    assert reply.is_error
    return int(reply.properties["Error-Code"]), reply.body.decode()


@versions
def test_what_one_phone_pushes_another_pulls(phone, version):
    uid, body = _uid(), {"channels": ["a"], "n": 2}
    client = phone(protocol=version)
    assert json.loads(client.ask("proposeChanges", [[uid, "2-b", "1-a"]]).body) == []
    assert not client.put(uid, "2-b", body, ["1-a"]).is_error
    assert _refused(client.put(uid, "2-c", body, ["1-a"])) == (409, "Document revision conflict")
    other = phone(protocol=version)
    assert other.pull()[uid] == body
    (sent,) = (m for m in other.of("rev") if m.properties["id"] == uid)
    assert (sent.properties["rev"], sent.properties["history"]) == ("2-b", "1-a")
    assert not client.put(uid, "3-d", {}, ["2-b"], deleted="1").is_error
    assert phone(protocol=version).pull()[uid] is None


@versions
def test_attachments_both_ways(phone, version):
    digest = "sha1-" + base64.b64encode(hashlib.sha1(DATA, usedforsecurity=False).digest()).decode()
    meta = {"stub": True, "digest": digest, "length": len(DATA), "revpos": 1}
    uid = _uid()
    client = phone(protocol=version)
    client.on["getAttachment"] = lambda message: Message({}, DATA, compressed=True)
    body = {"channels": ["a"], "_attachments": {"blob_/x": meta}}
    assert not client.put(uid, "1-a", body).is_error
    other = phone(protocol=version)
    other.on["rev"] = lambda message: None
    other.on["changes"] = lambda message: Message(
        {}, json.dumps([[] if row[1] == uid else 0 for row in json.loads(message.body) or []])
        .encode()
    )  # fmt: skip
    other.ask("subChanges")
    other.until(lambda: other.of("rev"))
    got = other.ask("getAttachment", digest=digest, docID=uid, compress="true")
    assert got.body == DATA


@pytest.mark.parametrize("active_only", ["true", "false"])
def test_an_open_pull_is_told_of_changes_and_of_channels_that_come_and_go(phone, active_only):
    """With activeOnly, the feed has no tombstones at first: the phone has no documents yet."""
    mine, theirs, before, gone = (_uid() for _ in range(4))
    _save(theirs, channels=["b"])
    _save(before, _rev=_save(before), _deleted=True, channels=[])
    client = phone()
    docs = client.pull(continuous="true", revocations="true", activeOnly=active_only)
    assert (before in docs) == (active_only == "false")
    rev, last = _save(mine), _save(gone)
    client.until(lambda: mine in docs and gone in docs)
    _save(gone, _rev=last, _deleted=True, channels=[])
    client.until(lambda: docs[gone] is None)
    phone.allow("a", "b")
    client.until(lambda: theirs in docs)
    phone.allow("a")
    _save(mine, _rev=rev, channels=["elsewhere"])

    def flags():
        rows = [row for m in client.of("changes") for row in json.loads(m.body) or []]
        return {row[1]: row[3] if len(row) > 3 else 0 for row in rows}

    client.until(lambda: flags().get(theirs) == 2)
    client.until(lambda: flags().get(mine) == 4)


def test_checkpoints(phone):
    client, me = phone(), _uid()
    assert client.error("getCheckpoint", client=me) == (404, "missing")
    assert client.ask("setCheckpoint", {"a": 1}, client=me).properties == {"rev": "0-1"}
    refusal = (409, "Document update conflict")
    assert client.error("setCheckpoint", {"a": 2}, client=me) == refusal
    assert client.ask("getCheckpoint", client=me).body == b'{"a":1}'
