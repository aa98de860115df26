"""Airports as documents."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.urls import reverse

from django_cbtools.models import CouchbaseModel

from . import countries


def between(low, high):
    return [MinValueValidator(low), MaxValueValidator(high)]


class CBAirport(CouchbaseModel):
    """An airport, under the uid ``apt_<ICAO>``."""

    class Meta:
        abstract = True
        verbose_name = "airport"
        ordering = ["name"]
        # Made by manage.py create_cb_indexes.
        indexes = [
            models.Index(fields=["name"]),
            models.Index(fields=["country", "name"]),
            models.Index(fields=["elevation"]),
        ]

    doc_type = "airport"
    uid_prefix = "apt"

    icao = models.CharField("ICAO code", max_length=4, unique=True)
    iata = models.CharField("IATA code", max_length=3, blank=True)
    name = models.CharField(max_length=100)
    city = models.CharField(max_length=100, blank=True)
    subd = models.CharField("subdivision", max_length=100, blank=True)
    country = models.CharField(max_length=2, choices=countries.choices)
    elevation = models.FloatField(help_text="In feet.", validators=between(-1500, 30000))
    lat = models.FloatField("latitude", validators=between(-90, 90))
    lon = models.FloatField("longitude", validators=between(-180, 180))
    tz = models.CharField("time zone", max_length=50)
    lid = models.CharField("local code", max_length=10, blank=True)

    def __str__(self):
        return self.name

    def get_absolute_url(self):
        return reverse("airports:airport", args=[self.uid])

    def get_uid(self):
        if self.is_new():
            self.uid = f"{self.uid_prefix}_{self.icao}"
        return self.uid
