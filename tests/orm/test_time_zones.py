"""Moments and times, in all time zones and forms."""

from __future__ import annotations

import datetime

import pytest

from django_cbtools.sync_gateway import SyncGateway
from tests.orm.moments import MOMENT, NEW_YORK, UTC, stored

from .values_models import Valued


def test_other_time_zones(db, settings):
    settings.TIME_ZONE = "America/New_York"
    here = MOMENT.replace(tzinfo=NEW_YORK)
    Valued(uid="a", channels=["c"], moment=here).save()
    assert stored("a")["moment"] == "2020-05-17T12:30:15-04:00"
    assert Valued("a").moment == here
    found = Valued.objects.get(
        moment=here, moment__hour=12, moment__date=datetime.date(2020, 5, 17)
    )
    assert found.uid == "a"
    late = MOMENT.replace(hour=1, tzinfo=UTC)
    SyncGateway.save_json("b", {"doc_type": "orm_valued", "moment": late.isoformat()})
    assert Valued.objects.get(moment__hour=21, moment__day=16).uid == "b"
    (value,) = Valued.objects.filter(uid="b").values_list("moment", flat=True)
    assert (value, value.utcoffset()) == (late, datetime.timedelta(0))


def test_a_time_without_a_zone_stays_without_and_is_utc_in_queries(db):
    Valued(uid="a", channels=["c"], moment=MOMENT).save()
    assert stored("a")["moment"] == "2020-05-17T12:30:15"
    aware = MOMENT.replace(tzinfo=UTC)
    assert Valued("a").moment == Valued.objects.get(moment=aware).moment == MOMENT
    assert Valued.objects.values_list("moment", flat=True).get() == aware


def test_without_time_zones(db, settings):
    settings.USE_TZ, settings.TIME_ZONE = False, "America/New_York"
    document = Valued(uid="a", channels=["c"], moment=MOMENT)
    document.save()
    assert stored("a")["moment"] == "2020-05-17T12:30:15"
    assert document.created.tzinfo is None
    assert Valued("a").moment == Valued.objects.get(moment=MOMENT).moment == MOMENT
    assert Valued.objects.values_list("moment", flat=True).get(moment__hour=12) == MOMENT
    # What has a zone is a local time as an instance.
    SyncGateway.save_json("b", {"doc_type": "orm_valued", "moment": "2020-05-17T16:30:15Z"})
    assert Valued("b").moment == MOMENT
    assert Valued("b").to_dict()["moment"] == "2020-05-17T16:30:15Z"


FORMS = [
    "2020-05-17T12:30:15Z", "2020-05-17 12:30:15Z", "2020-05-17T12:30:15+00:00",
    "2020-05-17T14:30:15+02:00", "2020-05-17T14:30:15+0200", "2020-05-17T14:30:15.000+0200",
    "2020-05-17T12:30:15.000000Z", "2020-05-17T12:30:15.000000000Z", "2020-05-17T08:00:15-04:30",
    "2020-05-17T12:30:15",
]  # fmt: skip


@pytest.mark.parametrize("text", FORMS)
def test_a_moment_in_the_forms_of_other_languages(db, text):
    SyncGateway.save_json("a", {"doc_type": "orm_valued", "moment": text})
    moment = MOMENT.replace(tzinfo=UTC)
    read = MOMENT if text == MOMENT.isoformat() else moment
    assert Valued("a").moment == Valued.objects.get(moment=moment).moment == read
    assert Valued.objects.values_list("moment", flat=True).get() == moment


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("12:30", datetime.time(12, 30)),
        ("12:30:15", datetime.time(12, 30, 15)),
        ("12:30:15.5", datetime.time(12, 30, 15, 500_000)),
        ("12:30:15Z", datetime.time(12, 30, 15)),
    ],
)
def test_a_time_in_the_forms_of_other_languages(db, text, value):
    SyncGateway.save_json("a", {"doc_type": "orm_valued", "hour": text})
    assert Valued("a").hour == Valued.objects.get(hour=value).hour == value
    assert Valued.objects.values_list("hour", flat=True).get() == value
