"""Arrays and objects in queries: elements, members, any of the elements."""

from __future__ import annotations

import datetime

from django.core.exceptions import FieldError, ValidationError
from django.db.models import Count, Exists, F, Max, OuterRef, Q, Sum
from django.test import TestCase

from tests.orm.arrays import ROWS, UTC, D, uids, write_rows

from .array_models import Address, Agent, Customer

#: Each lookup, and the uids of what it finds.
LOOKUPS = [
    ({"tags__contains": "a"}, "1"),
    ({"tags__contains": ["a", "b"]}, "1"),
    ({"tags__contains": ["b"]}, "12"),
    ({"tags__contains": ["b", "x"]}, ""),
    ({"tags__contains": []}, "1237"),
    ({"tags__contains": "100%_\"'\\"}, "2"),
    ({"tags__contains": None}, "7"),
    ({"tags__overlap": ["a", "c"]}, "12"),
    ({"tags__overlap": ["x"]}, ""),
    ({"tags__overlap": []}, ""),
    ({"tags__contained_by": ["a", "b", "c"]}, "13"),
    ({"tags__contained_by": []}, "3"),
    ({"tags": ["a", "b"]}, "1"),
    ({"tags": ["b", "a"]}, ""),
    ({"tags": []}, "3"),
    ({"tags__in": [["a", "b"], [], None]}, "13"),
    ({"tags__in": []}, ""),
    ({"tags__isnull": True}, "456"),
    ({"tags": None}, "456"),
    ({"tags__len": 2}, "1"),
    ({"tags__len__gt": 1}, "127"),
    ({"tags__len": 0}, "3"),
    ({"tags__0": "a"}, "1"),
    ({"tags__1": "c"}, "2"),
    ({"tags__2": "100%_\"'\\"}, "2"),
    ({"tags__0__in": ["a", "b"]}, "12"),
    ({"tags__1__startswith": "c"}, "2"),
    ({"tags__2__icontains": "%_"}, "2"),
    ({"tags__99": "a"}, ""),
    ({"numbers__contains": 3}, "12"),
    ({"numbers__contains": [1, 3]}, "1"),
    ({"numbers__contains": "3"}, "12"),
    ({"numbers__overlap": [2, 10]}, "12"),
    ({"numbers__0": 3}, "2"),
    ({"numbers__1__gt": 2}, "2"),
    ({"numbers__len__lt": 3}, "23"),
    ({"numbers": [1, 2, 3]}, "1"),
    ({"prices__contains": D("10")}, "127"),
    ({"prices__contains": ["9.5"]}, "1"),
    ({"prices__0__lt": D("10")}, "1"),
    ({"prices": [D("10.0")]}, "2"),
    ({"days__contains": datetime.date(2020, 1, 2)}, "12"),
    ({"days__0__year": 2019}, "2"),
    ({"days__overlap": ["2019-12-31", "2000-01-01"]}, "2"),
    ({"moments__contains": datetime.datetime(2020, 5, 17, 10, 30, 15, tzinfo=UTC)}, "12"),
    ({"moments__0__hour": 10}, "12"),
    ({"anything__contains": 1}, "1"),
    ({"anything__contains": 1.0}, "1"),
    ({"anything__contains": "1"}, "2"),
    ({"anything__contains": True}, "2"),
    ({"anything__contains": None}, "17"),
    ({"anything__contains": [{"k": [1]}]}, "1"),
    ({"anything__contains": [[1]]}, "7"),
    ({"anything__overlap": ["x", True]}, "12"),
    ({"anything__0": "1"}, "2"),
    ({"anything__1": "x"}, "1"),
    ({"anything__2__k__0": 1}, "1"),
    ({"anything__0__contains": 1}, "7"),
    ({"anything__len": 2}, "27"),
    ({"anything": ["1", True]}, "2"),
    ({"grid__contains": [[3]]}, "12"),
    ({"grid__0__contains": 2}, "1"),
    ({"grid__0__1": 2}, "1"),
    ({"grid__1__len": 2}, "2"),
    ({"grid__len": 2}, "12"),
    ({"grid__0": [3]}, "2"),
    ({"labels": {"x", "y"}}, "12"),
    ({"labels": ["y", "x"]}, "12"),
    ({"labels": set()}, "3"),
    ({"labels__contains": "x"}, "12"),
    ({"labels__len": 3}, "2"),
    ({"labels__in": [{"y", "x"}]}, "12"),
    ({"address__city": "Oslo"}, "1"),
    ({"address__city__in": ["Oslo", "Bergen"]}, "12"),
    ({"address__city__istartswith": "b"}, "2"),
    ({"address__city__isnull": True}, "34567"),
    ({"address__since__year": 2020}, "1"),
    ({"address__since__gt": datetime.date(2020, 2, 2)}, "1"),
    ({"address__since__isnull": True}, "234567"),
    ({"address__phones__contains": "45"}, "1"),
    ({"address__phones__0": "123"}, "1"),
    ({"address__phones__len": 0}, "2"),
    ({"address__place__latitude__gt": 59}, "1"),
    ({"address__place__longitude__lt": 11}, "1"),
    ({"address__place__isnull": False}, "1"),
    ({"address__notes__floor": 3}, "1"),
    ({"address__isnull": False}, "1237"),
    ({"address": None}, "456"),
    ({"address": {}}, "3"),
    ({"address": {"phones": [], "since": None, "city": "Bergen"}}, "2"),
    ({"payments__0__amount__gt": D("10")}, "2"),
    ({"payments__0__amount": D("9.5")}, "1"),
    ({"payments__1__at__year": 2021}, "1"),
    ({"payments__0__is_paid": True}, "12"),
    ({"payments__0__tags__contains": "q"}, "1"),
    ({"payments__0__lines__1__count": 5}, "1"),
    ({"payments__0__agent": "agt_1"}, "1"),
    ({"payments__0__agent_uid": "agt_1"}, "1"),
    ({"payments__0__agent__in": ["agt_1", "x"]}, "1"),
    ({"payments__len": 2}, "1"),
    ({"payments__len__gte": 1}, "127"),
    ({"payments__amount": D("100")}, "1"),
    ({"payments__amount__gt": D("10")}, "12"),
    ({"payments__amount__in": [D("20.0"), D("9.5")]}, "12"),
    ({"payments__at__year": 2020}, "1"),
    ({"payments__at__isnull": True}, "27"),
    ({"payments__is_paid": False}, "1"),
    ({"payments__tags__contains": "p"}, "1"),
    ({"payments__tags__len": 0}, "1"),
    ({"payments__tags__0": "p"}, "1"),
    ({"payments__lines__count": 5}, "1"),
    ({"payments__lines__count__gt": 4}, "12"),
    ({"payments__lines__0__count": 9}, "2"),
    ({"payments__isnull": True}, "456"),
]
#: Django itself does not say what excluding by a key of a JSONField does where there is none.
KEYS_OF_JSON = {"anything__0", "anything__1", "anything__2__k__0", "address__notes__floor"}


