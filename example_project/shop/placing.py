"""Placing an order without a transaction.

A gateway writes one document at a time, so an order and the stock of its products cannot be written
together. They are still changed together or not at all:

1. The order is saved as "placing".
2. Each product is changed on its own: the stock goes down, and ``held`` says for which order.
3. The order becomes "placed" (or "refused", where a product has too few). This one write decides.
4. Each product forgets what it held; of an order that was refused, it goes back to the stock.

Each step may be done twice without harm. Where the process ends between two steps, ``finish()``
does the rest: an order that is still "placing" is refused first.
"""

import contextlib
import datetime

from django.utils import timezone

from django_cbtools.sync_gateway import SyncGatewayConflict

from .models import Order, Product


class OutOfStock(Exception):
    """A product has too few of what is ordered."""


def place(order):
    """Place a new order; OutOfStock, and nothing has changed, where a product has too few."""
    order.state = Order.State.PLACING
    order.save()
    try:
        for line in order.lines:
            _hold(line, order)
        _decide(order, Order.State.PLACED)
    except Exception:
        with contextlib.suppress(SyncGatewayConflict):  # it is decided already
            _decide(order, Order.State.REFUSED)
        _settle(order)
        raise
    _settle(order)


def finish(older_than=datetime.timedelta(minutes=1)):
    """Finish what processes have left undone, and return how many orders that were.

    An order that has been "placing" for so long is refused. Call it from time to time.
    """
    until = timezone.now() - older_than
    left = Order.objects.filter(state=Order.State.PLACING, created__lt=until)
    count = 0
    for order in left:
        try:
            _decide(order, Order.State.REFUSED)
        except SyncGatewayConflict:
            continue  # it has just been decided
        count += 1
    holding = Product.objects.exclude(held={}).values_list("held", flat=True)
    held = {uid for names in holding for uid in names}
    for order in Order.objects.filter(pk__in=held).exclude(state=Order.State.PLACING):
        _settle(order)
    return count


def _hold(line, order):
    def change(product):
        if order.uid in product.held:
            return False
        if product.stock < line.quantity:
            raise OutOfStock(f"There are {product.stock} of {product.name}, not {line.quantity}.")
        product.stock -= line.quantity
        product.held[order.uid] = line.quantity

    Product.update_document(line.product_uid, change, attempts=30)


def _decide(order, state):
    """Say once what has become of an order; SyncGatewayConflict where somebody else has."""
    order.state = state
    order.save()


def _settle(order):
    """Have the products forget what they held for an order that is decided."""
    is_refused = Order(order.uid).state != Order.State.PLACED

    def change(product):
        held = product.held.pop(order.uid, None)
        if held is None:
            return False
        if is_refused:
            product.stock += held

    for line in order.lines:
        Product.update_document(line.product_uid, change, attempts=30)
