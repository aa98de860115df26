"""Moments in several time zones, and the JSON that is stored."""

from __future__ import annotations

import datetime
from zoneinfo import ZoneInfo

from django_cbtools.sync_gateway import SyncGateway

UTC = datetime.timezone.utc
NEW_YORK = ZoneInfo("America/New_York")
MOMENT = datetime.datetime(2020, 5, 17, 12, 30, 15)


def stored(uid):
    return SyncGateway.all_docs([uid])["rows"][0]["doc"]
