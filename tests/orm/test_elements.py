"""What queries ask of any element of an array, of nested objects, and of all elements together."""

from __future__ import annotations

import datetime
import pickle
from decimal import Decimal

from django.core.exceptions import FieldError, ValidationError
from django.db import connection
from django.db.models import (
    Avg,
    Count,
    F,
    JSONField,
    Max,
    Min,
    OuterRef,
    Q,
    StdDev,
    Subquery,
    Sum,
    Value,
    Window,
)
from django.test import TestCase

from django_cbtools.sync_gateway import SyncGateway
from tests.orm.array_models import Address, Customer, Payment, PaymentLine, Place

from .arrays import ROWS, uids, write_rows
from .models import Article

D = Decimal
UTC = datetime.timezone.utc

#: Of the rows of arrays.py, what is found where any element is asked.
ANY_ELEMENT = [
    ({"tags__icontains": "A"}, "1"),
    ({"tags__icontains": "%_\"'\\"}, "2"),
    ({"tags__startswith": "100"}, "2"),
    ({"tags__istartswith": "B"}, "12"),
    ({"tags__iexact": "C"}, "2"),
    ({"tags__endswith": "\\"}, "2"),
    ({"tags__regex": "^[bc]$"}, "12"),
    ({"tags__gt": "b"}, "2"),
    ({"labels__icontains": "X"}, "12"),
    ({"colors__icontains": "r"}, ""),
    ({"numbers__gt": 5}, "2"),
    ({"numbers__range": (2, 3)}, "12"),
    ({"numbers__icontains": "1"}, "12"),
    ({"prices__lt": D("9.75")}, "1"),
    ({"days__year": 2019}, "2"),
    ({"days__lt": datetime.date(2020, 1, 1)}, "2"),
    ({"moments__hour": 10}, "12"),
    ({"moments__date": datetime.date(2020, 5, 17)}, "12"),
    ({"anything__icontains": "X"}, "1"),
    ({"anything__iexact": "1"}, "12"),
    ({"grid__gt": 2}, "12"),
    ({"payments__tags__icontains": "P"}, "1"),
    ({"payments__tags__startswith": "q"}, "1"),
    ({"address__phones__startswith": "4"}, "1"),
]


class AnyElementTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        write_rows()

    def test_filter_and_exclude(self):
        for lookup, expected in ANY_ELEMENT:
            with self.subTest(lookup):
                assert uids(Customer.objects.filter(**lookup)) == expected
                left = "".join(sorted(set(ROWS) - set(expected)))
                assert uids(Customer.objects.exclude(**lookup)) == left
                assert uids(Customer.objects.filter(~Q(**lookup))) == left

    def test_errors_say_what_works(self):
        for lookup, words in (
            ("tags__x", ["ListField", "tags__0", "tags__contains, __overlap"]),
            ("tags__icontain", ["ListField", "meant icontains"]),
            ("address__icontains", ["EmbeddedField", "address__city", "address__since"]),
            ("address__citi", ["EmbeddedField", "meant city"]),
            ("payments__icontains", ["EmbeddedListField", "payments__amount"]),
        ):
            with self.subTest(lookup), self.assertRaises(FieldError) as caught:
                Customer.objects.filter(**{lookup: "a"})
            message = str(caught.exception)
            assert "Typed" not in message
            assert "meant icontains" not in message or lookup == "tags__icontain"
            for word in words:
                assert word in message

    def test_errors_of_values_say_what_works(self):
        for lookup, words in (
            ("tags", "tags: Enter a list. The lookups of an array are tags__contains,"),
            ("tags__in", "tags: Enter a list. The lookups of an array are tags__contains,"),
            ("payments__contains", "payments: Enter an object. The lookups of an array are"),
            ("address", "address: Enter an object. Ask for a member: address__"),
        ):
            with self.subTest(lookup), self.assertRaisesMessage(ValidationError, words):
                Customer.objects.filter(**{lookup: ["a"] if lookup == "tags__in" else "a"})

    def test_queries_can_be_pickled(self):
        rows = Customer.objects.filter(tags__icontains="a", payments__amount__gt=3)
        again = Customer.objects.all()
        again.query = pickle.loads(pickle.dumps(rows.query))
        assert uids(again) == "1"
        field = Customer._meta.get_field("tags")
        assert pickle.loads(pickle.dumps(type(field))) is type(field)


