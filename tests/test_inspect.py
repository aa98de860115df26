"""What an administrator may look at: the metadata of documents, their trees, their channels."""

from __future__ import annotations

import base64
import hashlib
import re
import time
from html import unescape

import pytest

from .access.client import ADMIN, Client, add_user, create_database, function

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def database():
    create_database(function("channel(doc.channels); access(doc.who, doc.opens); "
                             "role(doc.who, doc.roles);"))  # fmt: skip


def put(uid, body=None, **how):
    status, answer = ADMIN.put(f"/{uid}", body or {}, **how)
    assert status == 201, answer
    return answer["rev"]


def raw(uid, **query):
    status, answer = ADMIN.get(f"/_raw/{uid}", **query)
    assert status == 200, answer
    return answer, answer.pop("_xattrs")


def metadata(uid):
    return raw(uid)[1]["_sync"]


def number(version):
    """The number that Couchbase Server writes with its lowest byte first."""
    return bytes.fromhex(version[2:])[::-1].hex()


# -------------------------------------------------------------------- metadata


def test_versions():
    _, saved = ADMIN.put("/a", {"n": 1})
    version, source = saved["cv"].split("@")
    _, attributes = raw("a")
    sync = attributes["_sync"]
    assert attributes["_vv"] == {"cvCas": sync["cas"], "src": source, "ver": sync["cas"]}
    assert number(sync["cas"]) == version
    assert sync["rev"] == {"rev": saved["rev"], "src": source, "ver": sync["cas"]}
    assert attributes["$document"]["CAS"] == f"0x{version}"
    saved_at = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(int(version, 16) // 10**9))
    assert re.fullmatch(rf"{saved_at}:\d\d\.\d{{9}}Z", sync["time_saved"])
    assert "tombstoned_at" not in sync
    assert "flags" not in sync


def crc32c(data):
    """By division, bit by bit: RFC 3720, 12.1."""
    bits = [byte >> place & 1 for byte in data for place in range(8)]
    remainder = 0
    for place, bit in enumerate([*bits, *[0] * 32]):
        top = remainder >> 31
        remainder = remainder << 1 & 0xFFFFFFFF | bit ^ (place < 32)
        if top:
            remainder ^= 0x1EDC6F41
    return int(f"{remainder:032b}"[::-1], 2) ^ 0xFFFFFFFF


@pytest.mark.parametrize(("body", "stored"), [
    # As recorded in tests/transcripts/17-purge-raw.json.
    ('{"n": 2, "channels": ["y"]}', '{"channels":["y"],"n":2}'),
    ("{}", "{}"),
    ('{"z": "\\u00e9\\ud83d\\ude00", "a": 1.10}', '{"a":1.10,"z":"é😀"}'),
    ('{"x": "<&>"}', '{"x":"\\u003c\\u0026\\u003e"}'),
    ('{"x": "\\u2028", "_exp": 4070908800}', '{"x":"\\u2028"}'),
    ('{"b": 123456789012345678901234567890}', '{"b":123456789012345678901234567890}'),
])  # fmt: skip
def test_checksum_is_of_what_is_stored(body, stored):
    assert crc32c(b"123456789") == 0xE3069283
    assert ADMIN.put("/a", body)[0] == 201
    _, attributes = raw("a")
    checksum = attributes["_sync"]["value_crc32c"]
    assert checksum == attributes["$document"]["value_crc32c"] == f"0x{crc32c(stored.encode()):08x}"
    answer = ADMIN.send("GET", "/_raw/a")
    assert stored[1:-1].encode() in answer.body


def test_checksum_as_recorded():
    put("a", {"n": 2, "channels": ["y"]})
    assert metadata("a")["value_crc32c"] == "0x25dbd689"


def test_body():
    put("a", {"n": 1, "_exp": 4070908800})
    assert raw("a")[0] == raw("a", include_doc=True)[0] == {"n": 1}
    assert raw("a", include_doc=False)[0] == {}
    assert metadata("a")["exp"] == "2099-01-01T00:00:00Z"


def test_attachments():
    data = b"some text"
    files = {"é.txt": {"data": base64.b64encode(data).decode(), "content_type": "text/plain"}}
    rev = put("a", {"n": 1, "_attachments": files})
    digest = f"sha1-{base64.b64encode(hashlib.sha1(data).digest()).decode()}"
    body, attributes = raw("a")
    assert body == {"n": 1}
    assert attributes["_globalSync"] == {
        "attachments_meta": {
            "é.txt": {
                "content_type": "text/plain", "digest": digest, "length": 9, "revpos": 1,
                "stub": True, "ver": 2,
            }
        }
    }  # fmt: skip
    put("a", {"_rev": rev})
    assert raw("a")[1]["_globalSync"] is None


def test_channels():
    rev = put("a", {"channels": ["x", "y"]})
    put("other")
    _, saved = ADMIN.put("/a", {"channels": ["y", "z"], "_rev": rev})
    sync = metadata("a")
    left = sync["channels"].pop("x")
    version, source = saved["cv"].split("@")
    assert (left["seq"], number(left["rev"].pop("ver"))) == (3, version)
    assert left["rev"] == {"rev": saved["rev"], "src": source}
    assert "del" not in left
    assert sync["channels"] == {"y": None, "z": None}
    spans = sorted(sync["channel_set"], key=lambda entry: entry["name"])
    assert spans == [
        {"name": "x", "start": 1, "end": 3}, {"name": "y", "start": 1}, {"name": "z", "start": 3}
    ]  # fmt: skip
    assert (sync["sequence"], sync["recent_sequences"]) == (3, [1, 3])
    assert ADMIN.get("/_channel_history/a") == (200, {"x": [3]})


def test_channels_of_a_tombstone():
    rev = put("a", {"channels": ["x"]})
    _, saved = ADMIN.ask("DELETE", "/a", rev=rev)
    body, attributes = raw("a")
    sync = attributes["_sync"]
    assert body == {}
    assert sync["channels"]["x"]["del"] is True
    assert (sync["flags"], sync["value_crc32c"]) == (1, "0x00000000")
    assert sync["tombstoned_at"] == int(saved["cv"].partition("@")[0], 16) // 10**9
    assert sync["history"] == {"revs": [rev, saved["rev"]], "parents": [-1, 0], "deleted": [1]}
    assert ADMIN.get("/_channel_history/a") == (200, {"x": [2]})


def test_document_without_channels():
    put("a")
    sync = metadata("a")
    assert "channels" not in sync
    assert (sync["channel_set"], sync["channel_set_history"]) == (None, None)
    assert ADMIN.get("/_channel_history/a") == (200, {})


def test_a_channel_that_was_left_twice():
    rev = put("a", {"channels": ["x"]})
    for channels in ([], ["x"], []):
        rev = put("a", {"channels": channels, "_rev": rev})
    assert ADMIN.get("/_channel_history/a") == (200, {"x": [4, 2]})
    sync = metadata("a")
    assert sync["channel_set"] == [{"name": "x", "start": 3, "end": 4}]
    assert sync["channel_set_history"] == [{"name": "x", "start": 1, "end": 2}]


def test_grants():
    body = {"who": ["alice", "role:r"], "opens": ["x", "y"], "roles": []}
    rev = put("a", body)
    assert metadata("a")["access"] == {
        "alice": {"x": 1, "y": 1}, "role:r": {"x": 1, "y": 1}
    }  # fmt: skip
    assert "role_access" not in metadata("a")
    rev = put("a", {"who": "alice", "opens": "y", "roles": "role:r", "_rev": rev})
    sync = metadata("a")
    assert (sync["access"], sync["role_access"]) == (
        {"alice": {"y": 1}}, {"alice": {"role:r": 2}}
    )  # fmt: skip
    put("a", {"_rev": rev})
    assert not {"access", "role_access"} & metadata("a").keys()


# ------------------------------------------------------------------------ tree


def branched():
    """A document that has been deleted, and begun anew by a replicator."""
    first = put("a", {"n": 1})
    second = put("a", {"n": 2, "_rev": first})
    _, third = ADMIN.ask("DELETE", "/a", rev=second)
    put("a", {"_revisions": {"start": 2, "ids": ["new", "older"]}}, new_edits=False)
    return [first, second, third["rev"]]


def test_tree_of_a_branched_document():
    first, second, third = branched()
    answer = ADMIN.send("GET", "/_revtree/a")
    assert answer.headers["Content-Type"] == "text/plain; charset=UTF-8"
    graph = answer.body.decode()
    edges = [
        '"1-older" -> "2-new"; ',
        f'"{third}" [fontcolor=red];"{second}" -> "{third}" [label="Tombstone", fontcolor=red];',
        f'"{first}" -> "{second}"; ',
    ]
    assert graph == f"digraph graphname{{{''.join(edges)}}}"
    history = metadata("a")["history"]
    parents = {
        rev: history["revs"][place] if place >= 0 else ""
        for rev, place in zip(history["revs"], history["parents"], strict=True)
    }
    assert parents == {
        first: "", second: first, third: second, "1-older": "", "2-new": "1-older"
    }  # fmt: skip
    assert [history["revs"][place] for place in history["deleted"]] == [third]


def test_tree_of_a_document_with_one_revision():
    rev = put("a")
    assert ADMIN.send("GET", "/_revtree/a").body.decode() == (
        f'digraph graphname{{"" -> "{rev}"; }}'
    )


def test_flags_of_a_branched_document():
    _, _, third = branched()
    assert metadata("a")["flags"] == 16
    # The tombstone wins again, although another is newer.
    ADMIN.ask("DELETE", "/a", rev="2-new")
    sync = metadata("a")
    deleted, hidden, is_branched = 1, 4, 16
    is_hidden = sync["rev"]["rev"] == third
    assert sync["flags"] == deleted | is_branched | hidden * is_hidden
    assert ("new_rev" in sync) is is_hidden


# -------------------------------------------------------------------- channels


def test_page_of_a_channel():
    create_database(function("channel(doc.channels);"))
    revs = [put(uid, {"channels": ["x"]}) for uid in ("a", "b", "c")]
    put("d", {"channels": ["y"]})
    ADMIN.ask("DELETE", "/b", rev=revs[1])
    answer = ADMIN.send("GET", "/_dumpchannel/x")
    assert answer.headers["Content-Type"] == 'text/html; charset="UTF-8"'
    rows = re.findall(r"<tr><td>(\d+)</td><td>(\w+)</td><td>([^<]+)</td>", answer.body.decode())
    assert [row[:2] for row in rows][:2] == [("1", "a"), ("3", "c")]
    assert rows[0][2] == revs[0]
    page = ADMIN.send("GET", "/_dumpchannel/x", since=1).body.decode()
    assert "<td>a</td>" not in page
    assert "<td>c</td>" in page
    assert ADMIN.get("/_dumpchannel/never")[0] == 404


def test_page_shows_names_as_they_are():
    """Nothing that is in it can be taken for its own."""
    name = "<script>alert('&')</script>\"é"
    docs = [{
        "_id": f"{name} id", "channels": [name],
        "_revisions": {"start": 1, "ids": [f"{name} rev"]},
    }]  # fmt: skip
    _, rows = ADMIN.ask("POST", "/_bulk_docs", {"docs": docs, "new_edits": False})
    assert "error" not in rows[0]
    path = "/_dumpchannel/%3Cscript%3Ealert('%26')%3C%2Fscript%3E%22%C3%A9"
    page = ADMIN.send("GET", path).body.decode()
    assert "<script" not in page
    assert "'" not in page
    assert f"“{name}” Channel</h1>" in unescape(page)
    assert f"<td>{name} id</td><td>1-{name} rev</td>" in unescape(page)


# ---------------------------------------------------------------------- redact


def test_redacted():
    """Names are put out of sight, and the body is."""
    files = {"secret.txt": {"data": "eA=="}}
    body = {"channels": ["secret"], "who": "secret", "opens": "secret", "_attachments": files}
    put("a", body)
    for query in ({"redact": True}, {"redact": True, "salt": "pepper", "include_doc": False}):
        answer = ADMIN.send("GET", "/_raw/a", **query)
        assert answer.status == 200
        assert b"secret" not in answer.body
    salted = [raw("a", redact=True, salt="pepper")[1] for _ in range(2)]
    assert salted[0] == salted[1] != raw("a", redact=True, salt="salt")[1]


@pytest.mark.parametrize("query", [{"redact": True, "include_doc": True}, {"salt": "pepper"}])
def test_what_does_not_go_together(query):
    put("a")
    assert ADMIN.get("/_raw/a", **query)[0] == 400


# ---------------------------------------------------------------------- access

PATHS = ["/_raw/a", "/_revtree/a", "/_channel_history/a", "/_dumpchannel/x"]


@pytest.mark.parametrize("path", PATHS)
def test_for_administrators_only(path):
    put("a", {"channels": ["x"]})
    alice = add_user("alice", admin_channels=["*"])
    for client in (alice, Client("public")):
        assert client.get(path)[0] == 404
    assert ADMIN.send("GET", path).status == 200


@pytest.mark.parametrize("path", PATHS)
def test_what_is_not_there(path):
    status, answer = ADMIN.get(path)
    assert (status, answer["error"]) == (404, "not_found")


@pytest.mark.parametrize("path", PATHS[:3])
def test_odd_ids(path):
    ADMIN.ask("POST", "/_bulk_docs", {"docs": [{"_id": "é/ %\"'", "channels": ["x"]}]})
    odd = path.replace("/a", "/%C3%A9%2F%20%25%22%27")
    assert ADMIN.send("GET", odd).status == 200
