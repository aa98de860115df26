"""Tests of the dashboard: what the feed of changes tells it, and how browsers hear of it."""

import gc
import json
from unittest import mock

from airports.models import CBAirport
from articles.models import CBArticle
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.core.management import call_command
from django.test import AsyncClient, TestCase
from django.urls import reverse
from fieldnotes.models import CBNote

from django_cbtools.models import CHANNEL_PUBLIC
from django_cbtools.tests import capture_changes

from . import streaming
from .models import Event


class DashboardTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.ann = User.objects.create_user("ann", password="x", is_staff=True, is_superuser=True)
        User.objects.create_user("bob", password="x")

    def setUp(self):
        self.client.force_login(self.ann)
        for name, value in {"PAUSE": 0.001, "LIFETIME": 0.05}.items():
            patched = mock.patch.object(streaming, name, value)
            self.addCleanup(patched.stop)
            patched.start()

    def follow(self):
        call_command("follow_sg_changes", name="dashboard", once=True, verbosity=0)

    def heard(self, **headers):
        """What a browser hears: the numbers, and what was told."""
        response = self.client.get(reverse("dashboard:events"), {"since": "0"}, headers=headers)
        assert response.status_code == 200
        return self.read(b"".join(response).decode())

    def read(self, text):
        events = [piece.split("\n") for piece in text.split("\n\n") if piece.startswith("id: ")]
        return {int(number[4:]): json.loads(data[6:]) for number, data in events}

    def test_who_changes_what(self):
        form = {"title": "Notes", "year_published": 2000, "is_draft": "on"}
        self.client.post(reverse("articles:create"), form)
        oslo = CBAirport(
            icao="ENGM", name="Oslo", country="NO", elevation=681, lat=60.2, lon=11.1, tz="x",
            channels=[CHANNEL_PUBLIC],
        )  # fmt: skip
        oslo.save()
        self.follow()
        first, second = self.heard().values()
        told = {name: first[name] for name in ("title", "what", "who", "place")}
        assert told == {"title": "Notes", "what": "created", "who": "ann", "place": None}
        assert (second["title"], second["who"], second["place"]) == ("Oslo", "", [11.1, 60.2])
        article = CBArticle.objects.get()
        article.title = "Other notes"  # as a phone does, that keeps what others have noted
        article.save()
        oslo.hard_delete()
        CBNote(airport=oslo, text="It is gone", channels=["ann"]).save()
        self.follow()
        *_, third, fourth, fifth = self.heard().values()
        assert (fifth["kind"], fifth["place"]) == ("field note", None)
        assert (third["title"], third["what"], third["who"]) == ("Other notes", "changed", "")
        assert (fourth["title"], fourth["what"]) == ("apt_ENGM", "gone")
        call_command("follow_sg_changes", name="again", once=True, verbosity=0)
        assert len(self.heard()) == 5

    def make(self, count):
        return [
            Event.objects.create(uid=f"x_{number}", rev="1-a", kind="x", title="X", what="changed")
            for number in range(count)
        ]

    def test_a_browser_that_comes_back(self):
        first, second, third = (event.pk for event in self.make(3))
        assert list(self.heard()) == [first, second, third]
        assert list(self.heard(last_event_id=str(second))) == [third]
        assert list(self.heard(last_event_id=str(third + 7))) == []
        for odd in ("Ж", "9" * 5000, "-1", "1.0"):
            assert list(self.heard(last_event_id=odd)) == []

    def test_asgi(self):
        numbers = [event.pk for event in self.make(3)]

        async def ask():
            client = AsyncClient()
            await client.aforce_login(self.ann)
            response = await client.get(
                reverse("dashboard:events"), headers={"Last-Event-ID": str(numbers[0])}
            )
            return b"".join([piece async for piece in response])

        assert list(self.read(async_to_sync(ask)().decode())) == numbers[1:]

    def test_heartbeats(self):
        with mock.patch.object(streaming, "HEARTBEAT", 0.01):
            response = self.client.get(reverse("dashboard:events"))
            said = b"".join(response).decode()
        assert said.startswith("retry: 2000\n\n")
        assert ": still here\n\n" in said

    def test_how_many_connections(self):
        url = reverse("dashboard:events")
        open_ones = [self.client.get(url) for _ in range(streaming.CONNECTIONS)]
        refused = self.client.get(url)
        assert (refused.status_code, refused["Retry-After"]) == (503, "30")
        for response in open_ones:
            response.close()
        response = self.client.get(url)
        assert response.status_code == 200
        response.close()

    def test_connections_that_are_forgotten(self):
        url = reverse("dashboard:events")
        for _ in range(streaming.CONNECTIONS):
            assert self.client.get(url).status_code == 200
        gc.collect()
        response = self.client.get(url)
        assert response.status_code == 200
        response.close()

    def test_a_phone_that_names_somebody_else(self):
        article = CBArticle(title="Notes", channels=[CHANNEL_PUBLIC])
        article.extra["changed_by"] = {"user": "ann", "generation": 1}
        article.save()
        self.client.post(
            reverse("articles:create"), {"title": "Own", "year_published": 2000, "is_draft": "on"}
        )
        own = CBArticle.objects.get(title="Own")
        copy = CBArticle(title="Copied", channels=[CHANNEL_PUBLIC])
        copy.extra["changed_by"] = own.extra["changed_by"]
        copy.save()
        with capture_changes() as captured:
            half = {"changed_by": "\ud800:\ud800", "title": "Half", "_id": "atl_half"}
            captured.phone_saves({**half, "doc_type": "article", "channels": ["a"]})
        self.follow()
        assert {event["title"]: event["who"] for event in self.heard().values()} == {
            "Notes": "", "Own": "ann", "Copied": "", "Half": "",
        }  # fmt: skip

    def test_the_page(self):
        with capture_changes() as captured:
            captured.phone_saves(
                {"_id": "atl_1", "doc_type": "article", "channels": ["a"], "title": "<b>Roof"}
            )
        response = self.client.get(reverse("dashboard:dashboard"))
        self.assertContains(response, "&lt;b&gt;Roof")
        self.assertContains(response, "a phone, or a program")
        assert response.context["minutes"][0]["count"] == 1
        assert len(response.context["minutes"]) == 10

    def test_only_the_staff(self):
        for name, status in (("bob", 302), (None, 302)):
            self.client.logout()
            if name:
                self.client.force_login(User.objects.get(username=name))
            assert self.client.get(reverse("dashboard:dashboard")).status_code == status
            assert self.client.get(reverse("dashboard:events")).status_code == 403

    def test_old_ones_are_forgotten(self):
        with mock.patch("dashboard.cb_changes.KEPT", 50), capture_changes() as captured:
            for number in range(120):
                captured.phone_saves(
                    {"_id": f"atl_{number}", "doc_type": "article", "channels": ["a"], "title": "X"}
                )
        assert 50 <= Event.objects.count() <= 150
