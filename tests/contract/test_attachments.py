"""Attachments by the client: streams both ways, ranges, conflicts, odd names, bad uploads."""

from __future__ import annotations

import hashlib
import io
import secrets

import pytest
from asgiref.sync import async_to_sync

from django_cbtools.sync_gateway import (
    SyncGateway,
    SyncGatewayBadRequest,
    SyncGatewayConflict,
    SyncGatewayForbidden,
    SyncGatewayNotFound,
)

CONTENT = secrets.token_bytes(300_000)


@pytest.fixture
def rev(gateway):
    SyncGateway.save_json("d", {"n": 1, "channels": ["c"]})
    return SyncGateway.put_attachment("d", "a.bin", io.BytesIO(CONTENT), "image/png", rev_of("d"))


def rev_of(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["value"]["rev"]


def stubs(uid="d"):
    return SyncGateway.bulk_get([uid])[0]["doc"].get("_attachments", {})


def read(name="a.bin", **options):
    with SyncGateway.get_attachment("d", name, **options) as file:
        return file.read()


def test_up_and_down(rev):
    assert rev == rev_of("d")
    with SyncGateway.get_attachment("d", "a.bin") as file:
        assert (file.content_type, file.length) == ("image/png", len(CONTENT))
        assert file.digest == stubs()["a.bin"]["digest"]
        assert file.read() == CONTENT
        assert file.read() == b""
        assert file.seek(-10, io.SEEK_END) == len(CONTENT) - 10
        assert file.read() == CONTENT[-10:]
        assert file.seek(1000) == file.tell()
        assert [file.read(5), file.read(200_000)] == [CONTENT[1000:1005], CONTENT[1005:201_005]]
    assert SyncGateway.bulk_get(["d"])[0]["doc"]["n"] == 1


def test_ranges(rev):
    ranges = [
        (0, 5),
        (7, None),
        (0, len(CONTENT)),
        (299_990, 400_000),
        (5, 5),
        (9, 10),
        (400_000, 400_000),
    ]
    for start, end in ranges:
        assert read(start=start, end=end) == CONTENT[start:end]
    with SyncGateway.get_attachment("d", "a.bin", start=1000, end=5000) as file:
        file.seek(-10, io.SEEK_END)
        assert file.read() == CONTENT[4990:5000]
    with pytest.raises(SyncGatewayBadRequest) as caught:
        read(start=300_000)
    assert caught.value.status == 416
    with pytest.raises(ValueError, match="no range"):
        read(start=5, end=4)


def test_only_where_it_has_another_digest(rev):
    digest = stubs()["a.bin"]["digest"]
    assert SyncGateway.get_attachment("d", "a.bin", unless=digest) is None
    assert read(unless="sha1-other") == CONTENT


def test_older_revision(rev):
    SyncGateway.put_attachment("d", "a.bin", b"new", rev=rev)
    assert [read(), read(rev=rev)] == [b"new", CONTENT]


def test_empty(rev):
    SyncGateway.put_attachment("d", "empty", b"", "text/plain", rev)
    assert read("empty") == read("empty", start=0, end=0) == b""
    assert stubs()["empty"]["length"] == 0


def test_stale_revision(rev):
    SyncGateway.put_attachment("d", "b", b"b", rev=rev)
    for change in (
        lambda: SyncGateway.put_attachment("d", "a.bin", b"a", rev=rev),
        lambda: SyncGateway.put_attachment("d", "a.bin", b"a"),
        lambda: SyncGateway.delete_attachment("d", "a.bin", rev),
    ):
        with pytest.raises(SyncGatewayConflict) as caught:
            change()
        assert (caught.value.status, caught.value.uid) == (409, "d")
    assert read() == CONTENT


def test_delete(rev):
    rev = SyncGateway.delete_attachment("d", "a.bin", rev)
    assert rev == rev_of("d")
    with pytest.raises(SyncGatewayNotFound):
        read()
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.delete_attachment("d", "a.bin", rev)
    with pytest.raises(SyncGatewayNotFound):
        SyncGateway.get_attachment("nobody", "a.bin")


def test_new_document(gateway):
    rev = SyncGateway.put_attachment("d", "a.txt", b"a", "text/plain")
    assert rev == rev_of("d")
    assert read("a.txt") == b"a"


NAMES = [
    "a b.txt", "ä€😀.txt", "_underscore", "new\nline", 'quo"te', "per%cent", "a%2Fb", "dir/a.txt",
    "blob_/photo", "a%/b", "?x=1&y", "#", "n" * 300, ".hidden", "..x", "\\", "+", "\x7f",
]  # fmt: skip


@pytest.mark.parametrize("uid", ["d", "per%cent", "with/slash"])
def test_names(gateway, uid):
    rev = None
    for name in NAMES:
        rev = SyncGateway.put_attachment(uid, name, name.encode(), rev=rev)
        assert list(stubs(uid)) == [name]
        with SyncGateway.get_attachment(uid, name) as file:
            assert file.read() == name.encode()
        rev = SyncGateway.delete_attachment(uid, name, rev)


def test_names_that_cannot_be(rev):
    for name in ("", ".", "..", "../a", "a/../b", "a//b", "/a", "\ud800", None, 5):
        for call in (
            SyncGateway.get_attachment,
            lambda *place: SyncGateway.put_attachment(*place, b"", rev=rev),
            lambda *place: SyncGateway.delete_attachment(*place, rev),
        ):
            with pytest.raises(SyncGatewayBadRequest, match="cannot be the name of an attachment"):
                call("d", name)


class Shrinking(io.BytesIO):
    """A file that has fewer bytes than it says."""

    def read(self, size=-1):
        return super().read(size) if self.tell() < 100_000 else b""


class Unseekable(io.RawIOBase):
    def __init__(self, data):
        self._file = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        return self._file.readinto(buffer)


def test_cut_upload_changes_nothing(rev):
    with pytest.raises(SyncGatewayBadRequest, match="bytes early: it had 300000"):
        SyncGateway.put_attachment("d", "a.bin", Shrinking(CONTENT), rev=rev)
    assert rev_of("d") == rev
    assert read() == CONTENT


def test_what_is_uploaded(rev):
    for data in (bytearray(b"x"), memoryview(b"x"), Unseekable(b"x"), io.BytesIO(b"x")):
        rev = SyncGateway.put_attachment("d", "x", data, rev=rev)
        assert read("x") == b"x"
    for wrong in ("text", io.StringIO("text"), None, 5):
        with pytest.raises(SyncGatewayBadRequest, match="neither bytes nor a file"):
            SyncGateway.put_attachment("d", "x", wrong, rev=rev)
    for wrong in ("text/plain\r\nX: y", None):
        with pytest.raises(SyncGatewayBadRequest, match="cannot be the type"):
            SyncGateway.put_attachment("d", "x", b"", wrong, rev=rev)


def test_too_large(rev):
    with pytest.raises(SyncGatewayBadRequest) as caught:
        SyncGateway.put_attachment("d", "large", bytes(20 * 1024 * 1024 + 1), rev=rev)
    assert caught.value.status == 413
    assert rev_of("d") == rev
    rev = SyncGateway.put_attachment("d", "large", bytes(20 * 1024 * 1024), rev=rev)
    assert hashlib.sha1(read("large")).digest() == hashlib.sha1(bytes(20 * 1024 * 1024)).digest()


def test_async(rev):
    async def with_pieces(made):
        file = await SyncGateway.aget_attachment("d", "b")
        pieces = [piece async for piece in file]
        file.close()
        await SyncGateway.adelete_attachment("d", "b", made)
        return pieces

    async def all_of_it():
        made = await SyncGateway.aput_attachment("d", "b", b"b" * 100_000, "text/plain", rev)
        return await with_pieces(made)

    assert b"".join(async_to_sync(all_of_it)()) == b"b" * 100_000
    assert "b" not in stubs()


def test_read_on_in_the_name_of_the_user_who_opened_it(rev, user):
    name = user(admin_channels=["c"])
    file = SyncGateway.as_user(name, "secret").get_attachment("d", "a.bin")
    file.seek(100_000)
    assert file.read() == CONTENT[100_000:]
    SyncGateway.remove_channels(name, ["c"])
    file.seek(10)
    with pytest.raises(SyncGatewayForbidden):
        file.read()
    file.close()
