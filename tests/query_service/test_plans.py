"""Statements that are asked again are prepared, and again where a service has forgotten them."""

from __future__ import annotations

import pytest

from django_cbtools.query_service import errors, plans
from tests.query_service.services import body, service
from tests.query_service.stand_in import EXCHANGES, StandIn
from tests.sync_gateway.scripted import HTTP, reply

DOCUMENTS = EXCHANGES["documents"]["statement"]
NAME = plans.name_of(DOCUMENTS)
PREPARE = f"PREPARE `{NAME}` AS {DOCUMENTS}"


def ask(asked, **how):
    rows = list(asked.query(DOCUMENTS, ["a"], **how))
    assert [key for key, _ in rows] == ["a1", "a2", "a3"]


def kinds(server):
    """How a server was asked, each time."""
    return [
        "prepared" if "prepared" in sent else "prepare" if "auto_execute" in sent else "plain"
        for sent in server.asked
    ]


def test_statements_that_are_asked_again():
    with StandIn() as server:
        for _ in range(4):
            ask(service(server))
        assert kinds(server) == ["plain", "prepare", "prepared", "prepared"]
        assert server.asked[1]["statement"] == PREPARE
        assert server.asked[2]["prepared"] == NAME
        assert all(sent["args"] == ["a"] for sent in server.asked)
        assert all(sent["readonly"] for sent in server.asked)


def test_statements_that_are_not_to_be_prepared():
    with StandIn() as server:
        for _ in range(3):
            ask(service(server), prepared=False)
            list(service(server).query(EXCHANGES["write"]["statement"], readonly=False))
        assert set(kinds(server)) == {"plain"}


def test_forgotten_plans():
    with StandIn() as server:
        for _ in range(3):
            ask(service(server))
        server.plans.clear()
        ask(service(server))
        ask(service(server))
        assert kinds(server)[3:] == ["prepared", "prepare", "prepared"]


@pytest.mark.parametrize("code", [4040, 4050, 4060, 4070, 4080, 4090, 4091])
def test_plans_that_are_of_no_use(code):
    """It is prepared once more, and where even that fails it is asked plainly."""
    refusing = False

    def answer(request):
        if refusing and request.json.get("statement") != "SELECT 1":
            return reply(body(errors=[{"code": code, "msg": "no"}], status="fatal"), 404)
        return reply(body(1))

    with HTTP(answer) as server:
        for _ in range(3):
            assert list(service(server).query("SELECT 1")) == [1]
        refusing = True
        for _ in range(2):
            assert list(service(server).query("SELECT 1")) == [1]
        assert len(server.seen) == 3 + 3 + 1


def test_names_that_are_taken():
    with StandIn() as server:
        server.plans[NAME] = "SELECT RAW 2"
        for _ in range(3):
            ask(service(server))
        assert kinds(server) == ["plain", "prepare", "plain", "plain"]


def test_statements_that_cannot_be_prepared():
    def answer(request):
        if "auto_execute" in request.json:
            return server.answer(request)
        return reply(body({"plan": {}}))

    with StandIn() as server, HTTP(answer) as other:
        for _ in range(3):
            assert list(service(other).query("EXPLAIN SELECT RAW 1")) == [{"plan": {}}]
        assert len(other.seen) == 4


def test_wrong_statements_are_told_as_they_are():
    wrong = EXCHANGES["3000"]["statement"]
    with StandIn() as server:
        for _ in range(3):
            with pytest.raises(errors.ProgrammingError, match="column 17") as caught:
                list(service(server).query(wrong))
            assert caught.value.statement == wrong


def test_each_service_has_its_plans():
    with StandIn() as first, StandIn() as second:
        for _ in range(3):
            ask(service(first, second))
        first.close()
        for _ in range(2):
            ask(service(first, second))
        assert kinds(second) == ["prepare", "prepared"]


def test_plans_of_another_process():
    with StandIn() as server:
        server.plans[NAME] = DOCUMENTS
        for _ in range(3):
            ask(service(server))
        assert kinds(server) == ["plain", "prepare", "prepared"]


def test_few_are_remembered(monkeypatch):
    monkeypatch.setattr(plans, "_MOST", 2)
    with HTTP(lambda request: reply(body())) as server:
        for number in [1, 2, 1, 3, 1, 2, 2]:
            list(service(server).query(f"SELECT {number}"))
        assert [
            sent.get("prepared") or sent["statement"]
            for sent in (request.json for request in server.seen)
        ] == [
            "SELECT 1",
            "SELECT 2",
            f"PREPARE `{plans.name_of('SELECT 1')}` AS SELECT 1",
            "SELECT 3",
            plans.name_of("SELECT 1"),
            "SELECT 2",
            f"PREPARE `{plans.name_of('SELECT 2')}` AS SELECT 2",
        ]
