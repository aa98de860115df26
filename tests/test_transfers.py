"""Files on their way up and down: back ends, ranges, conditions, and what browsers are told."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile, FileField
from django.http import Http404
from django.template import engines
from django.test import RequestFactory

from django_cbtools.transfers import prepare_upload, public_download_url, serve_file
from django_cbtools.transfers.names import base_name
from tests.testapp.models import CBArticle

BACKENDS = "django_cbtools.transfers.backends"
CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def stored(tmp_path):
    """A file of a FileField, by its name."""
    storage = FileSystemStorage(tmp_path, base_url="/media/")

    def store(name, content=CONTENT):
        saved = storage.save(name, ContentFile(content))
        return FieldFile(CBArticle(), FileField(storage=storage), saved)

    return store


@pytest.fixture
def attached(db):
    document = CBArticle(channels=["c"])
    document.attachments.add("a.png", CONTENT)
    document.save()
    return document.attachments["a.png"]


def served(file, method="get", backend=None, save_as=False, content_type=None, trusted=False,
           **headers):  # fmt: skip
    request = getattr(RequestFactory(), method)("/", headers=headers)
    options = {"save_as": save_as, "content_type": content_type, "trusted": trusted}
    return serve_file(request, file, backend, **options)


def body(response):
    content = b"".join(response) if response.streaming else response.content
    for close in response._resource_closers:  # close() would end the test's transaction
        close()
    return content


@pytest.fixture(params=["stored", "attached"])
def file(request):
    found = request.getfixturevalue(request.param)
    return found("a.png") if request.param == "stored" else found


def test_whole(file):
    response = served(file)
    assert body(response) == CONTENT
    assert response.headers["Content-Length"] == str(len(CONTENT))
    assert response.headers["Content-Type"] == "image/png"
    assert response.headers["Content-Disposition"] == 'inline; filename="a.png"'
    assert response.headers["Accept-Ranges"] == "bytes"
    head = served(file, "head")
    assert (head.content, head.headers) == (b"", response.headers)


RANGES = [
    ("bytes=0-0", 0, 1), ("bytes=5-9", 5, 10), ("bytes=255000-", 255000, 256000),
    ("bytes=-10", 255990, 256000), ("bytes=10-" + "9" * 5000, 10, 256000),
]  # fmt: skip


def test_ranges(file):
    for asked, start, end in RANGES:
        response = served(file, Range=asked)
        assert response.status_code == 206
        assert body(response) == CONTENT[start:end]
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/256000"
        assert response.headers["Content-Length"] == str(end - start)
    for whole in ("bytes=0-", "bytes=-999999", "bytes=9-5", "lines=1-2", "bytes=0-1,3-4", "x"):
        response = served(file, Range=whole)
        assert (response.status_code, body(response)) == (200, CONTENT)
    for none in ("bytes=256000-", "bytes=-0", "bytes=" + "9" * 5000 + "-"):
        response = served(file, Range=none)
        assert (response.status_code, body(response)) == (416, b"")
        assert response.headers["Content-Range"] == "bytes */256000"


def test_conditions(file):
    first = served(file)
    body(first)
    tags = {"If-None-Match": first.headers["ETag"]} if "ETag" in first.headers else {}
    moments = {}
    if "Last-Modified" in first.headers:
        moments = {"If-Modified-Since": first.headers["Last-Modified"]}
    assert tags or moments
    response = served(file, **tags, **moments)
    assert (response.status_code, body(response)) == (304, b"")
    known = next(iter({**tags, **moments}.values()))
    response = served(file, **{"If-Range": known, "Range": "bytes=0-4"})
    assert (response.status_code, body(response)) == (206, CONTENT[:5])
    for other in ('"other"', "Thu, 01 Jan 1970 00:00:00 GMT", 'W/"x"', "nonsense"):
        response = served(file, **{"If-Range": other, "Range": "bytes=0-4"})
        assert (response.status_code, body(response)) == (200, CONTENT)
    assert served(file, **{"If-Match": '"other"'}).status_code == 412


def test_etag_is_the_digest(attached):
    assert served(attached).headers["ETag"] == f'"{attached.digest}"'


def test_what_is_gone(stored, attached):
    gone = stored("gone.txt")
    gone.storage.delete(gone.name)
    for call in ("get", "head"):
        with pytest.raises(Http404):
            served(gone, call)
    attached.document.attachments["a.png"].delete()
    with pytest.raises(Http404):
        served(attached)


ACTIVE = ["a.html", "a.svg", "a.xhtml", "a.js", "a.xml", "a.unknown", "a.html.gz", "a.swf"]


def test_nothing_active_is_displayed(stored):
    for name in ACTIVE:
        file = stored(name, b"<script>alert(1)</script>")
        response = served(file)
        body(response)
        assert response.headers["Content-Disposition"].startswith("attachment;"), name
        assert "sandbox" in response.headers["Content-Security-Policy"]
        assert response.headers["X-Content-Type-Options"] == "nosniff"
    # A type that is claimed is not taken apart by the browser, and odd ones count as active.
    odd = ["text/html", "image/svg+xml", "text/plain, text/html", "image/png(x)", "x\r\ny: z", ""]
    for content_type in odd:
        response = served(file, content_type=content_type)
        body(response)
        assert response.headers["Content-Disposition"].startswith("attachment;"), content_type
        assert "\n" not in response.headers["Content-Type"]
    page = stored("page.html", b"<p>")
    response = served(page, trusted=True)
    body(response)
    assert response.headers["Content-Disposition"] == 'inline; filename="page.html"'
    assert "Content-Security-Policy" not in response.headers
    response = served(page, content_type="application/pdf")
    body(response)
    assert response.headers["Content-Disposition"].startswith("inline;")
    assert "sandbox" not in response.headers["Content-Security-Policy"]


NAMES = {
    'quo"te.txt': 'attachment; filename="quo\\"te.txt"',
    "new\r\nX: y.txt": 'attachment; filename="new__X: y.txt"',
    "../../etc/passwd": 'attachment; filename="passwd"',
    "C:\\a\\b.txt": 'attachment; filename="b.txt"',
    "ä.txt": "attachment; filename*=utf-8''%C3%A4.txt",
    "evil\u202etxt.exe": 'attachment; filename="evil_txt.exe"',
    "\ud800": 'attachment; filename="?"',
    "": 'attachment; filename="a.txt"',
    "/": 'attachment; filename="file"',
}


def test_names(stored):
    file = stored("a.txt")
    for name, told in NAMES.items():
        response = served(file, save_as=name or True)
        body(response)
        assert response.headers["Content-Disposition"] == told
    assert len(base_name("n" * 300)) == 255
    assert base_name(None) == "file"


def test_web_servers(stored, settings):
    file = stored("ä b/x.html", b"<p>")
    response = served(file, backend=f"{BACKENDS}.xsendfile.serve_file")
    assert unquote(response.headers["X-Sendfile"]) == file.path
    assert response.headers["Content-Disposition"].startswith("attachment;")
    settings.SERVE_FILE_BACKEND = f"{BACKENDS}.xaccel.serve_file"
    with pytest.raises(ImproperlyConfigured, match="SERVE_FILE_XACCEL_URL"):
        served(file)
    settings.SERVE_FILE_XACCEL_URL = "/protected/"
    response = served(file, save_as="report.html")
    assert response.headers["X-Accel-Redirect"] == "/protected/%C3%A4%20b/x.html"
    assert response.headers["Content-Disposition"] == 'attachment; filename="report.html"'
    # What a phone has written into the document is no way out.
    for name in ("../secret", "a/../../secret", "/etc/passwd", "..\\secret"):
        file.name = name
        with pytest.raises(SuspiciousFileOperation):
            served(file)
        if "\\" not in name:  # to Django, that is a name like any other
            with pytest.raises(SuspiciousFileOperation):
                served(file, backend=f"{BACKENDS}.xsendfile.serve_file")


def test_urls(stored, settings):
    file = stored("ä b.txt")
    assert public_download_url(file) is None
    response = served(file, backend=f"{BACKENDS}.url.serve_file")
    assert (response.status_code, response.url) == (302, file.url)
    by_url = f"{BACKENDS}.url.public_download_url"
    assert public_download_url(file, by_url) == file.url == "/media/%C3%A4%20b.txt"
    settings.PUBLIC_DOWNLOAD_URL_BACKEND = f"{BACKENDS}.base_url.public_download_url"
    with pytest.raises(ImproperlyConfigured, match="PUBLIC_DOWNLOADS_URL_BASE"):
        public_download_url(file)
    settings.PUBLIC_DOWNLOADS_URL_BASE = "http://files.example.com/x"
    assert public_download_url(file) == "http://files.example.com/x/%C3%A4%20b.txt"
    template = "{% load filetransfers %}{{ file|public_download_url }} "
    template += "{{ file|public_download_url:other }} {% render_upload_data data %}"
    context = {"file": file, "other": by_url, "data": {"<k>": '"v"', "n": 1}}
    assert engines["django"].from_string(template).render(context) == (
        "http://files.example.com/x/%C3%A4%20b.txt /media/%C3%A4%20b.txt "
        '<input type="hidden" name="&lt;k&gt;" value="&quot;v&quot;">'
        '<input type="hidden" name="n" value="1">'
    )


def private(request, url, private=False):
    return f"{url}?private", {"key": "secret"}


def test_uploads(settings):
    request = RequestFactory().get("/")
    assert prepare_upload(request, "/up/") == ("/up/", {})
    settings.PREPARE_UPLOAD_BACKEND = f"{BACKENDS}.delegate.prepare_upload"
    settings.PRIVATE_PREPARE_UPLOAD_BACKEND = "tests.test_transfers.private"
    assert prepare_upload(request, "/up/", private=True) == ("/up/?private", {"key": "secret"})
    with pytest.raises(ImproperlyConfigured, match="PUBLIC_PREPARE_UPLOAD_BACKEND"):
        prepare_upload(request, "/up/")
    settings.PUBLIC_PREPARE_UPLOAD_BACKEND = "no.such.module"
    with pytest.raises(ImproperlyConfigured, match=r"'no\.such\.module' cannot be imported"):
        prepare_upload(request, "/up/")
