"""How attachments are answered: parts of them, types, documents with them, several at once."""

from __future__ import annotations

import gzip
import json
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from django_cbtools.embedded.api.attachments import asked_range
from django_cbtools.embedded.documents import attachments
from django_cbtools.embedded.errors import GatewayError
from django_cbtools.embedded.http.sniffing import sniff
from tests.gateway.attachments.client import JSON, b64, branch, digest_of, inline, parts_of

BOB = ("bob", "bob's")


@pytest.fixture
def small_chunks(monkeypatch):
    monkeypatch.setattr(attachments, "CHUNK", 300)


# ------------------------------------------------------------------------ ranges


def _model_of_range(header, size):
    """The places of the bytes that a Range header asks for, by the words of the recordings: None
    for all of them, an empty list for none that there is."""
    places = range(size)
    found = re.fullmatch(r"bytes=(?:(\d+)-(\d*)|-(\d+))", header, re.ASCII)
    if not found:
        return None
    first, last, suffix = found.groups()
    if suffix:
        if size == 0 and int(suffix):
            return None
        chosen = [place for place in places if place >= size - int(suffix)]
    else:
        if last and int(last) < int(first):
            return None
        end = int(last) if last else size
        chosen = [place for place in places if int(first) <= place <= end]
    return None if chosen and len(chosen) == size else chosen


numbers = st.integers(0, 40).map(str) | st.sampled_from(["", "00", "007", "9" * 25, "-1", "x", "٣"])
ranges = st.one_of(
    st.builds("bytes={}-{}".format, numbers, numbers),
    st.builds("bytes=-{}".format, numbers),
    st.sampled_from(["", "bytes=", "bytes=0-1,2-3", "lines=0-1", "bytes 0-1", "bytes=0-1\n"]),
)


@given(ranges, st.integers(0, 35))
def test_ranges_beside_a_model(header, size):
    expected = _model_of_range(header, size)
    if expected == []:
        with pytest.raises(GatewayError) as caught:
            asked_range(header, size)
        assert caught.value.status == 416
    else:
        asked = range(*asked_range(header, size))
        assert list(asked) == list(range(size) if expected is None else expected)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(start=st.integers(0, 1000), end=st.integers(0, 1100))
def test_ranges_across_chunks(start, end, client, small_chunks):
    data = bytes(number % 251 for number in range(1000))
    if client.get("/doc").status_code == 404:
        client.attach("doc", "a", data)
    header = f"bytes={start}-{end}"
    answer = client.get("/doc/a", headers={"Range": header})
    expected = _model_of_range(header, 1000)
    if expected == []:
        assert answer.status_code == 416
    elif expected is None:
        assert (answer.status_code, answer.content) == (200, data)
    else:
        assert (answer.status_code, answer.content) == (206, data[start : end + 1])
        shown = f"bytes {expected[0]}-{expected[-1]}/1000"
        assert answer.headers["Content-Range"] == shown
        assert answer.headers["Content-Length"] == str(len(expected))


# --------------------------------------------------------------- how it is shown

TYPES = {
    "text/plain": False, "image/png": False, "application/json": False,
    "text/html": True, "text/html; charset=utf-8": True, "TEXT/HTML": True, " text/html": True,
    "application/xhtml+xml": True, "image/svg+xml": True, "image/svg+xml;x=y": True,
    "text/xml": True, "": True, "; charset=utf-8": True, "text/html\1": True,
    "image/png,text/html": True, "image/png, text/html": True, "text/html x": True,
    "text/html(": True, "text/plain;": False,
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": True,
    "text/xsl": True, "text/vtt": True, "multipart/x-mixed-replace; boundary=b": True,
    "text/javascript": True, "unknown": True, "video/mp4; codecs=avc1": False,
    "application/pdf": False,
}  # fmt: skip


@pytest.mark.parametrize(("content_type", "is_active"), TYPES.items())
def test_active_content_is_for_download(content_type, is_active, client, bob):
    body = {"channels": ["b"], "_attachments": {"a": inline(b"<b>", content_type)}}
    client.save("doc", body)
    answer = client.get("/doc/a", BOB)
    assert (answer.headers.get("Content-Disposition") == "attachment") == is_active
    assert answer.headers["Content-Type"] == content_type.strip(" \1")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert client.get("/doc/a").headers["Content-Disposition"] == "attachment"


def test_active_content_is_shown_where_it_is_wanted(client, bob):
    client.save("doc", {"channels": ["b"], "_attachments": {"a": inline(b"<b>", "text/html")}})
    config = {"serve_insecure_attachment_types": True}
    assert client.ask("POST", "/_config", config).status_code == 201
    assert "Content-Disposition" not in client.get("/doc/a", BOB).headers
    assert client.get("/doc/a").headers["Content-Disposition"] == "attachment"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", ["content_type", "encoding"])
