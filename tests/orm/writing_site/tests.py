"""Run by the project's own manage.py."""

from urllib.request import urlopen

from django.test import LiveServerTestCase, TestCase, TransactionTestCase

from django_cbtools.sync_gateway import SyncGateway

from .models import CBPlace, Visit

FIRST = {"kept", "gone"}


def uids():
    return {place.uid for place in CBPlace.all_objects.all()}


class Shared(TestCase):
    """Each method has the class's documents as they were, whatever the others did to theirs."""

    @classmethod
    def setUpTestData(cls):
        cls.place = CBPlace.objects.create(uid="p", name="p", extra={"x": 1}, channels=["c"])
        cls.list = CBPlace.objects.bulk_create([CBPlace(uid="q", name="q", channels=["c"])])

    def check(self):
        self.assertEqual(CBPlace.objects.get(pk="p"), self.place)
        self.assertEqual((self.place.name, self.place.extra), ("p", {"x": 1}))
        self.place.name = "changed"
        self.place.extra["x"] = 2
        self.place.save()
        self.list[0].delete()
        CBPlace.objects.update(name="all")
        CBPlace.all_objects.filter(pk="kept").hard_delete()
        self.assertEqual(uids(), {"p", "q", "gone"})

    def test_1(self):
        self.check()

    def test_2(self):
        self.check()


class RolledBack(TransactionTestCase):
    """All documents come back for each method: the site's first ones, and no others."""

    serialized_rollback = True

    def check(self):
        self.assertEqual(uids(), FIRST)
        self.assertEqual([place.uid for place in CBPlace.objects.all()], ["kept"])
        kept = CBPlace("kept")
        self.assertEqual((kept.extra, kept.rev[:2]), ({"color": "red"}, "1-"))
        self.assertEqual(SyncGateway.get_user("ann")["email"], "ann@example.com")
        kept.name = "changed"
        kept.save()
        CBPlace.objects.create(uid="new", channels=["c"])
        Visit.objects.create(place=kept)
        self.assertEqual(kept.hard_delete()[0], 2)
        SyncGateway.delete_user("ann")

    def test_1(self):
        self.check()

    def test_2(self):
        self.check()


class RolledBackToo(RolledBack):
    """In another process, where tests run in parallel: with documents of its own."""


class ThenFlushed(TransactionTestCase):
    """Behind those with serialized_rollback: flushing gives content types other keys."""

    def check(self):
        CBPlace.objects.create(uid="new", channels=["c"])
        self.assertIn("new", uids())
        SyncGateway.save_json("other", {"channels": ["c"]})

    def test_1(self):
        self.check()
        self.assertNotIn("other", uids())

    def test_2(self):
        self.assertNotIn("new", uids())
        self.check()


class Served(LiveServerTestCase):
    """The server's thread sees the test's documents, and the test sees its."""

    def test_threads(self):
        CBPlace.objects.create(uid="mine", name="mine", channels=["c"])
        for number in range(3):
            with urlopen(f"{self.live_server_url}/{number}/") as answer:
                self.assertEqual(answer.read(), b"mine")
        self.assertEqual(uids() - FIRST, {"mine", "made-0", "made-1", "made-2"})
        self.assertEqual(CBPlace.objects.filter(name="made").update(name="x"), 3)
