"""An airport as a document, and as ordinary rows."""

from django.db import models

from django_cbtools.models import CouchbaseModel


class AirportFields(models.Model):
    class Meta:
        abstract = True

    icao = models.CharField(max_length=4)
    name = models.TextField()
    city = models.TextField()
    country = models.CharField(max_length=2)
    elevation = models.FloatField()
    lat = models.FloatField()
    lon = models.FloatField()
    tz = models.TextField()

    def __str__(self):
        return self.icao


class CBAirport(CouchbaseModel, AirportFields):
    class Meta:
        abstract = True

    doc_type = "airport"


class Row(AirportFields):
    pass


class Twin(AirportFields):
    """Has every field of the document."""

    uid = models.CharField(primary_key=True, max_length=250)
    rev = models.CharField(max_length=300)
    channels = models.JSONField()
    created = models.DateTimeField()
    updated = models.DateTimeField()
    st_deleted = models.BooleanField()
