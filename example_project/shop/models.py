"""Customers, products, and orders, which change together with the stock or not at all."""

from django.core.validators import MinValueValidator
from django.db import models

from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    EmbeddedListField,
    ForeignKey,
)


class Customer(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "customer"
    uid_prefix = "cus"
    default_channels = ["shop"]

    name = models.CharField(max_length=250)

    def __str__(self):
        return self.name


class Product(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "product"
    uid_prefix = "prd"
    default_channels = ["shop"]

    name = models.CharField(max_length=250)
    price = models.DecimalField(max_digits=18, decimal_places=2, validators=[MinValueValidator(0)])
    stock = models.PositiveIntegerField(default=0)
    #: How many are held for orders that are being placed, by the order's uid.
    held = models.JSONField(default=dict, editable=False)

    def __str__(self):
        return self.name


class Line(CouchbaseNestedModel):
    """So many of a product, at the price that it had."""

    class Meta:
        abstract = True

    product = ForeignKey(Product, models.DO_NOTHING)
    quantity = models.PositiveIntegerField(validators=[MinValueValidator(1)])
    price = models.DecimalField(max_digits=18, decimal_places=2)


class Order(CouchbaseModel):
    """An order. Its ``state`` alone says whether it holds: what products hold for it follows."""

    class Meta:
        abstract = True

    class State(models.TextChoices):
        PLACING = "placing"
        PLACED = "placed"
        REFUSED = "refused"

    doc_type = "order"
    uid_prefix = "ord"
    default_channels = ["shop"]

    customer = ForeignKey(Customer, models.PROTECT)
    lines = EmbeddedListField(Line)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PLACING)

    @property
    def subtotal(self):
        return sum(line.price * line.quantity for line in self.lines)
