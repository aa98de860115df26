"""Uploads that become attachments while a request is read."""

from __future__ import annotations

import io
import secrets

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http.multipartparser import MultiPartParserError
from django.test import RequestFactory
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from django_cbtools.exceptions import SyncGatewayBadRequest, SyncGatewayConflict
from django_cbtools.transfers.handlers import AttachmentUploadHandler
from tests.testapp.models import CBArticle

CONTENT = secrets.token_bytes(1_500_000)


@pytest.fixture
def article(db):
    document = CBArticle(title="t", channels=["c"])
    document.save()
    return document


REQUESTS = []


@pytest.fixture(autouse=True)
def _closed():
    """Close requests as a server does."""
    yield
    while REQUESTS:
        REQUESTS.pop().close()


def posted(article, *, cut=None, fields=None, **files):
    """A request with files, the first handler that of an article; its length is as it was."""
    data = {"title": "posted", **files}
    body = encode_multipart(BOUNDARY, data)
    environ = {"wsgi.input": io.BytesIO(body[:cut]), "CONTENT_LENGTH": str(len(body))}
    request = RequestFactory().generic("POST", "/", body, MULTIPART_CONTENT, **environ)
    REQUESTS.append(request)
    request.upload_handlers.insert(0, AttachmentUploadHandler(article, fields, most=2_000_000))
    return request


def upload(name="photo.png", content=CONTENT, content_type="image/png"):
    return SimpleUploadedFile(name, content, content_type)


def test_files_become_attachments(article):
    request = posted(article, photo=upload(), other=upload("../b\u202e.txt", b"b", "text/plain"))
    assert request.POST["title"] == "posted"
    photo = request.FILES["photo"]
    assert (photo.name, photo.size, photo.content_type) == ("photo.png", len(CONTENT), "image/png")
    assert photo.read() == CONTENT
    loaded = CBArticle(article.uid)
    assert loaded.rev == article.rev
    assert {name: each.read() for name, each in loaded.attachments.items()} == {
        "photo.png": CONTENT, "b.txt": b"b"
    }  # fmt: skip
    article.title = "new"
    article.save()


def test_nothing_is_replaced(article):
    article.attachments.add("a.txt", b"phone").save()
    request = posted(article, one=upload("a.txt", b"1"), two=upload("a.txt", b"2"))
    names = [request.FILES[field].name for field in ("one", "two")]
    found = CBArticle(article.uid).attachments
    assert [found[name].read() for name in ("a.txt", *names)] == [b"phone", b"1", b"2"]


def test_fields_that_are_taken(article):
    request = posted(article, fields=["photo"], photo=upload(), other=upload("b.txt", b"b"))
    assert request.FILES["other"].read() == b"b"
    assert set(CBArticle(article.uid).attachments) == {"photo.png"}


def test_what_is_cut_or_too_large_changes_nothing(article):
    rev = article.rev
    for cut in (100_000, -1, -len(BOUNDARY)):
        with pytest.raises(MultiPartParserError, match="bytes have arrived"):
            posted(article, cut=cut, first=upload("b.txt", b"b"), photo=upload()).FILES  # noqa: B018
    with pytest.raises(SyncGatewayBadRequest, match="has more than 2000000 bytes"):
        posted(article, photo=upload(content=CONTENT * 2)).FILES  # noqa: B018
    assert CBArticle(article.uid).rev == rev
    assert not CBArticle(article.uid).attachments


def test_document_that_somebody_else_has_written(article):
    CBArticle(article.uid).save()
    with pytest.raises(SyncGatewayConflict):
        posted(article, photo=upload()).FILES  # noqa: B018
    assert not CBArticle(article.uid).attachments
