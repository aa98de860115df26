"""Tests of the airports' pages, with the first 60 airports of the real data."""

from unittest import mock

import airportsdata
from django.core.management import CommandError, call_command
from django.test import TestCase

from django_cbtools.models import CHANNEL_PUBLIC
from django_cbtools.sync_gateway import SyncGateway

from .models import CBAirport

LIMIT = 60
FIRST = next(iter(airportsdata.load().values()))


def load(limit=LIMIT):
    call_command("load_airports", limit=limit, verbosity=0)


class PagesTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        call_command("create_cb_views", verbosity=0)
        load()

    def get(self, path, status=200):
        response = self.client.get(f"/airports/{path}")
        assert response.status_code == status
        return response

    def test_countries(self):
        response = self.get("")
        self.assertContains(response, f"{LIMIT} airports")
        assert sum(country["count"] for country in response.context["countries"]) == LIMIT
        assert response.context["top"][0]["percent"] == 100
        self.assertContains(response, "United States")

    def test_country(self):
        country = FIRST["country"]
        count = CBAirport.objects.filter(country=country).count()
        assert count > 50
        first, second = self.get(f"in/{country}/"), self.get(f"in/{country}/?page=2")
        uids = [a.uid for page in (first, second) for a in page.context["airports"]]
        assert len(first.context["airports"]) == 50
        assert len(set(uids)) == count
        assert uids == sorted(uids)
        assert len(self.get(f"in/{country}/points.json").json()) == count

    def test_airport(self):
        response = self.get(f"apt_{FIRST['icao']}/")
        self.assertContains(response, FIRST["name"])
        self.assertContains(response, FIRST["tz"])

    def test_missing(self):
        for path in ("in/XX/", f"in/{FIRST['country']}/?page=9", "apt_XXXX/"):
            with self.subTest(path):
                self.assertTemplateUsed(self.get(path, status=404), "404.html")


class LoadTest(TestCase):
    def setUp(self):
        call_command("create_cb_views", verbosity=0)

    def revisions(self):
        return dict(CBAirport.objects.values_list("uid", "rev"))

    def test_documents(self):
        self.assertContains(self.client.get("/airports/"), "There is no airport yet")
        load(1)
        airport = CBAirport(f"apt_{FIRST['icao']}")
        assert {key: getattr(airport, key) for key in FIRST} == FIRST
        assert airport.channels == [FIRST["country"]]

    def test_a_second_load_does_nothing(self):
        load()
        before = self.revisions()
        assert len(before) == LIMIT
        with mock.patch.object(SyncGateway, "bulk_docs") as bulk_docs:
            load()
        bulk_docs.assert_not_called()
        assert self.revisions() == before

    def test_an_interrupted_load_goes_on(self):
        load(20)
        before = self.revisions()
        load()
        after = self.revisions()
        assert len(after) == LIMIT
        assert {uid: after[uid] for uid in before} == before

    def test_what_was_deleted_stays_deleted(self):
        load()
        CBAirport(f"apt_{FIRST['icao']}").delete()
        load()
        assert CBAirport.objects.count() == LIMIT - 1

    def test_a_page_of_another_type(self):
        stranger = CBAirport(uid="apt_stranger", channels=[CHANNEL_PUBLIC])
        SyncGateway.save_json(stranger.uid, {"doc_type": "article", "channels": ["public"]})
        assert self.client.get("/airports/apt_stranger/").status_code == 404


class WithoutViewsTest(TestCase):
    def test_load_says_what_is_missing(self):
        with self.assertRaisesMessage(CommandError, "by_country"):
            load()
