"""Documents that end, and what is left of them."""

from __future__ import annotations

import time

from django.db import connection

from tests.gateway.access.client import ADMIN

FAR = "2099-01-01T00:00:00Z"


def put(uid, *, client=ADMIN, **body):
    status, answer = client.put(f"/{uid}", body)
    assert status == 201, answer
    return answer


def exp(uid, **query):
    """When a document ends, as it is shown."""
    status, answer = ADMIN.get(f"/{uid}", show_exp=True, **query)
    assert status == 200
    return answer.get("_exp")


def let_end(*uids):
    with connection.cursor() as cursor:
        for uid in uids:
            cursor.execute(
                "UPDATE cbtools_documents SET expires = %s WHERE uid = %s",
                [int(time.time()), uid],
            )
            assert cursor.rowcount


def tombstones():
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM cbtools_documents WHERE deleted = 1")
        return cursor.fetchone()[0]


def rows(table):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM cbtools_{table}")
        return cursor.fetchone()[0]
