"""Airports of ten countries, as documents and, the same ones, as plain Python objects.

The examples of Django's documentation are asked of the documents, and answered from the objects.
Where the documentation has blogs and publishers, there are countries here; airports stand for
entries and books; an airport's time zone is what authors are there.
"""

from __future__ import annotations

import datetime
import zlib
from collections.abc import Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import airportsdata
from django.db import models, transaction

from django_cbtools.models import CouchbaseModel, ForeignKey

UTC = datetime.timezone.utc

#: The names of the countries, and their area in square kilometres; the last has no airport.
COUNTRIES = {
    "CH": ("Switzerland", 41_285),
    "EE": ("Estonia", 45_339),
    "FO": ("Faroe Islands", 1_393),
    "GL": ("Greenland", 2_166_086),
    "IS": ("Iceland", 103_000),
    "LU": ("Luxembourg", 2_586),
    "NO": ("Norway", 385_207),
    "NZ": ("New Zealand", 268_021),
    "PT": ("Portugal", 92_230),
    "SG": ("Singapore", 728),
    "VA": ("Vatican City", 0),
}


class Country(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "documentation_country"
    uid_prefix = "cnt"

    name = models.CharField(max_length=300)
    area = models.IntegerField()

    def __str__(self) -> str:
        return self.name


class Zone(CouchbaseModel):
    """A time zone."""

    class Meta:
        abstract = True

    doc_type = "documentation_zone"
    uid_prefix = "zon"

    name = models.CharField(max_length=100)


class Airport(CouchbaseModel):
    class Meta:
        abstract = True

    doc_type = "documentation_airport"
    uid_prefix = "apt"

    icao = models.CharField(max_length=4, unique=True)
    name = models.CharField(max_length=300)
    city = models.CharField(max_length=100, null=True)
    elevation = models.IntegerField()
    lat = models.DecimalField(max_digits=9, decimal_places=6)
    lon = models.FloatField()
    opened = models.DateField()
    surveyed = models.DateTimeField()
    codes = models.JSONField(null=True)
    country = ForeignKey(Country, models.CASCADE)
    zone = ForeignKey(Zone, models.CASCADE, null=True)


class Item(CouchbaseModel):
    """An airport's city, by its name: what has an ordering of its own."""

    class Meta:
        abstract = True
        ordering = ["name"]

    doc_type = "documentation_item"

    name = models.CharField(max_length=300)
    data = models.CharField(max_length=2)


def _airport(row: dict[str, Any], country: Any, zone: Any) -> Any:
    # Airports have no dates: these are made of the code, evenly spread.
    spread = zlib.crc32(row["icao"].encode())
    found = SimpleNamespace(
        uid=f"apt_{row['icao']}",
        icao=row["icao"],
        name=row["name"],
        city=row["city"] or None,
        elevation=round(row["elevation"]),
        lat=Decimal(str(row["lat"])),
        lon=row["lon"],
        opened=datetime.date(1935, 1, 1) + datetime.timedelta(days=spread % 25_000),
        surveyed=datetime.datetime(1990, 1, 1, tzinfo=UTC)
        + datetime.timedelta(seconds=spread % 1_000_000_000),
        codes={
            "iata": row["iata"] or None,
            "icao": {"code": row["icao"], "letters": [*row["icao"]]},
        },
        country=country,
        zone=zone,
    )
    if not row["subd"]:
        found.codes = None
    elif row["city"]:
        found.codes["places"] = {"subdivision": row["subd"], "city": row["city"]}
    country.airports.append(found)
    if zone:
        zone.airports.append(found)
    return found


def _rows() -> tuple[list[Any], list[Any], list[Any]]:
    countries = {
        code: SimpleNamespace(uid=f"cnt_{code}", name=name, area=area, airports=[])
        for code, (name, area) in COUNTRIES.items()
    }
    rows = [row for row in airportsdata.load().values() if row["country"] in countries]
    zones = {
        name: SimpleNamespace(uid=f"zon_{name.replace('/', '-')}", name=name, airports=[])
        for name in sorted({row["tz"] for row in rows})
    }
    # Where a phone has left the zone out.
    unknown = ("BGTL", "ENSB")
    airports = [
        _airport(
            row,
            countries[row["country"]],
            None if row["icao"] in unknown else zones[row["tz"]],
        )
        for row in rows
    ]
    return airports, list(countries.values()), list(zones.values())


AIRPORTS, COUNTRY_ROWS, ZONE_ROWS = _rows()


def _saved(model: Any, rows: list[Any]) -> None:
    names = {field.name for field in model._meta.fields}
    documents = []
    for row in rows:
        values = {name: value for name, value in vars(row).items() if name in names}
        for name in {"country", "zone"} & set(values):
            related = values.pop(name)
            values[f"{name}_uid"] = related and related.uid
        documents.append(model(channels=["c"], **values))
    model.objects.bulk_create(documents)


def loaded() -> Iterator[None]:
    """The documents, for as long as the generator waits."""
    with transaction.atomic():
        _saved(Country, COUNTRY_ROWS)
        _saved(Zone, ZONE_ROWS)
        _saved(Airport, AIRPORTS)
        yield
        transaction.set_rollback(True)
