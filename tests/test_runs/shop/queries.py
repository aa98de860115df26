"""Tests of a site that asks Couchbase Server for its documents."""

import io
import json

from django.contrib.auth.models import Group
from django.core.management import call_command
from django.db import NotSupportedError, connections, transaction
from django.db.models import Count, F
from django.test import TestCase, TransactionTestCase

from .models import Item, Order
from .tests import add


def names():
    return sorted(Item.objects.exclude(uid="itm_migrated").values_list("name", flat=True))


class Prepared:
    fixtures = ["items"]

    @classmethod
    def setUpTestData(cls):
        cls.item = add("for all")

    def test_one(self):
        self.assertEqual(Group.objects.get().name, "of a fixture")
        self.assertEqual(names(), ["for all", "of a fixture"])
        self.assertEqual(Item.objects.get(extra__color="red").uid, "itm_fixture")
        Item.objects.filter(name="for all").update(name=F("uid"))
        self.item.refresh_from_db()
        self.assertEqual(self.item.name, self.item.uid)
        Item.objects.filter(extra__color="red").delete()
        self.assertEqual(names(), [self.item.uid])

    def test_other(self):
        Item.objects.bulk_create([Item(name=f"{n}", channels=["c"]) for n in range(3)])
        self.assertEqual(names(), ["0", "1", "2", "for all", "of a fixture"])
        self.assertEqual(Item.objects.using("couchbase").aggregate(n=Count("uid")), {"n": 6})

    def test_rollback(self):
        with self.assertRaises(ZeroDivisionError), transaction.atomic(using="couchbase"):
            add("rolled back")
            raise ZeroDivisionError
        self.assertEqual(names(), ["for all", "of a fixture"])


class First(Prepared, TestCase):
    pass


class Second(Prepared, TestCase):
    databases = {"default", "couchbase"}


class Third(Prepared, TestCase):
    databases = "__all__"


class Committed(TransactionTestCase):
    fixtures = ["items"]

    def test_one(self):
        add("one")
        self.assertEqual(names(), ["of a fixture", "one"])

    def test_other(self):
        add("other")
        self.assertEqual(names(), ["of a fixture", "other"])


class Others(TestCase):
    def test_relations(self):
        order = Order.objects.create(item=add("ordered"))
        self.assertEqual(order.item.name, "ordered")
        self.assertEqual(Order.objects.prefetch_related("item").get().item.name, "ordered")
        with self.assertRaises(NotSupportedError):
            Order.objects.filter(item__name="ordered").exists()

    def test_commands(self):
        call_command("check")
        call_command("migrate", verbosity=0)
        add("dumped")
        out = io.StringIO()
        call_command("dumpdata", "shop", database="couchbase", stdout=out)
        dumped = {row["fields"]["name"] for row in json.loads(out.getvalue())}
        self.assertLessEqual({"dumped"}, dumped)

    def test_engine(self):
        self.assertEqual(connections["couchbase"].vendor, "sqlite")
