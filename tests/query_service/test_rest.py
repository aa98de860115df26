"""The query service's REST API: what is asked, and what becomes of the answers."""

from __future__ import annotations

import pytest

from django_cbtools.query_service import connect, errors
from tests.sync_gateway.scripted import HTTP, basic, reply

USER, SECRET = "ann", "pa:s/w@rd? %-wörd"


def service(*servers, **options):
    host = ",".join(server.url for server in servers)
    return connect({"HOST": host, "USER": USER, "PASSWORD": SECRET, "OPTIONS": options})


def answer(*rows, status="success", **members):
    return {"requestID": "r", "results": list(rows), **members, "status": status}


def test_query():
    with HTTP(
        lambda request: reply(answer([1, "é"], [2, "b"], warnings=[{"code": 5036}]))
    ) as server:
        rows = service(server, timeout=10).query("SELECT RAW [a, $1] FROM b AS a", ["é"])
        assert list(rows) == [[1, "é"], [2, "b"]]
        assert rows.warnings == [{"code": 5036}]
        (asked,) = server.seen
    assert (asked.method, asked.target) == ("POST", "/query/service")
    assert server.headers("Authorization") == [basic(USER, SECRET)]
    sent = asked.json
    assert sent.pop("client_context_id")
    assert 9900 < int(sent.pop("timeout").removesuffix("ms")) <= 10000
    assert sent == {
        "statement": "SELECT RAW [a, $1] FROM b AS a",
        "args": ["é"],
        "readonly": True,
        "scan_consistency": "request_plus",
        "pretty": False,
    }


def test_error_after_rows():
    failed = answer(1, 2, status="fatal", errors=[{"code": 1080, "msg": "Timeout 1s exceeded"}])
    with HTTP(lambda request: reply(failed)) as server:
        rows = service(server).query("SELECT 1")
        assert next(rows) == 1
        with pytest.raises(errors.OperationalError, match=r"OPTIONS\['timeout'\]") as caught:
            list(rows)
    assert caught.value.code == 1080


def test_next_host():
    with HTTP(lambda request: reply(answer(1))) as server:
        with HTTP(lambda request: None) as gone:
            pass
        asked = service(gone, server)
        assert [list(asked.query("SELECT 1")) for _ in range(2)] == [[1], [1]]
        assert len(server.seen) == 2