def test_metadata_make_no_headers(name, either):
    value = "x/y\r\nSet-Cookie: a=b\0é🍺"
    either.save("doc", {"_attachments": {"a": {"data": "", name: value}}})
    answer = either.get("/doc/a", params={"content_encoding": "false"})
    assert answer.status_code == 200
    assert "Set-Cookie" not in answer.headers
    sent = answer.headers["X-Content-Encoding" if name == "encoding" else "Content-Type"]
    assert sent.encode("latin-1").decode() == "x/y  Set-Cookie: a=b é🍺"


@pytest.mark.parametrize(
    ("data", "content_type"),
    [
        (b"plain", "text/plain; charset=utf-8"),
        (b" \n<!doctype html>", "text/html; charset=utf-8"),
        (b"<br>", "text/html; charset=utf-8"),
        (b"<bro>", "text/plain; charset=utf-8"),
        (b"<?xml", "text/xml; charset=utf-8"),
        (b"\xff\xfex\0", "text/plain; charset=utf-16le"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"RIFF\n\n\n\nWAVE", "audio/wave"),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp42", "video/mp4"),
        (b"\0\x01\0\0", "font/ttf"),
        (b"PK\3\4", "application/zip"),
        (b"text" * 200 + b"\0", "text/plain; charset=utf-8"),
        (b"text\0", "application/octet-stream"),
    ],
)
def test_type_of_what_has_none(data, content_type, client):
    assert sniff(data) == content_type
    client.save("doc", {"_attachments": {"a": {"data": b64(data)}}})
    assert client.get("/doc/a").headers["Content-Type"] == content_type


def test_nothing_has_no_type(client):
    client.save("doc", {"_attachments": {"a": {"data": ""}}})
    assert "Content-Type" not in client.get("/doc/a").headers


@pytest.mark.parametrize(
    ("accept", "attachments", "expected"),
    [
        (None, True, "multipart/related"), ("*/*", True, "multipart/related"),
        ("multipart/related", True, "multipart/related"), ("application/json", True, "JSON"),
        ("multipart/mixed, application/json", True, "multipart/related"),
        (None, False, "JSON"), ("multipart/mixed, application/json", False, "JSON"),
        ("multipart/mixed", False, "multipart/related"), ("text/html", True, 406),
        ("text/html", False, 406),
    ],
)  # fmt: skip
def test_what_the_client_accepts(accept, attachments, expected, client):
    client.save("doc", {"_attachments": {"a": inline(b"x" * 300)}})
    params = {"attachments": "true"} if attachments else {}
    answer = client.get("/doc", params=params, headers={"Accept": accept})
    if expected == 406:
        assert answer.status_code == 406
        assert answer.json()["reason"] == "only application/json available"
    else:
        expected = "application/json" if expected == "JSON" else expected
        assert answer.headers["Content-Type"].startswith(expected)


def test_answer_that_is_not_accepted_comes_after_the_deed(client):
    """As on a real gateway."""
    answer = client.ask("PUT", "/doc/a", b"x", headers={"Accept": "text/html"})
    assert answer.status_code == 406
    assert client.get("/doc/a").content == b"x"


@pytest.mark.parametrize("packed", [True, False])
def test_parts_of_an_answer(packed, client):
    body = {"text": "x" * 400, "_attachments": {"a": inline(b"x" * 200), "b": inline(b"x" * 201)}}
    client.save("doc", body)
    headers = {"X-Accept-Part-Encoding": "gzip"} if packed else {}
    answer = client.get("/doc", params={"attachments": "true"}, headers=headers)
    (headers, data), (_, following) = parts_of(answer)
    assert headers.get("Content-Encoding") == ("gzip" if packed else None)
    assert following == b"x" * 201
    shown = json.loads(gzip.decompress(data) if packed else data)["_attachments"]
    assert shown["a"]["data"] == b64(b"x" * 200)
    assert shown["b"] == {
        "content_type": "text/plain", "digest": digest_of(following), "follows": True,
        "length": 201, "revpos": 1,
    }  # fmt: skip


def test_attachments_that_the_client_has(client):
    revs = [client.attach("doc", "a", b"1")]
    revs.append(client.attach("doc", "b", b"2", revs[-1]))
    revs.append(client.attach("doc", "c", b"3", revs[-1]))

    def sent(**params):
        answer = client.get("/doc", params={"attachments": "true", **params}, headers=JSON)
        shown = answer.json()["_attachments"]
        assert all(("data" in meta) != ("stub" in meta) for meta in shown.values())
        return [name for name, meta in shown.items() if "data" in meta]

    assert sent() == sent(atts_since="[]") == sent(atts_since='["1-x"]') == ["a", "b", "c"]
    assert sent(atts_since=json.dumps(revs[:1])) == ["b", "c"]
    assert sent(atts_since=json.dumps([revs[1], "9-x", revs[0]])) == ["c"]
    assert sent(atts_since=json.dumps(revs)) == []
    answer = client.get("/doc", params={"revs": "true", "atts_since": json.dumps(revs[1:2])})
    assert answer.json()["_revisions"]["ids"] == [rev[2:] for rev in revs[:0:-1]]
    assert client.get("/doc", params={"atts_since": "x"}).json()["reason"] == (
        "atts_since URL param is not a JSON string array"
    )


