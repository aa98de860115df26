from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey


class Item(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "item"
    uid_prefix = "itm"
    name = models.CharField(max_length=45)


class Order(models.Model):
    item = ForeignKey(Item)
