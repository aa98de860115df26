"""Tests of the field notes, except for those that need a browser."""

import re
from uuid import uuid4

from airports.models import CBAirport
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.management import call_command
from django.test import TestCase
from django.urls import reverse

from django_cbtools.contrib.gateway_users.access import name_of
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import SyncFunctionTestCase

from .models import CBNote


class PagesTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        call_command("create_sg_users", verbosity=0)
        cls.ada, cls.bob = map(User.objects.create_user, ["ada", "bob"])
        airport = CBAirport(
            icao="EDDB", name="Berlin", country="DE", elevation=157, lat=52.4, lon=13.5,
            tz="Europe/Berlin", channels=["public"],
        )  # fmt: skip
        airport.save()
        cls.note = CBNote(text="Fog <b>", airport=airport, channels=[name_of(cls.ada)])
        cls.note.attachments.add("photo.jpg", ContentFile(b"a photo"), content_type="image/jpeg")
        cls.note.save()

    def get(self, name, user=None):
        if user is not None:
            self.client.force_login(user)
        return self.client.get(reverse(f"fieldnotes:{name}"))

    def test_the_page_is_the_same_for_everybody(self):
        anonymous = self.get("notes")
        self.assertContains(anonymous, 'data-worker="/offline/fieldnotes/worker.js"')
        assert not anonymous.cookies
        assert self.get("notes", self.ada).content == anonymous.content
        policy = anonymous["Content-Security-Policy"]
        assert policy.startswith("default-src 'self'; img-src 'self' blob:;")
        self.assertNotContains(anonymous, "<script>")
        self.assertNotContains(anonymous, "style=")

    def test_what_is_kept(self):
        told = self.client.get("/offline/fieldnotes/files.json").json()
        assert told["pages"] == ["/notes/"]
        assert told["network"] == ["/sync/", "*"]
        page = self.get("notes").content.decode()
        used = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page))
        assert "/static/vendor/pouchdb/pouchdb.min.js" in used
        # A browser asks for the picture once, when the app is installed.
        assert used - set(told["files"]) == {"/static/fieldnotes/start.png"}

    def test_a_session_of_the_gateway(self):
        self.client.force_login(self.ada)
        response = self.client.post(reverse("fieldnotes:session"))
        assert response.json()["name"] == name_of(self.ada)
        assert response.cookies["SyncGatewaySession"]["path"] == "/sync/"
        assert SyncGateway.get_user(name_of(self.ada))["admin_channels"] == [
            "public", name_of(self.ada),
        ]  # fmt: skip

    def test_arrived_notes(self):
        response = self.get("arrived", self.ada)
        self.assertContains(response, "Fog &lt;b&gt;")
        self.assertContains(response, "Berlin</a>")
        (photo,) = response.context["notes"][0].photos
        shown = self.client.get(photo)
        assert b"".join(shown.streaming_content) == b"a photo"
        assert shown["Content-Type"] == "image/jpeg"
        self.client.force_login(self.bob)
        assert self.client.get(photo).status_code == 403
        self.assertContains(self.get("arrived"), "No note has arrived yet")
        self.client.logout()
        assert self.client.get(photo).status_code == 403
        self.assertRedirects(self.get("arrived"), "/accounts/login/?next=/notes/arrived/")

    def test_a_channel_that_begins_as_ones_own(self):
        photo = {"data": "YQ==", "content_type": "image/jpeg"}
        document = {"doc_type": "note", "channels": f"{name_of(self.bob)}0"}
        SyncGateway.save_json("note_odd", {**document, "_attachments": {"a.jpg": photo}})
        self.client.force_login(self.bob)
        assert self.client.get("/files/?uid=note_odd&name=a.jpg").status_code == 403
        self.assertContains(self.get("arrived"), "No note has arrived yet")

    def test_everybodys_are_for_the_staff(self):
        self.bob.is_staff = True
        self.bob.save()
        self.assertContains(self.get("arrived", self.bob), "Fog")


class SyncFunctionTest(SyncFunctionTestCase):
    def setUp(self):
        super().setUp()
        self.ada = self.as_user("user-1", channels=["public", "user-1"])
        self.site = self.as_user("site", channels=["*"])

    def note(self, *channels, **changes):
        document = {"_id": f"note_{uuid4()}", "doc_type": "note", "channels": list(channels)}
        return {**document, **changes}

    def test_notes_are_of_one_user(self):
        own, anothers = self.note("user-1"), self.note("user-2")
        assert self.ada.can_write(own)
        assert self.ada.can_write(own, old=own)
        for note in (anothers, self.note("user-1", "user-2"), self.note()):
            assert not self.ada.can_write(note)
        assert not self.ada.can_write(own, old=anothers)
        assert self.ada.can_read(own)
        assert not self.ada.can_read(anothers)

    def test_all_else_is_the_sites(self):
        article = {"doc_type": "article", "channels": ["public"]}
        assert not self.ada.can_write(article)
        assert not self.ada.can_write(self.note("public"), old=article)
        assert not self.ada.can_write(self.note("user-1", _id="apt_EDDB"))
        assert self.site.can_write(article, old=article)
        assert self.site.can_write(self.note("user-1"), old=self.note("user-1"))
