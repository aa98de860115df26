"""Files that live in their documents: fields, storage, blobs, and forms of them."""

from __future__ import annotations

import copy
import io
import pickle
import secrets

import pytest
from django import forms
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from PIL import Image
from rest_framework import serializers

from django_cbtools.models import (
    AttachmentField,
    AttachmentImageField,
    AttachmentStorage,
    Blob,
    BlobField,
    CouchbaseModel,
    CouchbaseModelError,
)
from django_cbtools.sync_gateway import SyncGateway, SyncGatewayBadRequest, SyncGatewayNotFound

LARGE = secrets.token_bytes(1_200_000)


class Inspection(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "with_files"
    title = models.CharField(max_length=20, default="t")
    report = AttachmentField(blank=True, null=True)
    picture = AttachmentImageField(blank=True, width_field="width", null=True)
    width = models.IntegerField(null=True, editable=False)
    plain = models.FileField(storage=AttachmentStorage(), blank=True, upload_to="plans")
    photo = BlobField(blank=True)


def stored(uid):
    return SyncGateway.bulk_get([uid])[0]["doc"]


def saved(**values):
    document = Inspection(channels=["c"], **values)
    document.save()
    return document


def upload(name="a.txt", content=b"content", content_type="text/plain"):
    return SimpleUploadedFile(name, content, content_type)


def image():
    content = io.BytesIO()
    Image.new("RGB", (4, 3)).save(content, "PNG")
    return SimpleUploadedFile("a.png", content.getvalue(), "image/png")


@pytest.mark.parametrize("content", [b"small", LARGE])
def test_file_lives_in_its_document(db, content):
    document = saved(report=upload(content=content), plain=ContentFile(content, "p.pdf"))
    assert document.report.read() == content
    body = stored(document.uid)
    assert (body["report"], body["plain"]) == ("a.txt", "plans/p.pdf")
    assert set(body["_attachments"]) == {"a.txt", "plans/p.pdf"}
    loaded = Inspection(document.uid)
    for file in (loaded.report, loaded.plain, pickle.loads(pickle.dumps(loaded)).plain):
        assert file.size == len(content)
        with file.open() as opened:
            assert opened.read() == content
            opened.seek(1)
            assert opened.read(2) == content[1:3]
        with file.open() as opened:
            assert b"".join(opened.chunks()) == content
    assert loaded.report.content_type == "text/plain"
    assert loaded.report.attachment.digest == body["_attachments"]["a.txt"]["digest"]


def test_what_is_replaced_or_cleared_goes(db):
    document = saved(report=upload("a.txt"), plain=upload("b.txt"))
    document.attachments.add("phones.jpg", b"photo").save()
    document.report = upload("c.txt")
    document.save(update_fields=["report"])
    assert set(stored(document.uid)["_attachments"]) == {"plans/b.txt", "phones.jpg", "c.txt"}
    document.report, document.plain = "", upload("b.txt", b"new")
    document.save()
    assert (stored(document.uid)["report"], len(stored(document.uid)["_attachments"])) == ("", 2)
    assert Inspection(document.uid).plain.read() == b"new"
    document.plain.delete()
    assert set(stored(document.uid)["_attachments"]) == {"phones.jpg"}


def test_same_name_twice(db):
    document = saved(report=upload("a.txt", b"1"), picture=None)
    document.plain = upload("a.txt", b"2")
    document.photo = b"3"
    document.save()
    document.attachments.add("x.txt", b"4")
    document.report = upload("x.txt", b"5")
    document.save()
    loaded = Inspection(document.uid)
    assert loaded.report.name.startswith("x_")
    assert (loaded.report.read(), loaded.plain.read(), loaded.photo.read()) == (b"5", b"2", b"3")
    assert loaded.attachments["x.txt"].read() == b"4"


def test_images(db):
    document = saved(picture=image())
    assert stored(document.uid)["width"] == 4
    loaded = Inspection.objects.get()
    assert (loaded.width, loaded.picture.width, loaded.picture.height) == (4, 4, 3)


def test_copies_have_files_of_their_own(db):
    document = saved(report=upload())
    other = copy.copy(document)
    other.uid = None
    other.attachments.add("a.txt", document.report.read())
    other.save()
    document.hard_delete()
    assert Inspection(other.uid).report.read() == b"content"


def test_what_is_not_there(db):
    SyncGateway.save_json(
        "i", {"doc_type": "with_files", "channels": ["c"], "report": "gone.txt", "photo": 5}
    )
    document = Inspection("i")
    with pytest.raises(FileNotFoundError, match=r"has no attachment 'gone\.txt'"):
        document.report.open()
    with pytest.raises(ValueError, match="has no file associated"):
        document.picture.open()
    assert document.photo == 5
    document.save()
    assert (stored("i")["report"], stored("i")["photo"]) == ("gone.txt", 5)
    with pytest.raises(CouchbaseModelError, match="only a field of a document"):
        AttachmentStorage().save("a", ContentFile(b""))
    with pytest.raises(ValueError, match="cannot be opened by 'wb'"):
        saved(report=upload()).report.storage.open("a.txt", "wb")


def test_too_large(db):
    """The document would say that it has the file, and phones would not find it."""
    document = saved(report=upload())
    rev = document.rev
    document.report = upload("large", bytes(20 * 1024 * 1024 + 1))
    with pytest.raises(SyncGatewayBadRequest, match="has more than 20971520 bytes"):
        document.save()
    body = stored(document.uid)
    assert (body["_rev"], body["report"], set(body["_attachments"])) == (rev, "a.txt", {"a.txt"})


# ------------------------------------------------------------------------ blobs


def test_blob_as_couchbase_lite_has_it(db):
    document = saved(photo=Blob(b"hello world", "image/jpeg"))
    blob = {
        "@type": "blob", "content_type": "image/jpeg", "length": 11,
        "digest": "sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0=",
    }  # fmt: skip
    body = stored(document.uid)
    assert body["photo"] == blob
    assert body["_attachments"]["blob_/photo"]["digest"] == blob["digest"]
    for loaded in (document, Inspection(document.uid), Inspection.objects.get()):
        assert loaded.photo.read() == b"hello world"
        assert (loaded.photo.content_type, loaded.photo.length) == ("image/jpeg", 11)
    rev = loaded.rev
    loaded.title = "new"
    loaded.save()
    assert loaded.rev != rev
    assert stored(document.uid)["photo"] == blob
    loaded.full_clean()
    loaded.photo = b"bytes"
    loaded.save()
    assert Inspection(document.uid).photo == Blob(b"bytes")
    assert set(stored(document.uid)["_attachments"]) == {"blob_/photo"}
    loaded.photo = None
    loaded.save(update_fields=["photo"])
    assert stored(document.uid)["photo"] is None
    assert "_attachments" not in stored(document.uid)


def test_blob_of_another_document_is_copied(db):
    first, second = saved(photo=b"one"), saved()
    second.photo = first.photo
    second.save()
    first.hard_delete()
    assert Inspection(second.uid).photo.read() == b"one"
    second.photo = second.photo
    second.save()
    assert Inspection(second.uid).photo.read() == b"one"


def test_blob_that_a_phone_attached(db):
    """Its attachment may have the name of the key that it was under at first."""
    digest = "sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0="
    meta = {"content_type": "image/png", "digest": digest, "length": 11}
    attachments = {"blob_/old": {"content_type": "image/png", "data": "aGVsbG8gd29ybGQ="}}
    for uid, found in (("i", attachments), ("j", {})):
        SyncGateway.save_json(
            uid, {"doc_type": "with_files", "channels": ["c"], "_attachments": found,
                  "photo": {"@type": "blob", **meta}},
        )  # fmt: skip
    assert Inspection("i").photo.read() == b"hello world"
    with pytest.raises(SyncGatewayNotFound, match="no attachment with the contents"):
        Inspection("j").photo.read()
    assert {each.uid for each in Inspection.objects.filter(photo__digest=digest)} == {"i", "j"}


# ------------------------------------------------------------------------ forms


class InspectionForm(forms.ModelForm):
    class Meta:
        model = Inspection
        fields = ["title", "report", "picture", "plain", "photo"]


@pytest.fixture
def urls(settings):
    settings.ROOT_URLCONF = "tests.attachment_urls"


@pytest.mark.filterwarnings("ignore::django_cbtools.exceptions.StaleFormWarning")
def test_forms(db, urls):
    files = {"report": upload(), "picture": image(), "plain": upload("b"), "photo": upload("c")}
    form = InspectionForm({"title": "f"}, files, instance=Inspection(channels=["c"]))
    assert form.is_valid(), form.errors
    document = form.save()
    loaded = Inspection(document.uid)
    assert (loaded.report.read(), loaded.photo.read(), loaded.width) == (b"content", b"content", 4)
    assert "a.png" in str(InspectionForm(instance=loaded))
    # What is not sent stays, what is cleared goes.
    form = InspectionForm({"title": "g", "plain-clear": "on", "photo-clear": "on"}, instance=loaded)
    assert form.is_valid(), form.errors
    form.save()
    loaded = Inspection(document.uid)
    assert (loaded.title, loaded.report.name, loaded.plain.name) == ("g", "a.txt", "")
    assert set(loaded.attachments) == {"a.txt", "a.png"}
    bad = {"picture": SimpleUploadedFile("x.svg", b"<svg onload='alert(1)'/>", "image/svg+xml")}
    assert not InspectionForm({"title": "f"}, bad, instance=loaded).is_valid()


class InspectionSerializer(serializers.ModelSerializer):
    class Meta:
        model = Inspection
        fields = ["title", "report", "picture"]


def test_no_urls(db):
    document = saved(report=upload(), photo=b"x")
    with pytest.raises(ValueError, match=r"include django_cbtools\.transfers\.urls"):
        document.report.url  # noqa: B018
    assert "report" in str(InspectionForm(instance=document))
    assert InspectionSerializer(document).data["report"] is None


def test_rest_framework(db, urls):
    data = {"title": "d", "report": upload(), "picture": image()}
    serializer = InspectionSerializer(data=data)
    assert serializer.is_valid(), serializer.errors
    document = serializer.save(channels=["c"])
    shown = InspectionSerializer(Inspection(document.uid)).data
    assert "name=a.txt" in shown["report"]
    assert Inspection(document.uid).report.read() == b"content"


# ------------------------------------------------------------------- the site's view


def test_view(db, urls, client, django_user_model):
    document = saved(report=upload("a b.html", b"<script>", "text/html"), photo=b"bytes")
    url = document.report.url
    assert client.get(url).status_code == 403
    user = django_user_model.objects.create_user("ann")
    client.force_login(user)
    assert client.get(url).status_code == 403
    permission, _ = Permission.objects.get_or_create(
        codename="view_inspection", content_type=ContentType.objects.get_for_model(Inspection)
    )
    user.user_permissions.add(permission)
    response = client.get(url)
    assert b"".join(response) == b"<script>"
    assert response.headers["Content-Disposition"] == 'attachment; filename="a_b.html"'
    assert response.headers["Content-Type"] == "text/html"
    assert "sandbox" in response.headers["Content-Security-Policy"]
    assert client.get(url, headers={"Range": "bytes=1-3"}).status_code == 206
    assert client.get(document.photo.url).headers["Content-Type"] == "application/octet-stream"
    assert client.post(url).status_code == 405
    for wrong in (f"?uid={document.uid}&name=no", "?uid=nobody&name=a", "?uid=_x&name=a", ""):
        assert client.get(f"/files/{wrong}").status_code == 404
    document.delete()
    assert client.get(url).status_code == 404


def nobody(request, document, name):
    return name == "a.txt"


def test_view_for_whom_the_settings_say(db, urls, client, settings):
    settings.ATTACHMENT_PERMISSION = "tests.models.test_attachment_fields.nobody"
    document = saved(report=upload("a.txt"), plain=upload("b.txt"))
    assert client.get(document.report.url).status_code == 200
    assert client.get(document.plain.url).status_code == 403