# ------------------------------------------------------------- several revisions


def test_open_revisions(client):
    first, tombstone, winner = branch(client)
    asked = json.dumps([first, tombstone, winner, "5-x"])
    answer = client.get("/doc", params={"open_revs": asked}, headers=JSON)
    rows = answer.json()
    texts = [json.dumps(row, separators=(",", ":"), sort_keys=True) for row in rows]
    assert answer.text == "[\n" + ",".join(text + "\n" for text in texts) + "]"
    assert [row.get("ok", {}).get("_rev") for row in rows] == [first, tombstone, winner, None]
    assert rows[3] == {"missing": "5-x"}
    held = [row["ok"]["_attachments"] for row in rows[:3]]
    assert held[0]["a"]["data"] == b64(b"1" * 300)
    assert held[1]["t"]["data"] == b64(b"2")
    assert held[2]["b"]["data"] == b64(b"3" * 300)
    leaves = client.get("/doc", params={"open_revs": "all"}, headers=JSON).json()
    assert [row["ok"]["_rev"] for row in leaves] == [winner, tombstone]
    parts = parts_of(client.get("/doc", params={"open_revs": asked}))
    assert [headers.get("X-Rev-Id") for headers, _ in parts] == [first, tombstone, winner, None]
    assert parts[0][1][1][1] == b"1" * 300
    assert parts[3][0]["Content-Type"] == 'application/json; error="true"'


@pytest.mark.parametrize("asked", ["x", "{}", "[1]", '"1-x"', "null x"])
def test_bad_open_revisions(asked, client):
    answer = client.get("/doc", params={"open_revs": asked})
    assert (answer.status_code, answer.json()["reason"]) == (400, "bad open_revs")


def test_bulk_get(client, bob):
    revs = [client.attach("d1", "a", b"1" * 300, headers={"Content-Type": "x/y"})]
    revs.append(client.attach("d1", "b", b"2", revs[0]))
    client.save("d2", {"n": 1})

    def get(*docs, auth=None, **params):
        answer = client.ask("POST", "/_bulk_get", {"docs": docs}, auth, params=params)
        assert answer.status_code == 200
        return parts_of(answer)

    def body(part):
        data = part[1]
        return json.loads(data[0][1] if isinstance(data, list) else data)

    one, old, two, bad, none, shape = get(
        {"id": "d1"}, {"id": "d1", "rev": revs[0], "atts_since": []}, {"id": "d2"},
        {"id": "d1", "atts_since": [1]}, {"id": "d2", "rev": "5-x"}, "d1", attachments="true",
    )  # fmt: skip
    assert one[0]["X-Doc-Id"] == "d1"
    assert body(one)["_attachments"]["b"]["data"] == b64(b"2")
    assert one[1][1] == ({"Content-Disposition": 'attachment; filename="a"',
                          "Content-Type": "x/y"}, b"1" * 300)  # fmt: skip
    assert body(old)["_attachments"].keys() == {"a"}
    assert two[0] == {"Content-Type": "application/json"}
    assert body(bad)["reason"] == "atts_since must be a string array"
    assert body(none) == {"error": "not_found", "id": "d2", "reason": "missing", "rev": "5-x",
                          "status": 404}  # fmt: skip
    assert body(shape)["reason"] == "Invalid doc/rev ID in _bulk_get"
    (known,) = get({"id": "d1", "atts_since": revs}, attachments="true", revs="true")
    assert "X-Doc-Id" not in known[0]
    assert body(known)["_revisions"]["ids"] == [revs[1][2:]]
    limits = [{"id": "d1", "revs_limit": limit} for limit in (1, 0, "x", None)]
    shown = [body(part).get("_revisions", {}).get("ids") for part in get(*limits, revs="true")]
    assert [ids and len(ids) for ids in shown] == [1, None, 2, 2]
    shown = [body(part).get("_revisions") for part in get(*limits, revs="true", revs_limit="0")]
    assert [revisions is not None for revisions in shown] == [True, False, False, False]
    assert [body(part)["status"] for part in get({"id": "d1"}, {"id": "no"}, auth=BOB)] == [
        403,
        404,
    ]


def test_many_documents_are_read_while_they_are_sent(client, django_assert_max_num_queries):
    client.save("doc", {"text": "x" * 50_000})
    body = {"docs": [{"id": "doc"}] * 1000}
    with django_assert_max_num_queries(30):
        answer = client.ask("POST", "/_bulk_get", body, stream=True)
        assert b"xxx" in answer.raw.read(60_000)
    answer.close()
