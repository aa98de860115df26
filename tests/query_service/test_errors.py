"""What the service refuses, as Python's database API has it, in words for the reader."""

from __future__ import annotations

import pickle
import types
from datetime import date
from decimal import Decimal

import django.db.utils
import pytest

from django_cbtools.query_service import codes, errors
from tests.query_service.services import body, service
from tests.query_service.stand_in import EXCHANGES, StandIn
from tests.sync_gateway.scripted import HTTP, check_nothing_secret, reply, told

#: By name of the exchange: the class, and words that the message has.
MEANINGS = {
    "1000": (errors.NotSupportedError, "only reads are asked here"),
    "1030": (errors.InterfaceError, "Unknown scan_consistency value"),
    "1040": (errors.InterfaceError, "Unable to parse duration"),
    "1040, too large": (errors.InterfaceError, "64 MiB at most"),
    "1065": (errors.InterfaceError, "nonsense"),
    "1080": (errors.OperationalError, "OPTIONS['timeout'] allows (75 seconds)"),
    "3000": (errors.ProgrammingError, "syntax error"),
    "3080": (errors.ProgrammingError, "Ambiguous reference"),
    "3083": (errors.ProgrammingError, "Invalid input"),
    "3230": (errors.NotSupportedError, "Enterprise Edition"),
    "3280": (errors.ProgrammingError, "not indexable"),
    "4000": (errors.OperationalError, "run `manage.py create_cb_indexes`"),
    "4000, aggregates": (errors.ProgrammingError, "Nested aggregates"),
    "4210": (errors.ProgrammingError, "must depend only on group keys"),
    "4321": (errors.NotSupportedError, "xattr"),
    "5010": (errors.DataError, "missing closing )"),
    "5030": (errors.DataError, "Invalid LIMIT"),
    "5037": (errors.DataError, "result exceeds limit"),
    "5070": (errors.DataError, "non-string key"),
    "5370": (errors.OperationalError, "run `manage.py create_cb_indexes`"),
    "10000": (errors.OperationalError, "Look at USER and PASSWORD"),
    "12003": (errors.ProgrammingError, "nowhere"),
    "12009": (errors.IntegrityError, "Duplicate Key"),
    "12016": (errors.ProgrammingError, "Index Not Found"),
    "12021": (errors.ProgrammingError, "cbtools.nowhere"),
    "13014": (errors.OperationalError, "query_select"),
    "17002": (errors.NotSupportedError, "SAVEPOINT"),
    "write again": (errors.ProgrammingError, "already exists"),
}
#: It is in no message of ours.
PARAMETER = "a value of the program's"


def ask(server, *statement, **how):
    return list(service(server).query(*statement, **how))


@pytest.mark.parametrize("name", MEANINGS)
def test_codes(name):
    kind, words = MEANINGS[name]
    asked = EXCHANGES[name]
    answer = reply(asked["body"].encode(), asked["status"])
    with HTTP(lambda request: answer) as server, pytest.raises(errors.Error) as caught:
        ask(server, asked["statement"], [PARAMETER], prepared=False)
    error = caught.value
    assert type(error) is kind
    first = error.errors[0]
    assert error.code == first["code"]
    assert f"(code {error.code})" in str(error)
    assert words in str(error)
    assert first["msg"].rstrip(".") in str(error)
    assert str(error).endswith(f"\nThe statement: {asked['statement']}")
    assert error.statement == asked["statement"]
    check_nothing_secret(told(error))
    assert PARAMETER not in told(error)


def test_all_that_failed_is_tried():
    failed = {name for name, item in EXCHANGES.items() if '"errors"' in item["body"]}
    elsewhere = {"4040", "4060", "3000, prepared", "1080, after rows", "5010, after rows"}
    assert failed == set(MEANINGS) | elsewhere


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (1050, errors.InterfaceError),
        (1201, errors.OperationalError),
        (2000, errors.OperationalError),
        (4020, errors.ProgrammingError),
        (5001, errors.InternalError),
        (12000, errors.OperationalError),
        (12008, errors.OperationalError),
        (99999, errors.DatabaseError),
        (None, errors.DatabaseError),
    ],
)
def test_other_codes(code, kind):
    error = codes.exception([{"code": code, "msg": "it failed."}], "SELECT 1", 75)
    assert type(error) is kind
    assert error.code == code
    assert str(error).startswith("it failed")


@pytest.mark.parametrize("found", ["text", ["text"], [], {}, [{}], [{"code": "x"}], None])
def test_errors_that_are_none(found):
    assert "gave no reason" in str(codes.exception(found, "SELECT 1", 75))


def test_long_statements_are_shortened():
    statement = "SELECT " + "x" * 5000
    error = codes.exception([{"code": 3000, "msg": "no"}], statement, 75)
    assert len(str(error)) < 700
    assert "(5007 characters)" in str(error)
    assert error.statement == statement


def test_djangos_classes():
    """Django makes its own of them, with the same words, and the cause."""
    wrapper = types.SimpleNamespace(Database=errors, errors_occurred=False)
    wrap = django.db.utils.DatabaseErrorWrapper(wrapper)
    with (
        StandIn() as server,
        pytest.raises(django.db.IntegrityError, match="Duplicate Key") as caught,
        wrap,
    ):
        ask(server, EXCHANGES["12009"]["statement"], readonly=False)
    assert caught.value.__cause__.code == 12009


def test_pickles():
    error = codes.exception([{"code": 3000, "msg": "no"}], "SELECT 1", 75)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), vars(again)) == (str(error), vars(error))


# ------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    "value",
    [
        date(2000, 1, 1), Decimal("1.5"), {1, 2}, b"bytes", float("nan"), float("inf"),
        {"a": [object()]}, {(1, 2): 3},
    ],
)  # fmt: skip
def test_parameters_that_json_does_not_have(value):
    with StandIn() as server:
        with pytest.raises(errors.DataError) as caught:
            ask(server, "SELECT $1, $2", [1, value])
        assert server.seen == []
    assert f"parameter $2 ({type(value).__name__})" in str(caught.value)
    assert caught.value.__cause__ is None


def test_parameters_without_end():
    endless = []
    endless.append(endless)
    with StandIn() as server, pytest.raises(errors.DataError, match=r"\$1 \(list\)"):
        ask(server, "SELECT $1", [endless])


def test_texts_that_utf_8_does_not_have():
    with HTTP(lambda request: reply(body(1))) as server:
        assert ask(server, "SELECT $1", ["\ud800", "é🍺"]) == [1]
        assert server.seen[0].json["args"] == ["\ud800", "é🍺"]


def test_too_much_is_not_sent(monkeypatch):
    monkeypatch.setattr(codes, "LARGEST", 1024 * 1024)
    with HTTP(lambda request: reply(body(1))) as server:
        with pytest.raises(errors.InterfaceError, match=r"2\.\d MiB.*64 MiB at most") as caught:
            ask(server, "SELECT $1", ["x" * 2_200_000])
        assert caught.value.code == 1040
        assert server.seen == []
        assert ask(server, "SELECT $1", ["x" * 900_000]) == [1]
