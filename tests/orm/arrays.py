"""Documents with arrays and objects."""

from __future__ import annotations

import datetime
from decimal import Decimal

from django_cbtools.sync_gateway import SyncGateway

UTC = datetime.timezone.utc
D = Decimal

#: As phones wrote them: uid, and the JSON of a customer.
ROWS = {
    "1": {
        "name": "Ann", "tags": ["a", "b"], "numbers": [1, 2, 3], "prices": ["9.50", "10"],
        "days": ["2020-01-02"], "moments": ["2020-05-17T12:30:15+02:00"],
        "anything": [1, "x", {"k": [1]}, None], "grid": [[1, 2], [3]], "labels": ["x", "y"],
        "address": {"city": "Oslo", "since": "2020-02-03", "phones": ["123", "45"],
                    "place": {"latitude": 59.9, "lng": 10.7}, "notes": {"floor": 3}},
        "payments": [
            {"amount": "9.50", "at": "2020-05-17T12:00:00Z", "is_paid": True, "tags": ["p", "q"],
             "lines": [{"count": 1}, {"count": 5}], "agent_uid": "agt_1"},
            {"amount": "100", "at": "2021-01-01T00:00:00Z", "is_paid": False, "tags": []},
        ],
    },
    "2": {
        "name": "Bob", "tags": ["b", "c", "100%_\"'\\"], "numbers": [3, 10], "prices": ["10.00"],
        "days": ["2019-12-31", "2020-01-02"], "moments": ["2020-05-17T10:30:15Z"],
        "anything": ["1", True], "grid": [[3], [1, 2]], "labels": ["y", "x", "y"],
        "address": {"city": "Bergen", "since": None, "phones": []},
        "payments": [{"amount": 20, "is_paid": True, "lines": [{"count": 9}]}],
    },
    "3": {"name": "Cid", "tags": [], "numbers": [], "prices": [], "days": [], "moments": [],
          "anything": [], "grid": [], "labels": [], "address": {}, "payments": []},
    "4": {"name": "null", "tags": None, "numbers": None, "prices": None, "days": None,
          "moments": None, "anything": None, "grid": None, "labels": None, "address": None,
          "payments": None},
    "5": {"name": "missing"},
    # Of other types than the fields.
    "6": {"name": "a", "tags": "a", "numbers": 1, "prices": {"0": "10"}, "days": True,
          "moments": 3, "anything": "x", "grid": 3, "labels": {"x": 1}, "address": "Oslo",
          "payments": {"amount": "9.50"}},
    "7": {"name": "b", "tags": [1, None, ["a"], {"a": 1}, True], "numbers": ["1", None, 1.5, []],
          "prices": [10, "many", None], "days": ["someday", 3], "moments": ["2020", None],
          "anything": [[1], None], "grid": [1, "x", [1, "2"]], "labels": [1, ["x"]],
          "address": {"city": ["Oslo"], "since": "someday", "phones": "123", "place": 3,
                      "notes": []},
          "payments": ["x", None, {"amount": "much", "at": 3, "is_paid": "yes", "tags": "p",
                                   "lines": {"count": 1}}, [{"amount": "100"}]]},
}  # fmt: skip


def write_rows():
    SyncGateway.bulk_docs(
        [
            {"_id": uid, "doc_type": "arrays_customer", "channels": ["c"], **row}
            for uid, row in ROWS.items()
        ]
    )


def uids(queryset):
    return "".join(sorted(queryset.values_list("uid", flat=True)))
