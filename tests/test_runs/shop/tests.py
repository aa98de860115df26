"""Tests as a site has them; those of one kind would see what the others leave behind."""

from threading import Thread
from urllib.request import urlopen

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.db import connections, transaction
from django.test import LiveServerTestCase, SimpleTestCase, TestCase, TransactionTestCase

from django_cbtools.models import query_view
from django_cbtools.sync_gateway import SyncGateway
from django_cbtools.tests import clean_buckets, deploy_views

from .models import Item, Order


def names():
    rows = SyncGateway.all_docs([], really_all=True)["rows"]
    return sorted(row["doc"]["name"] for row in rows if row["id"] != "itm_migrated")


def add(name):
    item = Item(name=name, channels=["c"])
    item.save()
    return item


class Prepared:
    """Both have what is made for the class, and what each makes for itself."""

    databases = {"default"}
    fixtures = ["groups"]

    @classmethod
    def setUpTestData(cls):
        cls.item = add("for all")

    def test_one(self):
        self.assertEqual(Item("itm_migrated").name, "migrated")
        Order.objects.create(item=self.item)
        self.assertEqual(Group.objects.get().name, "of a fixture")
        self.item.name = "changed"
        self.item.save()
        self.client.get("/add/one/")
        self.assertEqual(names(), ["changed", "one"])

    def test_other(self):
        add("other")
        self.assertEqual(names(), ["for all", "other"])


class First(Prepared, TestCase):
    pass


class Second(Prepared, TestCase):
    databases = "__all__"


class Committed(TransactionTestCase):
    """A thread sees what is committed, and nothing is there in the next test."""

    def check(self, name):
        self.assertEqual(names(), [])
        thread = Thread(target=self.add, args=[name])
        thread.start()
        thread.join()
        with self.assertRaises(ZeroDivisionError), transaction.atomic():
            add("kept, as by a real gateway")
            raise ZeroDivisionError
        self.assertEqual(names(), ["kept, as by a real gateway", name])

    def add(self, name):
        add(name)
        connections.close_all()

    def test_one(self):
        self.check("one")

    def test_other(self):
        self.check("other")


class Served(LiveServerTestCase):
    def test_served(self):
        with urlopen(f"{self.live_server_url}/add/served/") as answer:
            self.assertEqual(answer.read(), b"served")
        self.assertEqual(names(), ["served"])


class Simple(SimpleTestCase):
    def test_documents_are_in_a_database(self):
        with self.assertRaisesMessage(AssertionError, "not allowed in SimpleTestCase"):
            add("simple")


class Others(TestCase):
    """Users and views are the gateway's too; and there is no ORM, as at the real one."""

    def test_users(self):
        SyncGateway.put_user("ann", password="secret")
        self.assertEqual(SyncGateway.get_users(), ["ann"])

    def test_no_users(self):
        self.assertEqual(SyncGateway.get_users(), [])

    def test_views(self):
        deploy_views()
        item = add("by channel")
        self.assertEqual(set(query_view("by_channel", ["c", "item"])), {"itm_migrated", item.uid})

    def test_orm(self):
        if "couchbase" in settings.DATABASES:
            self.assertEqual(Item.objects.get().name, "migrated")
        else:
            with self.assertRaises(ImproperlyConfigured):
                Item.objects.exists()

    def test_clean_buckets(self):
        add("doomed")
        clean_buckets()
        self.assertEqual(names(), [])
