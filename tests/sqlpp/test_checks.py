"""What system checks say of a database that asks Couchbase Server for documents."""

from __future__ import annotations

from typing import Any
from unittest import mock

import pytest
from django.conf import settings as django_settings
from django.core import checks
from django.core.management import call_command
from django.db import connections

from django_cbtools import conf

PLAIN = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
SERVER = {
    "ENGINE": conf.COUCHBASE_ENGINE,
    "HOST": "https://first.example.com:18093,https://second.example.com:18093",
    "NAME": "news_test",
    "USER": "reader",
    "PASSWORD": "Y7hqx0vbQ2",
    "OPTIONS": {"read_only": True},
}
SETTINGS = {
    "DATABASE_ROUTERS": ["django_cbtools.routers.DocumentRouter"],
    "SYNC_GATEWAY_URL": "https://sync.example.com:4984",
    "SYNC_GATEWAY_PASSWORD": "Y7hqx0vbQ2",
    "SYNC_GATEWAY_GUEST_PASSWORD": "c2UgZ3Vlc3",
}
#: Of classes that other tests declare.
OTHERS = {f"cbtools.{name}" for name in ("W010", "W012", "W013")}


@pytest.fixture
def found(settings: Any) -> Any:
    """The messages, by id, of settings of production, but for those given."""

    def found(alias: str = "couchbase", deploy: bool = True, **changed: Any) -> dict[str, str]:
        entry = {name: changed.pop(name, SERVER[name]) for name in SERVER}
        for name, value in {**SETTINGS, **changed}.items():
            setattr(settings, name, value)
        databases = {"default": PLAIN, alias: entry}
        with mock.patch.object(django_settings, "DATABASES", databases):
            messages = checks.run_checks(tags=["cbtools"], include_deployment_checks=deploy)
        return {
            str(each.id).removeprefix("cbtools."): f"{each.msg} {each.hint}"
            for each in messages
            if each.id not in OTHERS
        }

    return found


def test_settings_of_production_pass(found: Any) -> None:
    assert found() == {}
    assert found(NAME="news_test.shop.articles", HOST="couchbases://one,two", OPTIONS={}) == {}


@pytest.mark.django_db(
    databases="__all__"
)  # Django 6 asks it where no router says that documents are elsewhere
@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("E015", {"SYNC_GATEWAY_URL": None}, "written through a gateway: set SYNC_GATEWAY_URL"),
        ("E016", {"HOST": ""}, r"DATABASES\['couchbase'\]: HOST is not set"),
        ("E016", {"HOST": "db.example.com:8091/x y"}, "HOST cannot be"),
        ("E016", {"HOST": "https://ann:hunter2@db"}, "HOST has no place for a login"),
        ("E016", {"NAME": ""}, "NAME is not set"),
        ("E016", {"NAME": "test.shop"}, "NAME cannot be 'test.shop'"),
        ("E016", {"NAME": "test..articles"}, "bucket.scope.collection"),
        ("E016", {"OPTIONS": {"readonly": True}}, "unknown options: readonly"),
        ("E016", {"OPTIONS": {"timeout": "long"}}, "timeout"),
        ("E016", {"OPTIONS": []}, "OPTIONS is a dictionary"),
        ("E017", {"alias": "default"}, "nothing for ordinary models.*DocumentRouter"),
        ("W001", {"DATABASE_ROUTERS": []}, "Documents are in 'couchbase'"),
        ("W003", {"HOST": "https://a.example.com,http://b.example.com"}, "HOST in DATABASES"),
        ("W004", {"OPTIONS": {"verify": False}}, r"OPTIONS\['verify'\] in DATABASES"),
        ("W005", {"PASSWORD": "reader"}, "PASSWORD in DATABASES"),
        (
            "W015",
            {"ENGINE": "django.db.backends.sqlite3"},
            f"cannot be queried.*`objects`.*admin.*{conf.COUCHBASE_ENGINE}",
        ),
    ],
)
def test_what_is_wrong(found: Any, name: str, changed: Any, said: str) -> None:
    messages = found(**changed)
    messages.pop("W009", None)  # a gateway that stands in for one of another name, while tests run
    assert list(messages) == [name]
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(messages[name].replace("\n", " "))
    assert "hunter2" not in messages[name]


def test_no_orm_is_said_for_production_alone(found: Any) -> None:
    assert found(ENGINE="django.db.backends.sqlite3", deploy=False) == {}
    assert list(found(ENGINE="django.db.backends.sqlite3", SYNC_GATEWAY_URL=None)) == ["W002"]


def test_djangos_checks_of_the_database(couchbase_alias: Any, settings: Any) -> None:
    couchbase_alias()
    settings.SYNC_GATEWAY_URL = "http://127.0.0.1:9"
    call_command("check", databases=["server"])
    assert connections["server"].queries_log.maxlen
