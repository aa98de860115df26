"""System checks of what the embedded gateway needs, and of where it is served."""

from __future__ import annotations

import sqlite3
import sys
from types import ModuleType

import pytest
from django.urls import include, path

from django_cbtools.embedded.urls import admin as admin_urls
from tests.checks.found import EMBEDDED, GATEWAY, PLAIN

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.mark.parametrize(
    ("version", "expected"), [((3, 37, 2), ["E004"]), ((3, 38, 0), []), ((3, 50, 4), [])]
)
def test_sqlite(found, monkeypatch, version, expected):
    monkeypatch.setattr(sqlite3, "sqlite_version_info", version)
    assert found(databases={"default": EMBEDDED}) == expected
    plain = {"default": PLAIN}
    assert found(databases=plain, **GATEWAY | {"COUCHBASE_DATABASE": "default"}) == []


def test_mini_racer(found, monkeypatch):
    monkeypatch.setitem(sys.modules, "py_mini_racer", None)  # as if it were not installed
    assert found() == ["W008"]
    assert found(**GATEWAY) == []


def test_embedded_gateway_in_production(found):
    own = {"SYNC_GATEWAY_PASSWORD": "own", "SYNC_GATEWAY_GUEST_PASSWORD": "own"}
    assert found(DEBUG=True, **own) == []
    assert found(DEBUG=False, **own) == ["W009"]
    # Django's test runner turns DEBUG off, and runs the checks.
    assert found(DEBUG=False, deploy=False) == []


def test_tutorials_passwords_are_for_development(found):
    assert found(DEBUG=True) == []
    assert found(DEBUG=False) == ["W005", "W005", "W009"]
    # A server keeps them, whoever asks it.
    password = {"SYNC_GATEWAY_PASSWORD": "password"}
    assert found(DEBUG=True, **GATEWAY | password) == ["W005"]
    cluster = {"SYNC_GATEWAY_URL": None, "COUCHBASE_HOSTS": "couchbases://db"}
    assert found(DEBUG=True, **GATEWAY | password | cluster) == ["W002", "W005"]


@pytest.fixture
def urls(monkeypatch, settings):
    """Makes the site's urls."""

    def make(*patterns):
        module = ModuleType("urls_of_mine")
        module.urlpatterns = list(patterns)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        settings.ROOT_URLCONF = "tests.urls"
        settings.ROOT_URLCONF = module.__name__

    return make


def test_admin_api_in_the_sites_urls(found, urls):
    admin = include("django_cbtools.embedded.urls.admin")
    for pattern in (
        path("", admin),
        path("gateway/admin/", admin),
        path("a/", include([path("<int:n>/", include(([path("b/", admin)], "app"), "name"))])),
        path("list/", include(admin_urls.urlpatterns)),
    ):
        urls(path("sync/", include("django_cbtools.embedded.urls.public")), pattern)
        assert found() == ["E005"]
        assert found(deploy=False) == ["E005"]


def test_other_urls_are_fine(found, urls):
    (pattern,) = admin_urls.urlpatterns

    def guarded(request, **kwargs):
        return pattern.callback(request, **kwargs)

    urls(path("sync/", include("django_cbtools.embedded.urls.public")), path("admin/", guarded))
    assert found() == []


@pytest.mark.parametrize("name", ["no.such.urls", "", None, 5, "tests.settings"])
def test_urls_that_are_none(found, name):
    assert found(ROOT_URLCONF=name) == []
