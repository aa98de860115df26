"""What an administrator is shown of a document: its metadata, and the channels it was in."""

from __future__ import annotations

import base64
import hashlib
import json
from html import unescape
from urllib.parse import quote

import pytest

from tests.gateway.access.client import ADMIN, add_user, create_database

pytestmark = pytest.mark.django_db

SYNC = """function (doc) {
  channel(doc.channels); access(doc.to || [], doc.opens || []); role(doc.to || [], doc.roles || []);
}"""


@pytest.fixture(autouse=True)
def database():
    create_database(SYNC)


def put(uid="doc", **body):
    """Write a document over what is there."""
    _, known = ADMIN.get(f"/{uid}")
    body |= {"_rev": known["_rev"]} if "_rev" in known else {}
    status, answer = ADMIN.put(f"/{uid}", body)
    assert status == 201, answer
    return answer


def raw(uid="doc", **query):
    status, answer = ADMIN.get(f"/_raw/{uid}", **query)
    assert status == 200, answer
    return answer


def sync(uid="doc", **query):
    return raw(uid, **query)["_xattrs"]["_sync"]


# ---------------------------------------------------------------------- _raw


def crc32c(data):
    """Bit by bit."""
    rest = 0xFFFFFFFF
    for byte in data:
        rest ^= byte
        for _ in range(8):
            rest = rest >> 1 ^ (0x82F63B78 if rest & 1 else 0)
    return rest ^ 0xFFFFFFFF


@pytest.mark.parametrize("body", [{}, {"n": 1}, {"text": "\u00e9\u4e2d<"}, {"pad": "x" * 5000}])
def test_the_checksum_is_that_of_the_body(body):
    assert crc32c(b"123456789") == 0xE3069283
    put(**body)
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    xattrs = raw()["_xattrs"]
    expected = f"0x{crc32c(text.encode()):08x}"
    assert xattrs["$document"]["value_crc32c"] == xattrs["_sync"]["value_crc32c"] == expected


def test_versions_are_written_as_couchbase_server_does():
    cv = put()["cv"]
    number, _, source = cv.partition("@")
    swapped = "0x" + "".join(reversed([number[at : at + 2] for at in range(0, 16, 2)]))
    xattrs = raw()["_xattrs"]
    assert xattrs["_vv"] == {"cvCas": swapped, "src": source, "ver": swapped}
    assert xattrs["_sync"]["rev"]["ver"] == xattrs["_sync"]["cas"] == swapped
    assert xattrs["$document"]["CAS"] == f"0x{number}"


def test_numbers_come_as_they_were():
    text = '{"a":1E+2,"b":-0,"c":1.0,"d":' + "9" * 5000 + "}"
    assert ADMIN.put("/doc", text)[0] == 201
    answer = ADMIN.send("GET", "/_raw/doc").body.decode()
    assert answer.endswith("," + text[1:])


def test_the_body_is_without_special_properties():
    files = {"\u00e9.txt": {"data": "aGVsbG8=", "content_type": "text/plain"}}
    put(n=1, _exp=4070908800, _attachments=files)
    answer = raw()
    xattrs = answer.pop("_xattrs")
    assert answer == {"n": 1}
    assert raw(include_doc="false").keys() == {"_xattrs"}
    assert xattrs["_sync"]["exp"] == "2099-01-01T00:00:00Z"
    digest = base64.b64encode(hashlib.sha1(b"hello").digest()).decode()
    assert xattrs["_globalSync"]["attachments_meta"] == {
        "\u00e9.txt": {
            "content_type": "text/plain", "digest": f"sha1-{digest}", "length": 5, "revpos": 1,
            "stub": True, "ver": 2,
        }
    }  # fmt: skip
    put()
    assert raw()["_xattrs"]["_globalSync"] is None
    assert "exp" not in sync()


@pytest.mark.parametrize("deleted", [False, True])
def test_how_it_left_a_channel(deleted):
    put(channels=["a"])
    put("other")
    saved = put(**({"_deleted": True} if deleted else {}))
    number, _, source = saved["cv"].partition("@")
    swapped = f"0x{bytes.fromhex(number)[::-1].hex()}"
    found = sync()
    rev = {"rev": saved["rev"], "ver": swapped, "src": source}
    assert found["channels"] == {"a": {"seq": 3, "rev": rev, **({"del": True} if deleted else {})}}
    assert found["channel_set"] == [{"name": "a", "start": 1, "end": 3}]
    assert (found["sequence"], found["recent_sequences"]) == (3, [1, 3])
    assert "channels" not in sync("other")


