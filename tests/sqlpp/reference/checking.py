"""The answers of constructs, in a form in which they are compared with the reference's."""

from __future__ import annotations

import base64
import datetime
import json
import re
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, models, transaction

from django_cbtools.sync_gateway import SyncGateway

from . import otherwise

HERE = Path(__file__).parent
_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)?")
#: Whether a query service answers.
IS_LIVE = "tests.sqlpp.live" in sys.modules
_TIME = re.compile(r"\d\d:\d\d:\d\d")
Constructs = dict[str, Callable[[], Any]]


@contextmanager
def saved(group: str) -> Iterator[None]:
    """A group of the documents, until the end of the block."""
    documents = json.loads((HERE / "documents.json").read_text("utf-8"))[group]
    with transaction.atomic():
        SyncGateway.bulk_docs([{"_id": uid, **body} for uid, body in documents.items()])
        yield
        transaction.set_rollback(True)


def each(*constructs: Constructs) -> pytest.MarkDecorator:
    """One test for each construct, by the name of its entry."""
    asked = {name: ask for each in constructs for name, ask in each.items()}
    return pytest.mark.parametrize(("name", "ask"), asked.items(), ids=asked)


@cache
def wanted() -> dict[str, Any]:
    """The reference's rows, by the names of its entries."""
    with (HERE / "rows.jsonl").open(encoding="utf-8") as lines:
        return {entry["entry"]: entry["rows"] for entry in map(json.loads, lines)}


def answer(found: Any) -> Any:
    """An answer as rows of plain values, as the reference has them."""
    if isinstance(found, models.QuerySet):
        return [plain(row) for row in found.all()]  # anew, if somebody has asked it before
    if isinstance(found, dict):
        return [plain(list(found.values()))]
    if isinstance(found, list):
        return [plain(row) for row in found]
    return [plain(found)]


def plain(value: Any) -> Any:
    """A value, in the one form that both sides are brought to."""
    if isinstance(value, models.Model):
        return value.pk
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None).isoformat(timespec="microseconds")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return value.isoformat(timespec="microseconds")
    if isinstance(value, datetime.timedelta):
        return plain(value // datetime.timedelta(microseconds=1))
    if isinstance(value, (Decimal, float, int)) and not isinstance(value, bool):
        return float(f"{float(value):.12g}")
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, (bytes, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, (list, tuple)):
        items = [plain(item) for item in value]
        return items[0] if len(items) == 1 and not isinstance(items[0], list) else items
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, str) and (found := _MOMENT.fullmatch(value)):
        return _moment(*found.groups())
    if isinstance(value, str) and _TIME.fullmatch(value):
        return f"{value}.000000"
    return value


def _moment(day: str, time: str, fraction: str | None, offset: str | None) -> str:
    shown = f"{day}T{time}.{(fraction or '.')[1:7]:0<6}"
    if offset in (None, "Z"):
        return shown
    try:
        moment = datetime.datetime.fromisoformat(shown + str(offset))
        return plain(moment.astimezone(datetime.timezone.utc))
    except (ValueError, OverflowError):
        return shown + str(offset)


def check(name: str, ask: Any) -> None:
    """Compare what a construct finds with the reference's rows."""
    rows = [plain(row) for row in wanted().get(name, ())]
    is_other = name in otherwise.IN_BOTH or (name in otherwise.ON_SQLITE and not IS_LIVE)
    try:
        with transaction.atomic():
            found = answer(ask())
    except (DatabaseError, ValueError):
        assert is_other
        return
    same = found == rows
    if not ("order" in name or "slice" in name):
        same = same or sorted(found, key=repr) == sorted(rows, key=repr)
    assert same is not is_other, (name, found, rows)
