"""System checks of database routers."""

from __future__ import annotations

import pytest
from django.db.utils import ConnectionRouter

from django_cbtools.models import CouchbaseModel
from tests.checks.found import EMBEDDED, PLAIN, ROUTER

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


class OwnRouter:
    """A project's own way to send documents to their alias."""

    def db_for_read(self, model, **hints):
        return "couchbase" if issubclass(model, CouchbaseModel) else None


class GreedyRouter:
    def db_for_read(self, model, **hints):
        return "default"


class WrongRouter:
    def db_for_read(self, model, **hints):
        return "plain"


class BrokenRouter:
    def db_for_read(self, model, **hints):
        raise KeyError("which?")


@pytest.mark.parametrize(
    ("routers", "expected"),
    [
        ([], ["W001"]),
        ([ROUTER], []),
        ([f"{__name__}.OwnRouter"], []),
        ([f"{__name__}.GreedyRouter"], ["W001"]),
        ([f"{__name__}.WrongRouter"], ["W001"]),
        ([f"{__name__}.GreedyRouter", ROUTER], ["W001"]),
        ([ROUTER, f"{__name__}.GreedyRouter"], []),
        ([f"{__name__}.BrokenRouter"], ["W001"]),
    ],
)
def test_router(found, routers, expected):
    databases = {"default": PLAIN, "couchbase": EMBEDDED}
    assert found(databases=databases, DATABASE_ROUTERS=routers) == expected


@pytest.mark.parametrize("routers", [["no.such.Router"], 5, ["os.path"]])
def test_routers_that_are_none(found, monkeypatch, routers):
    databases = {"default": PLAIN, "couchbase": EMBEDDED}
    monkeypatch.setattr("django_cbtools.checks.databases.router", ConnectionRouter(routers))
    assert found(databases=databases) == ["W001"]


def test_no_router_is_needed_where_there_are_no_documents(found, monkeypatch):
    monkeypatch.setattr("django_cbtools.checks.databases.documents", lambda **kwargs: [])
    databases = {"default": PLAIN, "couchbase": EMBEDDED}
    assert found(databases=databases) == []
