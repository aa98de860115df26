"""The shop, over JSON; and its stock, which many orders change at the same time."""

import datetime
import json
import threading
from unittest import mock

import pytest
from django.db import connection
from django.test import Client, TestCase, TransactionTestCase

from django_cbtools.sync_gateway import SyncGateway

from . import placing
from .models import Customer, Order, Product

AT_ONCE = 16


class ShopTest(TestCase):
    def ask(self, method, path, data=None, status=200):
        body = data if isinstance(data, str) else json.dumps(data)
        response = self.client.generic(method, f"/{path}", body, "application/json")
        assert response.status_code == status, response.content
        return response.json() if response.content[:1] == b"{" else response.content

    def test_a_session(self):
        assert self.ask("GET", "ping/") == b"python/django"
        carl = self.ask("POST", "customer/", {"name": "Carl"}, 201)
        assert self.ask("GET", f"customer/{carl['uid']}/") == carl
        ice = {"name": "Ice", "price": "2.50", "stock": 3}
        ice = self.ask("POST", "product/", ice, 201)
        assert self.ask("GET", "product/") == {"items": [ice]}
        lines = [{"product": ice["uid"], "quantity": 2}]
        order = self.ask("POST", "order/", {"customer": carl["uid"], "lines": lines}, 201)
        assert (order["subtotal"], order["state"]) == ("5.00", "placed")
        assert self.ask("GET", f"order/{order['uid']}/") == order
        assert self.ask("GET", f"product/{ice['uid']}/")["stock"] == 1
        refused = self.ask("POST", "order/", {"customer": carl["uid"], "lines": lines}, 409)
        assert refused == {"error": "There are 1 of Ice, not 2."}
        assert self.ask("GET", f"product/{ice['uid']}/")["stock"] == 1
        changed = self.ask("PATCH", f"product/{ice['uid']}/", {"price": "3.00"})
        assert changed == {**ice, "stock": 1, "price": "3.00"}
        self.ask("DELETE", f"customer/{carl['uid']}/", status=409)
        dora = self.ask("POST", "customer/", {"name": "Dora"}, 201)
        assert self.ask("DELETE", f"customer/{dora['uid']}/", status=204) == b""
        self.ask("GET", f"customer/{dora['uid']}/", status=404)

    def test_what_cannot_be_done(self):
        for path, data in (
            ("customer/", "{"), ("customer/", []), ("customer/", {}), ("customer/", {"age": 5}),
            ("customer/", {"name": "x" * 251}), ("product/", {"name": "a", "price": "many"}),
            ("product/", {"name": "a", "price": "-1"}), ("order/", {}), ("order/", {"lines": []}),
            ("product/", '{"name": "a", "price": "1", "stock": 1e400}'), ("order/", "[" * 5000),
            ("product/", '{"name": "a", "price": NaN}'), ("customer/", {"name": "\ud800"}),
        ):  # fmt: skip
            assert "error" in self.ask("POST", path, data, 400)
        carl = self.ask("POST", "customer/", {"name": "Carl"}, 201)["uid"]
        ice = self.ask("POST", "product/", {"name": "Ice", "price": "1", "stock": 9}, 201)["uid"]
        for line in (5, {}, {"product": ice}, {"product": ice, "quantity": 0},
                     {"product": ice, "quantity": "many"}):  # fmt: skip
            self.ask("POST", "order/", {"customer": carl, "lines": [line]}, 400)
        one = {"product": ice, "quantity": 1}
        self.ask("POST", "order/", {"customer": carl, "lines": [one, one]}, 400)
        self.ask("POST", "order/", {"customer": "nobody", "lines": [one]}, 404)
        nothing = {"product": carl, "quantity": 1}
        self.ask("POST", "order/", {"customer": carl, "lines": [nothing]}, 404)
        self.ask("GET", "order/nothing/", status=404)
        self.ask("PATCH", "product/nothing/", {}, 404)
        assert Product(ice).stock == 9
        assert Order.objects.count() == 0

    def test_orders_that_a_program_wrote(self):
        for number, lines in enumerate((None, 5, [5], [None], [{"quantity": 1}], {"a": 1})):
            SyncGateway.save_json(
                f"ord_{number}", {"doc_type": "order", "channels": ["shop"], "lines": lines}
            )
            assert self.ask("GET", f"order/ord_{number}/")["subtotal"] is None
        assert len(self.ask("GET", "order/")["items"]) == 6


class StockTest(TransactionTestCase):
    def setUp(self):
        self.carl = Customer(name="Carl")
        self.carl.save()
        self.ice, self.tea = Product(name="Ice", price=1, stock=10), Product(name="Tea", price=1)
        self.tea.stock = 7
        for product in (self.ice, self.tea):
            product.save()

    def order(self, **quantities):
        found = {"ice": self.ice, "tea": self.tea}
        return {
            "customer": self.carl.uid,
            "lines": [
                {"product": found[name].uid, "quantity": quantity}
                for name, quantity in quantities.items()
            ],
        }

    def stock(self):
        products = Product(self.ice.uid), Product(self.tea.uid)
        assert [product.held for product in products] == [{}, {}]
        return [product.stock for product in products]

    def test_many_at_once(self):
        """An order is placed as a whole, or leaves everything as it was."""
        statuses = []

        def work(number):
            wanted = self.order(ice=1, tea=1) if number % 2 else self.order(tea=1, ice=1)
            try:
                answer = Client().post("/order/", json.dumps(wanted), "application/json")
                statuses.append(answer.status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=[number]) for number in range(AT_ONCE)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        placed = statuses.count(201)
        assert sorted(set(statuses)) in ([201, 409], [201])
        assert placed == 7 == Order.objects.filter(state="placed").count()
        assert self.stock() == [3, 0]

    def test_a_process_that_ends_in_between(self):
        for step, is_placed in (("_hold", False), ("_decide", False), ("_settle", True)):
            before = self.stock()
            self.end(step, done=int(step == "_hold"))
            assert Product(self.ice.uid).held
            placing.finish(older_than=datetime.timedelta())
            assert self.stock() == [count - is_placed for count in before], step
        assert Order.objects.filter(state="placing").count() == 0

    def end(self, step, done):
        """Send an order to a process that ends where a step begins, after some of its kind."""
        work, left = getattr(placing, step), iter(range(done))

        def take(*args):
            if next(left, None) is None:
                raise SystemExit
            work(*args)

        with mock.patch.object(placing, step, take), pytest.raises(SystemExit):
            self.client.post("/order/", json.dumps(self.order(ice=1, tea=1)), "application/json")
