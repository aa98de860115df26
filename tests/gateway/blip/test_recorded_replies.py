"""What a client that behaves as Couchbase Lite asked a real gateway: the same replies."""

from __future__ import annotations

import base64
import copy
import json

import pytest

from django_cbtools.embedded.blip.messages import Message
from tests.gateway.feed.client import allow, ask

from . import recordings
from .client import changes_wanted

pytestmark = pytest.mark.django_db(transaction=True)
EXCHANGES = ["20-client-cbmobile2.json", "20-client-cbmobile3.json"]
#: The attachments that the recorded documents hold.
CONTENTS = [b"blip att", b"pulled attachment"]


def _seed(asked, told):
    """Write the documents that were at the gateway before the client came."""
    pushed = {message["properties"].get("id") for message in asked}
    docs = []
    for message in told:
        properties = message["properties"]
        if properties["Profile"] != "rev" or properties["id"] in pushed:
            continue
        revs = [properties["rev"], *filter(None, properties.get("history", "").split(","))]
        ids = [rev.partition("-")[2] for rev in revs]
        body = copy.deepcopy(message["body"]["json"])
        for meta in body.get("_attachments", {}).values():
            data = next(data for data in CONTENTS if len(data) == meta["length"])
            meta["data"] = base64.b64encode(data).decode()
        history = {"start": int(revs[0].partition("-")[0]), "ids": ids}
        docs.append({**body, "_id": properties["id"], "_revisions": history})
    ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})


def _sorted(messages):
    """The client's requests, the replies to them by number, the gateway's requests, and those of
    them that are revisions."""
    asked = [m for m in messages if m["dir"] == recordings.CLIENT and m["type"] == "REQ"]
    told = [m for m in messages if m["dir"] == recordings.SERVER and m["type"] == "REQ"]
    replied = {
        m["number"]: m for m in messages
        if m["dir"] == recordings.SERVER and m["type"] in ("RES", "ERR")
    }  # fmt: skip
    return asked, replied, told, [m for m in told if m["properties"]["Profile"] == "rev"]


def _said(message):
    """What must be the same. Sequences count what was written before."""
    properties = {k: v for k, v in message["properties"].items() if k != "sequence"}
    body = message.get("body", {})
    if properties.get("Profile") == "changes" and body.get("json"):
        body = {"json": sorted(row[1:] for row in body["json"])}
    return properties, body, message["compressed"], message["noreply"], message["type"]


def _sorted_texts(messages):
    return sorted(json.dumps(_said(message), sort_keys=True) for message in messages)


def _plain(message):
    """A message that has come, in the form of the recorded ones."""
    types = {0: "REQ", 1: "RES", 2: "ERR"}
    plain = {
        "type": types[message.kind], "properties": message.properties,
        "compressed": message.compressed, "noreply": message.no_reply, "number": message.number,
    }  # fmt: skip
    if message.body:
        try:
            plain["body"] = {"json": json.loads(message.body)}
        except ValueError:
            plain["body"] = {"text": message.body.decode()}
    return plain


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_replies_are_the_same(name, phone):
    (recorded,) = recordings.connections(name)
    asked, replied, told, answered = _sorted(recorded["messages"])
    _seed(asked, told)
    allow("*")
    client = phone(protocol=recorded["protocol"])
    client.on["getAttachment"] = lambda message: Message({}, CONTENTS[0])
    client.on["changes"] = changes_wanted
    for message in asked:
        properties = dict(message["properties"])
        body = recordings.body(message)
        if body is None:
            body = json.dumps(message["body"]["json"]).encode()
        reply = client.ask(properties.pop("Profile", ""), body, **properties)
        expected = _said(replied[message["number"]])
        assert _said(_plain(reply)) == expected, message
        if message["properties"].get("filter") == "sync_gateway/bychannel":
            client.until(lambda: len(client.of("rev")) == len(answered))
    assert _sorted_texts(map(_plain, client.requests)) == _sorted_texts(told)
