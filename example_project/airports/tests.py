"""Tests of the airports' pages, with the first 60 airports of the real data."""

from unittest import mock

import airportsdata
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import TestCase

from django_cbtools.models import CHANNEL_PUBLIC
from django_cbtools.sync_gateway import SyncGateway

from .management.commands.load_airports import airport
from .models import CBAirport

LIMIT = 60
ROWS = list(airportsdata.load().values())[:LIMIT]
FIRST = ROWS[0]
ABROAD = [row for row in airportsdata.load().values() if row["country"] == "LU"]


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

    def test_edit(self):
        url = f"/airports/apt_{FIRST['icao']}/edit/"
        form = self.get(url.removeprefix("/airports/")).context["form"]
        sent = {name: form[name].value() for name in form.fields} | {"lat": 91}
        self.assertContains(self.client.post(url, sent), "less than or equal to 90")
        response = self.client.post(url, sent | {"lat": 45, "name": "New"}, follow=True)
        self.assertContains(response, "New is saved.")
        airport = CBAirport(f"apt_{FIRST['icao']}")
        assert (airport.lat, airport.lon, airport.name) == (45, FIRST["lon"], "New")

    def test_missing(self):
        for path in ("in/XX/", f"in/{FIRST['country']}/?page=9", "apt_XXXX/"):
            with self.subTest(path):
                self.assertTemplateUsed(self.get(path, status=404), "404.html")


def codes(says, rows=ROWS):
    return sorted(row["icao"] for row in rows if says(row))


class SearchTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        call_command("create_cb_views", verbosity=0)
        load()
        CBAirport.objects.bulk_create(map(airport, ABROAD))

    def search(self, **query):
        return self.client.get("/airports/search/", query)

    def found(self, **query):
        """The codes of all airports that are found, page by page."""
        page, airports = self.search(**query), []
        airports += page.context["airports"]
        while page.context["page_obj"].has_next():
            number = page.context["page_obj"].next_page_number()
            page = self.search(**query, page=number)
            airports += page.context["airports"]
        return [airport.icao for airport in airports]

    def points(self, **query):
        return self.client.get("/airports/search/points.json", query).json()

    def test_all(self):
        page = self.search()
        self.assertContains(page, f"{LIMIT + len(ABROAD)} airports")
        self.assertContains(page, "Page 1 of 2")
        assert sorted(self.found()) == codes(lambda row: True, ROWS + ABROAD)
        assert len(self.points()) == LIMIT + len(ABROAD)

    def test_filters(self):
        word = FIRST["name"].split()[0].upper()
        for query, says in (
            ({"name": word}, lambda row: word in row["name"].upper()),
            ({"country": "LU"}, lambda row: row["country"] == "LU"),
            ({"elevation_min": 100}, lambda row: row["elevation"] >= 100),
            (
                {"elevation_min": 100, "elevation_max": 1000, "country": FIRST["country"]},
                lambda row: 100 <= row["elevation"] <= 1000 and row["country"] == FIRST["country"],
            ),
        ):
            with self.subTest(query):
                expected = codes(says, ROWS + ABROAD)
                assert 0 < len(expected) < LIMIT
                assert sorted(self.found(**query)) == expected
                assert len(self.points(**query)) == len(expected)

    def test_order(self):
        heights = {row["icao"]: row["elevation"] for row in ROWS + ABROAD}
        ordered = [heights[code] for code in self.found(order="-elevation")]
        assert ordered == sorted(heights.values(), reverse=True)

    def test_pages_keep_the_search(self):
        self.assertContains(self.search(elevation_min=-1000), "?elevation_min=-1000&amp;page=2")

    def test_nothing(self):
        self.assertContains(self.search(name="No such place"), "No airport is like that")

    def test_wrong_input(self):
        page = self.search(elevation_min="high", country="XX")
        self.assertContains(page, "Enter a number.")
        self.assertContains(page, "Select a valid choice.")
        assert self.points(elevation_min="high") == []


class ApiTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        call_command("create_cb_views", verbosity=0)
        load()
        cls.staff = User.objects.create_user("staff")
        permissions = Permission.objects.filter(content_type__app_label="airports")
        cls.staff.user_permissions.set(permissions.exclude(codename__startswith="delete"))
        cls.row = {**FIRST, "icao": "XNEW", "name": "New", "country": "NO"}

    def get(self, path="", status=200, **query):
        response = self.client.get(f"/api/airports/{path}", query)
        assert response.status_code == status
        return response.json()

    def send(self, method, path, data):
        send = getattr(self.client, method)
        return send(f"/api/airports/{path}", data, content_type="application/json")

    def test_list(self):
        first = self.get()
        assert (first["count"], len(first["results"])) == (LIMIT, 50)
        rest = self.client.get(first["next"]).json()["results"]
        found = [airport["icao"] for airport in first["results"] + rest]
        assert sorted(found) == codes(lambda row: True)

    def test_filters_and_search(self):
        found = self.get(country=FIRST["country"], elevation_min=100)
        assert found["count"] == len(
            codes(lambda row: row["country"] == FIRST["country"] and row["elevation"] >= 100)
        )
        assert [a["icao"] for a in self.get(search=FIRST["icao"])["results"]] == [FIRST["icao"]]
        assert "country" in self.get(status=400, country="XX")

    def test_one(self):
        found = self.get(f"apt_{FIRST['icao']}/")
        assert FIRST.items() <= found.items()
        assert found["channels"] == [FIRST["country"]]
        self.get("apt_XXXX/", status=404)

    def test_browsable(self):
        response = self.client.get("/api/airports/", headers={"accept": "text/html"})
        self.assertContains(response, "Airport List")
        self.assertContains(response, "Log in")

    def test_writing_needs_permissions(self):
        assert self.send("post", "", self.row).status_code == 403
        self.client.force_login(self.staff)
        created = self.send("post", "", self.row)
        assert created.status_code == 201, created.json()
        assert CBAirport("apt_XNEW").channels == ["NO"]
        assert self.send("delete", "apt_XNEW/", None).status_code == 403

    def test_create_what_is_there(self):
        self.client.force_login(self.staff)
        response = self.send("post", "", FIRST)
        assert response.status_code == 400
        assert "icao" in response.json()

    def test_change(self):
        self.client.force_login(self.staff)
        uid = f"apt_{FIRST['icao']}"
        assert self.send("patch", f"{uid}/", {"name": "Changed"}).status_code == 200
        airport = CBAirport(uid)
        assert (airport.name, airport.icao) == ("Changed", FIRST["icao"])
        response = self.send("patch", f"{uid}/", {"elevation": "high", "country": "XX"})
        assert set(response.json()) == {"elevation", "country"}

    def test_delete_is_soft(self):
        self.client.force_login(User.objects.create_superuser("boss"))
        uid = f"apt_{FIRST['icao']}"
        assert self.send("delete", f"{uid}/", None).status_code == 204
        self.get(f"{uid}/", status=404)
        assert CBAirport(uid).st_deleted


class AdminTest(TestCase):
    @classmethod
    def setUpTestData(cls):
        call_command("create_cb_views", verbosity=0)
        load()
        cls.boss = User.objects.create_superuser("boss")

    def listed(self, **query):
        self.client.force_login(self.boss)
        response = self.client.get("/admin/airports/cbairport/", query)
        assert response.status_code == 200
        return sorted(airport.icao for airport in response.context["cl"].result_list)

    def test_list(self):
        assert self.listed() == codes(lambda row: True)
        assert self.listed(q=FIRST["icao"]) == [FIRST["icao"]]
        region = FIRST["tz"].split("/")[0]
        assert self.listed(region=region) == codes(lambda row: row["tz"].startswith(region))
        assert self.listed(region="Antarctica") == []

    def test_change_page(self):
        self.client.force_login(self.boss)
        airport = CBAirport(f"apt_{FIRST['icao']}")
        response = self.client.get(f"/admin/airports/cbairport/apt_5F{FIRST['icao']}/change/")
        self.assertContains(response, airport.rev)
        self.assertContains(response, "View on site")


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


ODD = [5, -0.5, True, None, "", "a/b", "x" * 200, ["x"], {"a": 1}]


class OddDocumentsTest(TestCase):
    """Phones may write anything: one odd document breaks no page."""

    @classmethod
    def setUpTestData(cls):
        call_command("create_cb_views", verbosity=0)

    def test_pages(self):
        good = {**airport(FIRST).to_dict(), "channels": ["c"]}
        keys = sorted(good.keys() - {"doc_type", "channels", "st_deleted"})
        SyncGateway.save_json("good", good)
        # Each key has each of these values in one of the documents.
        for number in range(len(ODD)):
            odd = {key: ODD[(number + index) % len(ODD)] for index, key in enumerate(keys)}
            SyncGateway.save_json(f"odd/{number}", {**good, **odd})
        country = FIRST["country"]
        pages = ["", "search/", "search/?name=", "search/points.json", "in/a/b/"]
        pages += [f"in/{country}/", f"in/{country}/points.json"]
        pages += [f"odd/{number}/{page}" for number in range(len(ODD)) for page in ("", "edit/")]
        for page in pages:
            with self.subTest(page):
                assert self.client.get(f"/airports/{page}").status_code == 200
        assert self.client.get("/api/airports/").status_code == 200