def test_a_tombstone():
    put(n=1)
    saved = put(_deleted=True)
    answer = raw()
    found = answer["_xattrs"]["_sync"]
    assert answer.keys() == {"_xattrs"}
    assert (found["flags"], found["value_crc32c"]) == (1, "0x00000000")
    assert answer["_xattrs"]["$document"]["value_crc32c"] == "0x00000000"
    assert found["tombstoned_at"] == int(saved["cv"].partition("@")[0], 16) // 10**9
    assert found["history"]["parents"] == [-1, 0]
    assert found["history"]["deleted"] == [1]
    put()
    assert not {"flags", "tombstoned_at"} & sync().keys()


def test_what_a_document_opens():
    put(to=["alice", "role:r"], opens=["a", "b"])
    put("other", to="bob", roles="role:s")
    opened = {"a": 1, "b": 1}
    assert sync()["access"] == {"alice": opened, "role:r": opened}
    assert "role_access" not in sync()
    assert sync("other")["role_access"] == {"bob": {"role:s": 2}}


def test_a_body_with_a_property_of_its_name_keeps_it_apart():
    put(_sync1=1, history=[1])
    answer = raw()
    assert (answer["_sync1"], answer["history"]) == (1, [1])


def test_names_may_be_hidden():
    attached = {"letter.txt": {"data": "aGVsbG8="}}
    put(channels=["a"], to="alice", opens=["secret"])
    put(channels=["b"], to="alice", opens=["secret"], _attachments=attached)
    put(channels=["a"], to="bob", roles=["role:r"], _attachments=attached)
    shown, hidden = raw(), raw(redact="true", salt="pepper")
    text = json.dumps(hidden)
    for name in ("letter.txt", '"a"', '"b"', "bob", "role:r"):
        assert name in json.dumps(shown)
        assert name not in text
    digest = hashlib.sha1(b"peppera").hexdigest()
    assert hidden.keys() == {"_xattrs"}
    found = hidden["_xattrs"]["_sync"]
    assert {name for name, left in found["channels"].items() if left is None} == {digest}
    assert digest in {entry["name"] for entry in found["channel_set"]}
    assert [entry["name"] for entry in found["channel_set_history"]] == [digest]
    # Without a salt nobody can try names.
    again = raw(redact="true")["_xattrs"]["_sync"]["channels"]
    assert digest not in again
    assert again.keys() != raw(redact="true")["_xattrs"]["_sync"]["channels"].keys()


def test_questions_that_contradict_themselves():
    put()
    status, answer = ADMIN.get("/_raw/doc", salt="x")
    assert (status, answer["reason"]) == (400, "redactSalt can only be used when redact=true")
    assert ADMIN.get("/_raw/doc", redact="true", include_doc="true")[0] == 400
    assert ADMIN.get("/_raw/doc", redact="true", include_doc="false")[0] == 500


def test_only_administrators_look():
    put(channels=["a"])
    alice = add_user("alice", admin_channels=["*"])
    for path in ("_raw/doc", "_revtree/doc", "_channel_history/doc", "_dumpchannel/a"):
        assert alice.get(f"/{path}") == (404, {"error": "not_found", "reason": "unknown URL"})
        assert ADMIN.send("GET", f"/{path}").status == 200
    assert alice.ask("POST", "/_channel_history/doc/compact", {"seq": 5})[0] == 404


# ------------------------------------------------------------------ channels


def test_where_it_was():
    for channels in (["a", "b"], ["b"], ["a"], []):
        put(channels=channels)
    assert ADMIN.get("/_channel_history/doc") == (200, {"a": [4, 2], "b": [3]})
    found = sync()
    assert found["channel_set"] == [
        {"name": "b", "start": 1, "end": 3}, {"name": "a", "start": 3, "end": 4}
    ]  # fmt: skip
    assert found["channel_set_history"] == [{"name": "a", "start": 1, "end": 2}]
    assert {name: left["seq"] for name, left in found["channels"].items()} == {"a": 4, "b": 3}


def test_many_stays_are_told_as_one():
    for number in range(15):
        put(channels=["a"] if number % 2 == 0 else [])
    # Seven have ended, of which six were followed by another; the last goes on.
    stays = sync()["channel_set_history"]
    assert stays == [
        {"name": "a", "start": 1, "end": 6, "compacted": True},
        {"name": "a", "start": 7, "end": 8}, {"name": "a", "start": 9, "end": 10},
        {"name": "a", "start": 11, "end": 12}, {"name": "a", "start": 13, "end": 14},
    ]  # fmt: skip
    assert ADMIN.get("/_channel_history/doc")[1] == {"a": [14, 12, 10, 8, 6]}


