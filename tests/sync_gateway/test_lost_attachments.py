"""Attachments on a line that breaks: writes are settled, reads go on."""

from __future__ import annotations

import hashlib
import secrets

import pytest

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayAnswerLost,
    SyncGatewayConflict,
    SyncGatewayUnavailable,
)
from django_cbtools.sync_gateway.transport.uploads import digest_of
from tests.counts import TORTURE
from tests.sync_gateway.faults.chaos import WRITES
from tests.sync_gateway.faults.proxy import FINE, Fault, Proxy, Script
from tests.sync_gateway.scripted import HTTP, head, header, reply, use

CONTENT = secrets.token_bytes(3_000_000)


@pytest.fixture
def line(gateway_by_http, settings):
    with Proxy(gateway_by_http.urls[0]) as proxy:
        settings.SYNC_GATEWAY_URL = proxy.url
        settings.SYNC_GATEWAY_OPTIONS = {"timeout": 0.5, "retries": 3, "backoff": 0.001}
        SyncGateway.save_json("d", {"n": 1, "channels": ["c"]})
        yield proxy


def lose(line, *faults):
    line.choose = Script(*faults, picks=lambda request: request.is_write)
    line.seen.clear()


def doc():
    return SyncGateway.bulk_get(["d"])[0]["doc"]


def read():
    with SyncGateway.get_attachment("d", "a") as file:
        return file.read()


@pytest.mark.parametrize("fault", WRITES if TORTURE else WRITES[::2], ids=str)
def test_written_once(line, fault):
    lose(line, fault)
    rev = SyncGateway.put_attachment("d", "a", b"content", "text/plain", doc()["_rev"])
    assert sum(request.is_write for request, _ in line.seen) == (1 if fault.arrives else 2)
    assert doc()["_rev"] == rev
    assert rev.startswith("2-")
    lose(line, fault)
    rev = SyncGateway.delete_attachment("d", "a", rev)
    assert sum(request.is_write for request, _ in line.seen) == (1 if fault.arrives else 2)
    assert (doc()["_rev"], "_attachments" in doc()) == (rev, False)


@pytest.mark.parametrize("arrives", [True, False])
@pytest.mark.parametrize("name", ["a", "b"])
def test_another_writes_in_between(line, arrives, name):
    """Revisions that differ in attachments alone have the same id."""
    start = doc()["_rev"]

    def write():
        line.choose = lambda request: FINE
        SyncGateway.put_attachment("d", name, b"theirs", rev=doc()["_rev"])

    lose(line, Fault("all" if arrives else "nothing", then=write))
    if arrives:
        rev = SyncGateway.put_attachment("d", "a", b"ours", rev=start)
        assert rev.startswith("2-")
        assert doc()["_rev"].startswith("3-")
    else:
        with pytest.raises(SyncGatewayConflict):
            SyncGateway.put_attachment("d", "a", b"ours", rev=start)
        assert read_all() == {name: b"theirs"}


def read_all():
    found = {}
    for name in doc()["_attachments"]:
        with SyncGateway.get_attachment("d", name) as file:
            found[name] = file.read()
    return found


def test_same_attachment_with_other_fields_is_another_revision(line):
    """It would be taken for ours, and what is saved next on top of it would undo it."""
    rev = SyncGateway.put_attachment("d", "a", b"same", rev=doc()["_rev"])

    def write():
        line.choose = lambda request: FINE
        SyncGateway.save_json("d", {**doc(), "n": 2})

    lose(line, Fault("nothing", then=write))
    with pytest.raises(SyncGatewayConflict, match="has not been done"):
        SyncGateway.put_attachment("d", "a", b"same", rev=rev)


def test_new_document(line):
    for fault in (Fault("all"), Fault("nothing")):
        lose(line, fault)
        uid = secrets.token_hex(8)
        assert SyncGateway.put_attachment(uid, "a", b"x").startswith("1-")


def test_no_answer_at_all(line, settings):
    settings.SYNC_GATEWAY_OPTIONS = {"timeout": 0.5, "retries": 1, "backoff": 9, "deadline": 5}
    rev = doc()["_rev"]
    line.choose = lambda request: Fault("all")
    with pytest.raises(SyncGatewayAnswerLost):
        SyncGateway.put_attachment("d", "a", b"x", rev=rev)


def test_reading_goes_on(settings):
    digest = digest_of(hashlib.sha1(CONTENT).digest())

    def cut(request):
        start = int((header(request, "Range") or "bytes=0-")[6:].partition("-")[0])
        begun = {"Content_Range": f"bytes {start}-2999999/3000000"} if start else {}
        yield head(206 if start else 200, Etag=f'"{digest}"', Content_Length=len(CONTENT) - start,
                   **begun)  # fmt: skip
        yield CONTENT[start : start + 1_200_000]

    with HTTP(cut) as server:
        use(settings, server.url)
        assert read() == CONTENT
        assert len(server.seen) == 3


def test_replaced_while_it_is_read(line):
    rev = SyncGateway.put_attachment("d", "a", CONTENT, rev=doc()["_rev"])
    with SyncGateway.get_attachment("d", "a") as file:
        file.read(10)
        SyncGateway.put_attachment("d", "a", CONTENT[::-1], rev=rev)
        file.seek(1_000_000)
        with pytest.raises(SyncGatewayConflict, match="has been replaced while it was read"):
            file.read()


def served(body, **headers):
    """An attachment of a gateway, or of something on the way, that says what it likes."""
    return lambda request: head(Content_Type="image/png", **headers) + body


BAD = [
    (served(b"other", Content_Length=5, Etag='"sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0="'), "damaged"),
    (
        lambda request: [head(Content_Length=50, Etag='"sha1-x"'), b"short"],
        "breaks off after 5 of 50",
    ),
    (
        lambda request: (
            reply({}, 503) if b"Range" in request.head else [head(Content_Length=9), b"cut"]
        ),
        "503",
    ),
]


@pytest.mark.parametrize(("answer", "words"), BAD, ids=range(len(BAD)))
def test_wrong_contents(settings, answer, words):
    with HTTP(answer) as server:
        use(settings, server.url, retries=1)
        file = SyncGateway.get_attachment("d", "a")
        with pytest.raises(SyncGatewayUnavailable, match=words):
            file.read()
        file.close()