class ObjectTests(TestCase):
    def save(self, uid, **keys):
        SyncGateway.save_json(
            uid, {"doc_type": "arrays_customer", "channels": ["c"], "name": uid, **keys}
        )

    def setUp(self):
        self.save("a", address={"city": "Oslo", "uid": "u1"})
        self.save("b", address={"city": "Oslo", "since": "2020-01-02", "phones": ["1"], "x": 3})
        self.save("c", address={"city": "Rome", "since": None, "phones": [],
                                "place": {"latitude": 1, "lng": 2, "uid": "u2"}})  # fmt: skip
        self.save("d", address=None)
        self.save("e", address={"city": 5})
        self.save("f", payments=[{"amount": "3.00", "uid": "p1"}, {"amount": 4}])
        self.save("g", payments=[{"amount": "4", "lines": [{"count": 1, "uid": "l"}]}])

    def found(self, *args, **lookup):
        return uids(Customer.objects.filter(*args, **lookup))

    def test_what_is_declared_is_compared(self):
        assert self.found(address=Address(city="Oslo")) == "a"
        since = datetime.date(2020, 1, 2)
        assert self.found(address=Address(city="Oslo", since=since, phones=["1"])) == "b"
        place = Place(latitude=1, longitude=2)
        assert self.found(address=Address(city="Rome", place=place)) == "c"
        assert self.found(address__place=place) == "c"
        assert self.found(address__place=Place(latitude=1)) == ""
        assert self.found(address__in=[Address(city="Oslo"), Address(city="Rome")]) == "a"
        assert self.found(Q(address=Address(city="Oslo")) | Q(address__city="Rome")) == "ac"
        assert uids(Customer.objects.exclude(address=Address(city="Oslo"))) == "bcdefg"
        assert self.found(address=Address(city="Oslo", phones=["1"])) == ""

    def test_each_finds_itself(self):
        for uid in "abce":
            with self.subTest(uid):
                assert self.found(address=Customer(uid).address) == uid

    def test_comparing_changes_nothing(self):
        address = Address(city="Oslo")
        Customer.objects.filter(address=address).exists()
        assert address.uid is None

    def test_a_dictionary_is_the_json(self):
        assert self.found(address={"city": "Oslo", "uid": "u1"}) == "a"
        assert self.found(address={"city": "Oslo"}) == ""

    def test_in_arrays(self):
        three, four = Payment(amount=D(3)), Payment(amount=D(4))
        with_line = Payment(amount=D(4), lines=[PaymentLine(count=1)])
        assert self.found(payments__contains=three) == "f"
        assert self.found(payments__contains=[four, three]) == "f"
        assert self.found(payments__contains=with_line) == "g"
        assert self.found(payments=[three, four]) == "f"
        assert self.found(payments=[four, three]) == ""
        assert self.found(payments=[three]) == ""
        assert self.found(payments__overlap=[with_line, Payment(amount=D(9))]) == "g"
        assert self.found(payments__contained_by=[three, four, Payment(amount=D(9))]) == "f"
        assert self.found(payments__0=three) == "f"
        assert self.found(payments__in=[[with_line], [three]]) == "g"
        assert self.found(payments__lines__contains=PaymentLine(count=1)) == "g"
        assert self.found(payments__contains=[]) == "fg"
        assert self.found(payments__contains={"amount": 4}) == "f"
        assert self.found(payments=Customer("f").payments) == "f"

    def test_json_has_one_null(self):
        Article(uid="1", meta=None, channels=["c"]).save()
        Article(uid="2", meta={"x": None}, channels=["c"]).save()
        SyncGateway.save_json("3", {"doc_type": "orm_article", "channels": ["c"]})
        for lookup in ({"meta": None}, {"meta__exact": None}, {"meta__isnull": True},
                       {"meta": Value(None, JSONField())}):  # fmt: skip
            with self.subTest(lookup):
                assert uids(Article.objects.filter(**lookup)) == "13"
                assert uids(Article.objects.exclude(**lookup)) == "2"
        assert uids(Article.objects.filter(meta__x=None)) == "2"
        self.save("h", address={"notes": None})
        assert self.found(address__notes=None, uid="h") == "h"


class AggregateTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        write_rows()

    def test_all_rows(self):
        assert Customer.objects.aggregate(
            s=Sum("numbers"), a=Avg("numbers"), lo=Min("numbers"), hi=Max("numbers"),
            n=Count("numbers"), m=Sum("payments__amount"), o=Avg("payments__amount"),
            t=Count("tags"), c=Count("payments__lines__count"), z=Sum("payments__lines__count"),
            y=Max("payments__lines__count"), e=Count("payments"), g=Sum("grid"),
            d=Min("days"), x=Max("tags"), w=Max("moments"), p=Sum("prices"),
        ) == {
            "s": 19, "a": 19 / 5, "lo": 1, "hi": 10, "n": 5, "m": D("129.5"),
            "o": D("43.1666666666667"), "t": 5, "c": 3, "z": 15, "y": 9, "e": 4,
            "g": 1 + 2 + 3 + 3 + 1 + 2 + 1, "d": datetime.date(2019, 12, 31), "x": "c",
            "w": datetime.datetime(2020, 5, 17, 10, 30, 15, tzinfo=UTC), "p": D("39.5"),
        }  # fmt: skip

    def test_of_none(self):
        rows = Customer.objects.filter(uid="5")
        assert rows.aggregate(
            s=Sum("numbers"), a=Avg("numbers"), n=Count("numbers"), t=Sum("numbers", default=0),
            b=Avg("prices", default=D(1)),
        ) == {"s": None, "a": None, "n": 0, "t": 0, "b": D(1)}  # fmt: skip
        assert Customer.objects.none().aggregate(s=Sum("numbers"), n=Count("numbers")) == {
            "s": None,
            "n": 0,
        }

    def test_each_row(self):
        rows = Customer.objects.annotate(s=Sum("numbers"), n=Count("tags")).order_by("uid")
        assert [(row.uid, row.s, row.n) for row in rows] == [
            ("1", 6, 2), ("2", 13, 3), ("3", None, 0), ("4", None, 0), ("5", None, 0),
            ("6", None, 0), ("7", None, 0),
        ]  # fmt: skip
        assert uids(rows.filter(s__gt=6)) == "2"
        assert [row.uid for row in rows.filter(s__gt=0).order_by("-s")] == ["2", "1"]
        by_length = Customer.objects.values("numbers__len").annotate(s=Sum("payments__amount"))
        assert list(by_length.filter(s__isnull=False).order_by("s").values_list("s")) == [
            (D(20),), (D("109.5"),),
        ]  # fmt: skip

    def test_within_other_expressions(self):
        found = Customer.objects.aggregate(
            x=Sum("numbers") * 2 + 1,
            f=Sum("numbers", filter=Q(uid="1")),
            a=Avg("numbers", filter=Q(uid="2")),
            n=Count("numbers", filter=Q(tags__contains="c")),
        )
        assert found == {"x": 39, "f": 6, "a": 6.5, "n": 2}
        assert Customer.objects.order_by("uid")[:1].aggregate(s=Sum("numbers")) == {"s": 6}
        assert Customer.objects.distinct().aggregate(n=Count("numbers"))["n"] == 5
        assert Customer.objects.aggregate(Sum("numbers")) == {"numbers__sum": 19}
        first = Customer.objects.filter(uid=OuterRef("uid")).values("uid")
        total = first.annotate(s=Sum("numbers")).values("s")
        rows = Customer.objects.annotate(t=Subquery(total)).filter(t__gt=0).order_by("uid")
        assert list(rows.values_list("uid", "t")) == [("1", 6), ("2", 13)]

    def test_across_relations(self):
        from tests.orm.array_models import Agent

        Agent(uid="agt_1", name="Eve", channels=["c"]).save()
        Customer.objects.filter(uid__in=["1", "2"]).update(agent="agt_1")
        (agent,) = Agent.objects.annotate(
            s=Sum("customer__numbers"), n=Count("customer__payments__amount")
        )
        assert (agent.s, agent.n) == (19, 3)

    def test_what_is_refused(self):
        rows = Customer.objects.all()
        for ask, words in (
            (lambda: rows.aggregate(x=StdDev("numbers")), "StdDev"),
            (lambda: rows.aggregate(x=Count("numbers", distinct=True)), "distinct"),
            (lambda: rows.aggregate(x=Sum("payments")), "payments__amount"),
            (lambda: list(rows.order_by(Sum("numbers"))), "annotate"),
            (lambda: list(rows.annotate(x=Window(Sum("numbers")))), "annotat"),
        ):
            with self.subTest(words), self.assertRaisesMessage(FieldError, words):
                ask()

    def test_queries_stay_as_many(self):
        with self.assertNumQueries(1):
            Customer.objects.aggregate(s=Sum("numbers"), n=Count("tags"))
        assert connection.vendor == "sqlite"
        assert Customer.objects.aggregate(n=Sum(F("numbers__len")))["n"] == 9
