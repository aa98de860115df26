"""Functions of dates and times: expected values, and the twins'."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from django.db.models import DateField, F
from django.db.models.functions import (
    Extract,
    ExtractDay,
    ExtractHour,
    ExtractIsoWeekDay,
    ExtractIsoYear,
    ExtractMinute,
    ExtractMonth,
    ExtractQuarter,
    ExtractSecond,
    ExtractWeek,
    ExtractWeekDay,
    ExtractYear,
    Now,
    Trunc,
    TruncDate,
    TruncDay,
    TruncHour,
    TruncMinute,
    TruncMonth,
    TruncQuarter,
    TruncSecond,
    TruncTime,
    TruncWeek,
    TruncYear,
)

from .rows import date, moment, time
from .twin import each, line_of, on_rows, same

pytestmark = on_rows

TOKYO = zoneinfo.ZoneInfo("Asia/Tokyo")

# fmt: off
#: Queries of articles, authors and comments, and what they answer.
QUERIES = [
    # dates
    (lambda A, U, C: each(A.annotate(x=Extract("published", "year"))),
     [2020, 2020, 2021, None, 1970, 2019, 2020]),
    (lambda A, U, C: each(A.annotate(x=ExtractYear("pub_date"), y=ExtractIsoYear("pub_date")), "x",
      "y"),
     [(2020, 2020), (2020, 2020), (2021, 2020), (None, None), (1999, 1999), (2019, 2020), (2020,
       2020)]),
    (lambda A, U, C: each(A.annotate(x=ExtractMonth("published"), y=ExtractQuarter("published")),
      "x", "y"),
     [(5, 2), (5, 2), (6, 2), (None, None), (1, 1), (12, 4), (2, 1)]),
    (lambda A, U, C: each(A.annotate(x=ExtractDay("pub_date"), y=ExtractWeek("pub_date")), "x",
      "y"),
     [(1, 1), (1, 23), (1, 53), (None, None), (31, 52), (30, 1), (29, 9)]),
    (lambda A, U, C: each(A.annotate(x=ExtractWeekDay("pub_date"),
      y=ExtractIsoWeekDay("published")), "x", "y"),
     [(4, 7), (2, 7), (6, 1), (None, None), (6, 4), (2, 2), (7, 6)]),
    (lambda A, U, C: each(A.annotate(x=ExtractHour("published"), y=ExtractMinute("pub_time"),
      z=ExtractSecond("pub_time")), "x", "y", "z"),
     [(12, 0, 0), (12, 0, 0), (0, 59, 59), (None, None, None), (0, 0, 0), (23, 30, 0), (6, 7, 8)]),
    (lambda A, U, C: each(A.annotate(x=ExtractHour("published", tzinfo=TOKYO))),
     [21, 21, 9, None, 9, 8, 15]),
    (lambda A, U, C: each(A.annotate(x=TruncYear("published"))),
     [moment(2020, 1, 1), moment(2020, 1, 1), moment(2021, 1, 1), None, moment(1970, 1, 1),
       moment(2019, 1, 1), moment(2020, 1, 1)]),
    (lambda A, U, C: each(A.annotate(x=TruncQuarter("published"))),
     [moment(2020, 4, 1), moment(2020, 4, 1), moment(2021, 4, 1), None, moment(1970, 1, 1),
       moment(2019, 10, 1), moment(2020, 1, 1)]),
    (lambda A, U, C: each(A.annotate(x=TruncMonth("published"), y=TruncMonth("pub_date")), "x",
      "y"),
     [(moment(2020, 5, 1), date(2020, 1, 1)), (moment(2020, 5, 1), date(2020, 6, 1)), (moment(2021,
       6, 1), date(2021, 1, 1)), (None, None), (moment(1970, 1, 1), date(1999, 12, 1)),
       (moment(2019, 12, 1), date(2019, 12, 1)), (moment(2020, 2, 1), date(2020, 2, 1))]),
    (lambda A, U, C: each(A.annotate(x=TruncWeek("published"), y=TruncWeek("pub_date")), "x", "y"),
     [(moment(2020, 5, 11), date(2019, 12, 30)), (moment(2020, 5, 11), date(2020, 6, 1)),
       (moment(2021, 6, 21), date(2020, 12, 28)), (None, None), (moment(1969, 12, 29), date(1999,
       12, 27)), (moment(2019, 12, 30), date(2019, 12, 30)), (moment(2020, 2, 24), date(2020, 2,
       24))]),
    (lambda A, U, C: each(A.annotate(x=TruncDay("published", tzinfo=TOKYO))),
     [datetime.datetime(2020, 5, 17, 0, 0, tzinfo=TOKYO), datetime.datetime(2020, 5, 17, 0, 0,
       tzinfo=TOKYO), datetime.datetime(2021, 6, 21, 0, 0, tzinfo=TOKYO), None,
       datetime.datetime(1970, 1, 1, 0, 0, tzinfo=TOKYO), datetime.datetime(2020, 1, 1, 0, 0,
       tzinfo=TOKYO), datetime.datetime(2020, 2, 29, 0, 0, tzinfo=TOKYO)]),
    (lambda A, U, C: each(A.annotate(x=TruncDate("published"), y=TruncTime("published")), "x",
      "y"),
     [(date(2020, 5, 17), time(12, 30, 15, 500000)), (date(2020, 5, 17), time(12, 30, 15, 500001)),
       (date(2021, 6, 21), time(0, 0)), (None, None), (date(1970, 1, 1), time(0, 0)), (date(2019,
       12, 31), time(23, 59, 59, 999999)), (date(2020, 2, 29), time(6, 7, 8))]),
    (lambda A, U, C: each(A.annotate(x=TruncHour("published"), y=TruncHour("pub_time")), "x", "y"),
     [(moment(2020, 5, 17, 12), time(1, 0)), (moment(2020, 5, 17, 12), time(13, 0)), (moment(2021,
       6, 21), time(23, 0)), (None, None), (moment(1970, 1, 1), time(0, 0)), (moment(2019, 12, 31,
       23), time(12, 0)), (moment(2020, 2, 29, 6), time(6, 0))]),
    (lambda A, U, C: each(A.annotate(x=TruncMinute("published"), y=TruncSecond("published")), "x",
      "y"),
     [(moment(2020, 5, 17, 12, 30), moment(2020, 5, 17, 12, 30, 15)), (moment(2020, 5, 17, 12, 30),
       moment(2020, 5, 17, 12, 30, 15)), (moment(2021, 6, 21), moment(2021, 6, 21)), (None, None),
       (moment(1970, 1, 1), moment(1970, 1, 1)), (moment(2019, 12, 31, 23, 59), moment(2019, 12,
       31, 23, 59, 59)), (moment(2020, 2, 29, 6, 7), moment(2020, 2, 29, 6, 7, 8))]),
    (lambda A, U, C: each(A.annotate(x=TruncSecond("pub_time"))),
     [time(1, 0), time(13, 0), time(23, 59, 59), None, time(0, 0), time(12, 30), time(6, 7, 8)]),
    (lambda A, U, C: each(A.annotate(x=TruncDate("published", tzinfo=TOKYO))),
     [date(2020, 5, 17), date(2020, 5, 17), date(2021, 6, 21), None, date(1970, 1, 1), date(2020,
       1, 1), date(2020, 2, 29)]),
    (lambda A, U, C: each(A.annotate(x=Trunc("published", "month", output_field=DateField()))),
     [date(2020, 5, 1), date(2020, 5, 1), date(2021, 6, 1), None, date(1970, 1, 1), date(2019, 12,
       1), date(2020, 2, 1)]),
    (lambda A, U, C: A.filter(published__lte=Now()).values_list("uid"),
     [("1",), ("2",), ("3",), ("5",), ("6",), ("7",)]),
    (lambda A, U, C: each(A.annotate(x=F("published__year"))),
     [2020, 2020, 2021, None, 1970, 2019, 2020]),
]
# fmt: on


@pytest.mark.parametrize(("query", "expected"), QUERIES, ids=line_of)
def test_query(query, expected):
    assert same(lambda m: query(m.Article.objects, m.Author.objects, m.Comment.objects)) == expected