class LookupTests(TestCase):
    @classmethod
    def setUpTestData(cls):
        write_rows()

    def test_filter_and_exclude(self):
        for lookup, expected in LOOKUPS:
            with self.subTest(lookup):
                assert uids(Customer.objects.filter(**lookup)) == expected
                if "__".join(lookup) in KEYS_OF_JSON:
                    continue
                left = "".join(sorted(set(ROWS) - set(expected)))
                assert uids(Customer.objects.exclude(**lookup)) == left
                assert uids(Customer.objects.filter(~Q(**lookup))) == left
                both = Q(**lookup) & Q(uid__lt="3") | Q(**lookup) & ~Q(uid__lt="3")
                assert uids(Customer.objects.filter(both)) == expected

    def test_values(self):
        rows = Customer.objects.filter(uid__in=["1", "2", "5"]).order_by("uid")
        assert list(rows.values_list("tags__0", "prices__0", "days__0", "payments__0__at")) == [
            ("a", D("9.50"), datetime.date(2020, 1, 2),
             datetime.datetime(2020, 5, 17, 12, tzinfo=UTC)),
            ("b", D("10.00"), datetime.date(2019, 12, 31), None),
            (None, None, None, None),
        ]  # fmt: skip
        assert list(rows.values("address__city", "payments__len", "address__place__latitude")) == [
            {"address__city": "Oslo", "payments__len": 2, "address__place__latitude": 59.9},
            {"address__city": "Bergen", "payments__len": 1, "address__place__latitude": None},
            {"address__city": None, "payments__len": None, "address__place__latitude": None},
        ]
        (first, second, third) = rows.values("prices", "labels", "grid", "address", "payments")
        assert first["prices"] == [D("9.50"), D(10)]
        assert (first["labels"], second["labels"]) == ({"x", "y"}, {"x", "y"})
        assert first["grid"] == [[1, 2], [3]]
        assert isinstance(first["address"], Address)
        assert first["address"].place.longitude == 10.7
        assert first["payments"][1].amount == D(100)
        assert third == dict.fromkeys(third)

    def test_values_of_any_element(self):
        rows = Customer.objects.order_by("uid").values_list("payments__amount", flat=True)
        assert list(rows) == [
            [D("9.50"), D(100)], [D(20)], [], None, None, None, [None, None, "much", None],
        ]  # fmt: skip
        years = Customer.objects.filter(uid="1").values_list("payments__at__year", flat=True)
        assert list(years) == [[2020, 2021]]
        counts = Customer.objects.filter(uid="1").values_list("payments__lines__count", flat=True)
        assert list(counts) == [[[1, 5], None]]

    def test_expressions(self):
        cities = Customer.objects.annotate(city=F("address__city")).order_by("city", "uid")
        assert list(cities.values_list("uid", "city")) == [
            ("3", None), ("4", None), ("5", None), ("6", None), ("7", None),
            ("2", "Bergen"), ("1", "Oslo"),
        ]  # fmt: skip
        assert uids(cities.filter(city="Oslo")) == "1"
        assert uids(cities.exclude(city="Oslo")) == "234567"
        assert "".join(
            Customer.objects.order_by("-payments__0__amount", "uid").values_list("uid", flat=True)
        ) == "2134567"  # fmt: skip
        assert Customer.objects.aggregate(
            most=Max("payments__0__amount"), n=Sum("tags__len"), cities=Count("address__city")
        ) == {"most": D(20), "n": 10, "cities": 2}
        assert list(
            Customer.objects.filter(numbers__len__gt=0)
            .values("numbers__len").annotate(n=Count("pk")).order_by("numbers__len")
        ) == [
            {"numbers__len": 2, "n": 1}, {"numbers__len": 3, "n": 1}, {"numbers__len": 4, "n": 1},
        ]  # fmt: skip

    def test_comparison_with_expressions(self):
        rows = Customer.objects.all()
        assert uids(rows.filter(numbers__0__lt=F("numbers__1"))) == "12"
        assert uids(rows.filter(tags__overlap=F("tags"))) == "127"
        assert uids(rows.filter(tags__contains=F("labels"))) == "3"
        assert uids(rows.filter(labels=F("labels"))) == "123"
        assert uids(rows.filter(payments__amount=F("prices__0"))) == "1"
        same_city = Customer.objects.filter(address__city=OuterRef("address__city"))
        assert uids(rows.filter(Exists(same_city))) == "12"
        shared = Customer.objects.filter(tags__overlap=OuterRef("tags")).exclude(pk=OuterRef("pk"))
        assert uids(rows.filter(Exists(shared))) == "12"
        assert uids(rows.filter(address__city__in=same_city.none().values("name"))) == ""

    def test_one_condition_of_several_elements(self):
        both = Customer.objects.filter(payments__amount=100, payments__is_paid=True)
        assert uids(both) == "1"  # two elements have one each
        assert (
            uids(Customer.objects.filter(Q(payments__amount=100) | Q(tags__contains="c"))) == "12"
        )
        distinct = Q(payments__amount__gt=15) & Q(payments__amount__lt=15)
        assert uids(Customer.objects.filter(distinct)) == "1"

    def test_joins(self):
        Agent(uid="agt_1", name="Eve", channels=["c"]).save()
        customer = Customer.objects.get(uid="1")
        assert customer.payments[0].agent.name == "Eve"
        found = Customer.objects.filter(payments__0__agent=customer.payments[0].agent)
        assert uids(found) == "1"
        customer.agent = customer.payments[0].agent
        customer.save()
        rows = Agent.objects.values_list("customer__address__city", "customer__tags__1")
        assert list(rows) == [("Oslo", "b")]
        assert Agent.objects.filter(customer__payments__amount__gt=50).count() == 1
        assert Agent.objects.filter(customer__tags__contains="a").count() == 1
        assert Agent.objects.exclude(customer__tags__contains="a").count() == 0

    def test_lookups_that_cannot_work(self):
        for lookup in (
            {"tags__x": 1}, {"address__town": "Oslo"}, {"tags__-1": "a"},
            {"address__contains": "Oslo"}, {"payments__x": 1}, {"payments__amount__x": 1},
            {"address__city__x": 1}, {"address__rev": 1}, {"payments__0__agent__name": "Eve"},
            {"tags__4294967296": "a"}, {"tags__contains": [F("name")]},
            {"tags__contains": F("name")},
        ):  # fmt: skip
            with self.subTest(lookup), self.assertRaises(FieldError):
                list(Customer.objects.filter(**lookup))
        for lookup in (
            {"numbers__contains": "x"}, {"numbers__0": "x"}, {"payments__lines__count": "x"},
            {"numbers__overlap": [1, "x"]}, {"numbers": ["x"]}, {"days__contains": 3},
            {"prices__0": "x"}, {"address__place__latitude": "x"}, {"payments__amount": "x"},
            {"payments__contains": ["x"]}, {"address": "Oslo"},
        ):  # fmt: skip
            error = (ValueError, TypeError, ValidationError)
            with self.subTest(lookup), self.assertRaises(error):
                list(Customer.objects.filter(**lookup))

    def test_values_and_names_stay_values_and_names(self):
        for text in ("'", '"', "\\", "%s", "$", "');--", "' OR 1=1 --", "\x00", "{x}", "$[0]"):
            with self.subTest(text):
                assert uids(Customer.objects.filter(tags__contains=text)) == ""
                assert uids(Customer.objects.filter(tags__0=text)) == ""
                assert uids(Customer.objects.filter(address__city=text)) == ""
                for name in ("tags", "address", "payments", "payments__0"):
                    with self.assertRaises(FieldError):
                        list(Customer.objects.filter(**{f"{name}__{text}": 1}))
                    with self.assertRaises(FieldError):
                        list(Customer.objects.order_by(f"{name}__{text}"))
