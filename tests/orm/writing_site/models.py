"""A project whose tests write documents in all the ways that Django's test classes know."""

from django.db import models

from django_cbtools.models import CouchbaseModel, ForeignKey


class CBPlace(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "place"
    name = models.CharField(max_length=20)


class Visit(models.Model):
    place = ForeignKey(CBPlace, models.CASCADE)
