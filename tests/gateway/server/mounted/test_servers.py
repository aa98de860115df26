"""Servers that give the raw path of a request, and one that does not."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
import requests

from django_cbtools.sync_gateway.calls.client import quote_uid
from tests.gateway.server.mounted.urls import DB, IDS


@pytest.mark.parametrize("name", ["gunicorn", "uvicorn"])
def test_server_that_gives_the_raw_path(name, request):
    site = request.getfixturevalue(name)
    address, prefix = site + DB, urlsplit(site).path
    with requests.Session() as session:
        session.auth = ("alice", "alice's")
        for uid in IDS:
            document = {"channels": ["a"], "id_is": uid}
            answer = session.put(f"{address}/{quote_uid(uid)}", json=document)
            assert (answer.status_code, answer.json()["id"]) == (201, uid)
            answer = session.get(f"{address}/{quote_uid(uid)}")
            assert (answer.status_code, answer.json()["id_is"]) == (200, uid)
        rows = session.get(f"{address}/_all_docs").json()["rows"]
        assert sorted(row["id"] for row in rows) == sorted(IDS)

        answer = session.get(address, allow_redirects=False)
        assert answer.headers["Location"] == f"{prefix}{DB}/"
        login = {"name": "alice", "password": "alice's"}
        session.auth = None
        assert session.post(f"{address}/_session", json=login).status_code == 200
        (cookie,) = session.cookies
        assert cookie.path == f"{prefix}{DB}"
        assert session.get(f"{address}/plain").status_code == 200
        assert session.get(f"{address}/_user/alice").status_code == 404
        large = {"channels": ["a"], "text": "x" * 3_000_000}
        assert session.put(f"{address}/large", json=large).status_code == 201


def test_server_that_gives_no_raw_path(runserver):
    """Ids with slashes work there too: what is there decides."""
    address = runserver + DB
    with requests.Session() as session:
        session.auth = ("alice", "alice's")
        for uid in IDS:
            answer = session.put(f"{address}/{quote_uid(uid)}", json={"channels": ["a"]})
            assert (answer.status_code, answer.json()["id"]) == (201, uid)
            assert session.get(f"{address}/{quote_uid(uid)}").json()["_id"] == uid
        assert session.get(f"{address}/plain").status_code == 200
