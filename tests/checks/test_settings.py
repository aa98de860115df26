"""System checks of the library's settings."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from django_cbtools.conf import COUCHBASE_ENGINE
from tests.checks.found import EMBEDDED, GATEWAY, PLAIN, ROUTER, ours

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


def test_a_newcomers_settings_pass(found):
    assert found(databases={"default": EMBEDDED}) == []


def test_a_gateway_in_production_passes(found):
    assert found(DEBUG=False, **GATEWAY) == []


#: For each id, changes to a gateway's settings in production that trigger it, and their neighbours
#: that do not.
BAD = {
    "E003": [
        {"COUCHBASE_DATABASE": "nowhere"},
        {"COUCHBASE_DATABASE": ""},
        {"COUCHBASE_DATABASE": ["plain"]},
    ],
    "W001": [{"DATABASE_ROUTERS": []}],
    "W002": [{"SYNC_GATEWAY_URL": None}, {"SYNC_GATEWAY_URL": []}],
    "W003": [
        {"SYNC_GATEWAY_URL": "http://sync.example.com:4984"},
        {"SYNC_GATEWAY_URL": "HTTP://sync.example.com"},
        {"SYNC_GATEWAY_URL": "http://10.0.0.1:4984"},
        {"SYNC_GATEWAY_URL": "http://192.168.1.4:4984"},
        {"SYNC_GATEWAY_URL": "http://[fe80::1]:4984"},
        {"SYNC_GATEWAY_URL": "http://gateway:4984"},
        {"SYNC_GATEWAY_URL": "http://localhost.example.com:4984"},
        {"SYNC_GATEWAY_URL": "http://notlocalhost:4984"},
        {"SYNC_GATEWAY_URL": "http://localhost@sync.example.com"},
        {"SYNC_GATEWAY_URL": ["https://a.example.com", "http://b.example.com"]},
        {"SYNC_GATEWAY_URL": ("http://localhost:4984", "http://b.example.com")},
        {"SYNC_GATEWAY_ADMIN_URL": "http://admin.example.com:4985"},
        {"SYNC_GATEWAY_ADMIN_URL": ["http://admin.example.com:4985"]},
    ],
    "W004": [
        {"SYNC_GATEWAY_OPTIONS": {"verify": False}},
        {"COUCHBASE_HOSTS": "couchbases://db", "COUCHBASE_OPTIONS": {"tls_verify": "none"}},
        {"COUCHBASE_HOSTS": ["db"], "COUCHBASE_OPTIONS": {"tls_verify": "no_verify"}},
        {"COUCHBASE_HOSTS": "couchbases://db?tls_verify=none"},
        {"COUCHBASE_HOSTS": "couchbases://db?timeout=1&ssl=no_verify"},
    ],
    "W005": [
        {"SYNC_GATEWAY_PASSWORD": "password"},
        {"SYNC_GATEWAY_PASSWORD": "django_cbtools_admin_password"},
        {"SYNC_GATEWAY_GUEST_PASSWORD": "django_cbtools_guest_password"},
        {"SYNC_GATEWAY_USER": "ann", "SYNC_GATEWAY_PASSWORD": "Ann"},
        {"SYNC_GATEWAY_ADMIN_USER": "Administrator", "SYNC_GATEWAY_ADMIN_PASSWORD": "Password"},
        {"COUCHBASE_USER": "app", "COUCHBASE_PASSWORD": "app"},
    ],
    "W006": [
        {"SYNC_GATEWAY_ADMIN_URL": "https://sync.example.com:4984"},
        {"SYNC_GATEWAY_ADMIN_URL": "https://sync.example.com:4984/admin/"},
        {"SYNC_GATEWAY_ADMIN_URL": "https://SYNC.example.com:4984/"},
        {
            "SYNC_GATEWAY_URL": "https://sync.example.com",
            "SYNC_GATEWAY_ADMIN_URL": "https://sync.example.com:443",
        },
        {"SYNC_GATEWAY_ADMIN_URL": ["https://a.example.com", "https://sync.example.com:4984"]},
    ],
    "W020": [
        {"SYNC_GATEWAY_USER": "app", "SYNC_GATEWAY_PASSWORD": None},
        {"SYNC_GATEWAY_PASSWORD": ""},
        {"SYNC_GATEWAY_ADMIN_USER": "sync", "SYNC_GATEWAY_ADMIN_PASSWORD": None},
        {"COUCHBASE_HOSTS": "couchbases://db", "COUCHBASE_USER": "app"},
    ],
    "W021": [
        {"SYNC_GATEWAY_USERNAME": "app"},
        {"COUCHBASE_STALES": "ok"},
        {"SYNC_GATEWAY_OPTIONS": {"verfy": False}},
    ],
}
GOOD = {
    "E003": [{"COUCHBASE_DATABASE": "plain"}],
    "W001": [{"DATABASE_ROUTERS": ["django_cbtools.routers.DocumentRouter"]}],
    "W003": [
        {"SYNC_GATEWAY_URL": url}
        for url in (
            "http://127.0.0.1:4984",
            "http://127.1.2.3:4984",
            "http://localhost:4984",
            "http://LOCALHOST.:4984",
            "http://gateway.localhost:4984",
            "http://[::1]:4984",
            "http://[::ffff:127.0.0.1]:4984",
            "http://user:word@localhost:4984",
            ["http://localhost:4984", "https://sync.example.com"],
        )
    ],
    "W004": [
        {"SYNC_GATEWAY_OPTIONS": {"verify": True}},
        {"SYNC_GATEWAY_OPTIONS": {"verify": "/etc/ssl/our-authority.pem"}},
        {"SYNC_GATEWAY_OPTIONS": {"timeout": 5}},
        {"COUCHBASE_HOSTS": "couchbases://db", "COUCHBASE_OPTIONS": {"tls_verify": "peer"}},
        {"COUCHBASE_HOSTS": "couchbases://none?tls_verify=peer"},
        {"COUCHBASE_OPTIONS": {"tls_verify": "none"}},  # there is no cluster
    ],
    "W005": [
        {"SYNC_GATEWAY_PASSWORD": "password1"},
        {"SYNC_GATEWAY_USER": "ann", "SYNC_GATEWAY_PASSWORD": "ann's"},
        {
            "SYNC_GATEWAY_USER": "",
            "SYNC_GATEWAY_PASSWORD": "",
            "SYNC_GATEWAY_OPTIONS": {"cert": "/etc/ssl/our.pem"},
        },
    ],
    "W006": [
        {"SYNC_GATEWAY_ADMIN_URL": "https://sync.example.com:4985"},
        {"SYNC_GATEWAY_ADMIN_URL": "https://admin.example.com:4984"},
        {"SYNC_GATEWAY_ADMIN_URL": None},
    ],
    "W020": [{"COUCHBASE_USER": "app"}],  # there is no cluster
    "W021": [{"SYNC_GATEWAY_OPTIONS": {"cors": {}}}],
}


def _cases(table):
    return [
        pytest.param(key, change, id=f"{key}-{change}") for key in table for change in table[key]
    ]


@pytest.mark.parametrize(("key", "change"), _cases(BAD))
def test_bad_settings(found, key, change):
    assert found(DEBUG=False, **GATEWAY | change) == [key]


@pytest.mark.parametrize(("key", "change"), _cases(GOOD))
def test_good_settings(found, key, change):
    assert found(DEBUG=False, **GATEWAY | change) == []


def test_the_sdks_own_constants_turn_verification_off(found):
    from couchbase.options import TLSVerifyMode

    cluster = {**GATEWAY, "COUCHBASE_HOSTS": "couchbases://db.example.com"}
    for mode in TLSVerifyMode:
        expected = [] if mode is TLSVerifyMode.PEER else ["W004"]
        assert found(**cluster, COUCHBASE_OPTIONS={"tls_verify": mode}) == expected


def test_each_setting_is_named(found):
    found(
        **GATEWAY | {
            "SYNC_GATEWAY_URL": "http://sync.example.com",
            "SYNC_GATEWAY_ADMIN_URL": "http://admin.example.com",
            "SYNC_GATEWAY_OPTIONS": {"verify": False},
            "COUCHBASE_HOSTS": "couchbases://db?tls_verify=none",
            "COUCHBASE_OPTIONS": {"tls_verify": "none"},
            "COUCHBASE_PASSWORD": "password",
            "SYNC_GATEWAY_PASSWORD": "password",
        }
    )  # fmt: skip
    named = [(message.id, message.msg.split()[0]) for message in ours()]
    assert sorted(named) == [
        ("cbtools.W003", "SYNC_GATEWAY_ADMIN_URL"),
        ("cbtools.W003", "SYNC_GATEWAY_URL"),
        ("cbtools.W004", "COUCHBASE_HOSTS"),
        ("cbtools.W004", "COUCHBASE_OPTIONS['tls_verify']"),
        ("cbtools.W004", "SYNC_GATEWAY_OPTIONS['verify']"),
        ("cbtools.W005", "COUCHBASE_PASSWORD"),
        ("cbtools.W005", "SYNC_GATEWAY_PASSWORD"),
    ]


def test_what_a_gateway_would_use_says_nothing_without_one(found):
    unused = {
        "SYNC_GATEWAY_ADMIN_URL": "http://admin.example.com:4985",
        "SYNC_GATEWAY_OPTIONS": {"verify": False},
        "COUCHBASE_OPTIONS": {"tls_verify": "none"},
    }
    assert found(**unused) == []


def test_a_query_service_without_a_password(found):
    entry = {"ENGINE": COUCHBASE_ENGINE, "HOST": "https://db.example.com", "NAME": "news"}
    change = {**GATEWAY, "COUCHBASE_DATABASE": None}
    databases = {"default": PLAIN, "couchbase": {**entry, "USER": "app", "PASSWORD": None}}
    assert found(databases=databases, **change) == ["W020"]


@pytest.mark.parametrize(
    ("change", "near"),
    [
        ({"SYNC_GATEWAY_ADMIN_URLS": []}, "'SYNC_GATEWAY_ADMIN_URL'"),
        ({"SYNC_GATEWAY_OPTIONS": {"verfy": False}}, "'verify'"),
    ],
)
def test_the_nearest_name_is_told(found, change, near):
    found(**GATEWAY | change)
    assert [near in str(message.hint) for message in ours()] == [True]


@pytest.mark.parametrize(
    "server", [{"SYNC_GATEWAY_URL": "https://sync.example.com"}, {"COUCHBASE_HOSTS": "db"}]
)
def test_a_server_and_the_embedded_backend(found, server):
    assert found(SYNC_GATEWAY_PASSWORD="own", SYNC_GATEWAY_GUEST_PASSWORD="own", **server) == [
        "E002"
    ]


@pytest.mark.parametrize("options", [{}, {"databases": ["default", "plain"]}])
def test_a_router_lets_djangos_checks_get_to_the_end(settings, options):
    """Those of databases ask it where tables are."""
    settings.DATABASE_ROUTERS = [ROUTER]
    call_command("check", **options)
    settings.COUCHBASE_DATABASE = "nowhere"
    with pytest.raises(SystemCheckError, match=r"cbtools\.E003\) COUCHBASE_DATABASE is 'nowhere'"):
        call_command("check", **options)


def test_a_gateway_with_no_orm_passes(found):
    databases = {"default": PLAIN}
    settings = {**GATEWAY, "COUCHBASE_DATABASE": None, "DATABASE_ROUTERS": []}
    assert found(databases=databases, **settings) == []
    assert found(databases=databases, **settings | {"SYNC_GATEWAY_URL": None}) == ["W002"]


@pytest.mark.parametrize(
    ("zone", "use_tz", "expected"),
    [
        ("Europe/Oslo", True, ["E012"]),
        ("Europe/Oslo", False, []),
        ("UTC", True, []),
        (None, True, []),
    ],
)
def test_the_time_zone_of_documents_is_utc(found, zone, use_tz, expected):
    databases = {"default": {**EMBEDDED, "TIME_ZONE": zone}}
    assert found(databases=databases, USE_TZ=use_tz) == expected
    assert found(databases={"default": EMBEDDED, "other": databases["default"]}) == []
