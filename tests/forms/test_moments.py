"""Moments that the current time zone has not: it would have them in year 0 or in year 10000."""

from __future__ import annotations

import pytest
from django.db import models

from django_cbtools.forms import documentform_factory
from django_cbtools.models import (
    CouchbaseModel,
    CouchbaseNestedModel,
    EmbeddedListField,
    ListField,
)
from django_cbtools.sync_gateway import SyncGateway
from tests.forms.sending import sent

pytestmark = pytest.mark.django_db


class Stop(CouchbaseNestedModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    city = models.CharField(max_length=10)
    at = models.DateTimeField(null=True, blank=True)


class CBVoyage(CouchbaseModel):
    class Meta:
        abstract = True
        app_label = "testapp"

    default_channels = ("c",)
    title = models.CharField(max_length=10)
    at = models.DateTimeField(null=True, blank=True)
    times = ListField(models.DateTimeField(), blank=True)
    stops = EmbeddedListField(Stop, blank=True)


VoyageForm = documentform_factory(CBVoyage, fields=["title", "at", "times", "stops"])


@pytest.mark.parametrize(
    ("zone", "text"),
    [
        ("Europe/Berlin", "9999-12-31T23:59:59Z"),
        ("Europe/Berlin", "0001-01-01T00:00:00+14:00"),
        ("America/New_York", "0001-01-01T00:00:00Z"),
    ],
)
def test_they_stay_where_nobody_touches_them(settings, zone, text):
    settings.TIME_ZONE = zone
    odd = {"at": text, "times": [text], "stops": [{"uid": "s", "city": "Oslo", "at": text}]}
    SyncGateway.save_json("v", {"doc_type": "cbvoyage", "channels": ["c"], "title": "a", **odd})
    was = SyncGateway.all_docs(["v"])["rows"][0]["doc"]
    form = VoyageForm(instance=CBVoyage("v"))
    shown = text.replace("Z", "+00:00")
    assert f"cannot be shown here: {shown}." in str(form)
    data = sent(form)
    assert data["stops-0-at"] == shown
    VoyageForm(data, instance=CBVoyage("v")).save()
    assert SyncGateway.all_docs(["v"])["rows"][0]["doc"] == was
    changed = {**data, "title": "b", "stops-0-city": "Rome"}
    VoyageForm(changed, instance=CBVoyage("v")).save()
    now = SyncGateway.all_docs(["v"])["rows"][0]["doc"]
    assert (now["title"], now["at"], now["times"]) == ("b", text, [text])
    assert now["stops"] == [{"uid": "s", "city": "Rome", "at": text}]
    VoyageForm({**sent(VoyageForm(instance=CBVoyage("v"))), "at": "2020-01-02 03:04"},
               instance=CBVoyage("v")).save()  # fmt: skip
    assert CBVoyage("v").at.year == 2020