def test_the_older_part_is_forgotten_on_demand():
    for channels in (["a", "b"], ["b"], ["a"], []):
        put(channels=channels)
    cv = raw()["_xattrs"]["_vv"]
    assert ADMIN.ask("POST", "/_channel_history/doc/compact", {"seq": 1}) == (
        200, {"compacted_channels": []}
    )  # fmt: skip
    assert ADMIN.ask("POST", "/_channel_history/doc/compact", {"seq": 2}) == (
        200, {"compacted_channels": ["a"]}
    )  # fmt: skip
    assert ADMIN.get("/_channel_history/doc")[1] == {"a": [4], "b": [3]}
    assert ADMIN.ask("POST", "/_channel_history/doc/compact", {"seq": 3}) == (
        200, {"compacted_channels": ["b"]}
    )  # fmt: skip
    assert ADMIN.get("/_channel_history/doc")[1] == {"a": [4]}
    assert sync()["channel_set"] == [{"name": "a", "start": 3, "end": 4}]
    assert raw()["_xattrs"]["_vv"] == cv
    ADMIN.ask("POST", "/_channel_history/doc/compact", {"seq": 4})
    assert ADMIN.get("/_channel_history/doc") == (200, {})
    # Where it is, it stays.
    put(channels=["a"])
    ADMIN.ask("POST", "/_channel_history/doc/compact", {"seq": 99})
    assert sync()["channels"] == {"a": None}


NO_NUMBER = (
    "invalid JSON: 400 Bad JSON: json: cannot unmarshal {} into Go struct field "
    "CompactDocChannelHistoryRequest.seq of type uint64"
)


@pytest.mark.parametrize(("body", "why"), [
    ({}, "missing seq"), ({"seq": 0}, "missing seq"), ({"seq": None}, "missing seq"),
    ("[", "invalid JSON: 400 Bad JSON: unexpected EOF"),
    ({"seq": "5"}, NO_NUMBER.format("string")), ({"seq": True}, NO_NUMBER.format("bool")),
    ({"seq": -1}, NO_NUMBER.format("number -1")),
])  # fmt: skip
def test_demands_that_are_none(body, why):
    put(channels=["a"])
    put()
    status, answer = ADMIN.ask("POST", "/_channel_history/doc/compact", body)
    assert (status, answer["reason"]) == (400, why)
    assert ADMIN.get("/_channel_history/doc")[1] == {"a": [2]}


def test_documents_that_are_not_there():
    for path in ("_raw/none", "_revtree/none", "_channel_history/none"):
        assert ADMIN.get(f"/{path}") == (404, {"error": "not_found", "reason": "missing"})
    assert ADMIN.ask("POST", "/_channel_history/none/compact", {"seq": 5})[0] == 404


def test_a_channel_is_shown_as_a_page():
    put("<b>&", channels=["a<b>"])
    put("gone", channels=["a<b>"])
    put("gone")
    answer = ADMIN.send("GET", "/_dumpchannel/a%3Cb%3E")
    assert answer.headers["Content-Type"] == 'text/html; charset="UTF-8"'
    page = answer.body.decode()
    assert "<h1>/rules: \u201ca&lt;b&gt;\u201d Channel</h1>" in page
    assert "<tr><td>1</td><td>&lt;b&gt;&amp;</td>" in page
    assert "<td>00000000</td>" in page
    assert "gone" not in page
    assert ADMIN.get("/_dumpchannel/a%3Cb%3E", since=1)[0] == 404
    assert ADMIN.get("/_dumpchannel/none")[0] == 404


def test_a_page_has_no_markup_of_its_documents():
    name = "<script>'\"&"
    history = {"start": 1, "ids": [name]}
    doc = {"_id": name, "channels": [name], "_revisions": history}
    ADMIN.ask("POST", "/_bulk_docs", {"docs": [doc], "new_edits": False})
    page = ADMIN.send("GET", f"/_dumpchannel/{quote(name, safe='')}").body.decode()
    assert "<script" not in page
    assert f"\u201c{name}\u201d Channel</h1>" in unescape(page)
    assert f"<td>{name}</td><td>1-{name}</td>" in unescape(page)
