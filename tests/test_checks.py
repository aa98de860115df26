"""System checks of documents and of the library's settings, and the test kit."""

from __future__ import annotations

import inspect
import os
import re
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest
from django.apps import apps
from django.conf import settings as django_settings
from django.core import checks
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import models
from django.db.utils import ConnectionRouter
from django.test import override_settings
from django.urls import include, path
from hypothesis import example, given
from hypothesis import strategies as st

from django_cbtools import conf
from django_cbtools.checks import check_documents
from django_cbtools.embedded.urls import admin as admin_urls
from django_cbtools.models import CouchbaseModel, CouchbaseNestedModel, ForeignKey, query_view
from tests.testapp.models import CBArticle, CBAuthor, CBPayment

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "example_project"
EMBEDDED = {"ENGINE": conf.EMBEDDED_ENGINE, "NAME": ":memory:"}
PLAIN = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
ROUTER = "django_cbtools.routers.DocumentRouter"

#: A gateway in production, with nothing to complain of.
GATEWAY = {
    "COUCHBASE_DATABASE": "plain",
    "DATABASE_ROUTERS": [ROUTER],
    "SYNC_GATEWAY_URL": "https://sync.example.com:4984",
    "SYNC_GATEWAY_ADMIN_URL": "https://admin.example.com:4985",
    "SYNC_GATEWAY_PASSWORD": "Y7hqx0vbQ2",
    "SYNC_GATEWAY_GUEST_PASSWORD": "c2UgZ3Vlc3",
}

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def declared():
    """Takes back the documents that a test declares."""
    before = dict(apps.all_models["testapp"])
    articles = vars(CBAuthor)["articles"]
    yield
    CBAuthor.articles = articles
    apps.all_models["testapp"].clear()
    apps.all_models["testapp"].update(before)
    apps.clear_cache()


#: What is said of inheritance, relations and admins that other tests declare, and of gateways that
#: have no ORM beside them, as those here.
OTHERS = {f"cbtools.{name}" for name in ("W010", "W012", "W013", "W014", "W015")}


def ids(model):
    """What is said of a document class."""
    return {message.id for message in ours() if message.obj in (model, *model._meta.many_to_many)}


def ours(*, deploy=True):
    """What is found of all but classes and relations that other tests declare."""
    found = checks.run_checks(tags=["cbtools"], include_deployment_checks=deploy)
    return [message for message in found if message.id not in OTHERS]


@pytest.fixture
def found(settings):
    """The ids of what is found with the settings of a newcomer, but for those given."""

    def found(*, deploy=True, databases=django_settings.DATABASES, **changed):
        for name, value in ({"DEBUG": True} | changed).items():
            setattr(settings, name, value)
        # Not by the fixture: it would warn that connections do not follow.
        with mock.patch.object(django_settings, "DATABASES", databases):
            return sorted(message.id.removeprefix("cbtools.") for message in ours(deploy=deploy))

    return found


# ----------------------------------------------------------------- documents


def test_the_projects_documents_pass():
    assert [message for message in check_documents(None) if message.id not in OTHERS] == []
    found = checks.run_checks(tags=["models"])
    assert [message for message in found if message.id not in OTHERS] == []


def test_many_to_many_is_refused(declared):
    class CBTagged(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        authors = models.ManyToManyField(CBAuthor)

    assert "cbtools.E001" in ids(CBTagged)


def test_field_named_extra(declared):
    class CBOverridden(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        extra = models.CharField(max_length=5)

    assert "cbtools.E009" in ids(CBOverridden)


def test_what_a_table_would_compute_is_refused(declared):
    class CBComputed(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        number = models.IntegerField(default=1)
        double = models.GeneratedField(
            expression=models.F("number") * 2,
            output_field=models.IntegerField(),
            db_persist=True,
        )
        made = models.CharField(max_length=10, db_default="made")

    messages = check_documents(None)
    computed = [each.obj.name for each in messages if each.id == "cbtools.E010"]
    assert computed == ["double", "made"]


@pytest.mark.parametrize("key", ['a"b', "a\\b", "a\nb", "a\x00b"])
def test_keys_that_sql_cannot_read_are_refused(declared, key):
    class CBKeyed(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        fine = models.IntegerField(db_column="it's 100% fine: ÿ")
        number = models.IntegerField(db_column=key)

    found = [each.obj for each in check_documents(None) if each.id == "cbtools.E011"]
    assert found == [CBKeyed._meta.get_field("number")]


def test_documents_get_djangos_own_checks(declared):
    class CBClashing(CouchbaseModel):
        class Meta:
            abstract = True
            app_label = "testapp"

        title = models.CharField(max_length=-1)
        author = ForeignKey(CBAuthor, models.DO_NOTHING, related_name="articles")

    found = checks.run_checks(tags=[checks.Tags.models])
    said = [message.id for message in found if getattr(message.obj, "model", None) is CBClashing]
    assert {"fields.E121", "fields.E304"} <= set(said)
    assert len(said) == len(set(said))


class _Meta:
    abstract = True
    app_label = "testapp"


def _declare(base, **body):
    return type(base)("CBOther", (base,), {"__module__": __name__, "Meta": _Meta, **body})


@pytest.mark.parametrize(
    ("base", "body"),
    [
        (CouchbaseModel, {"doc_type": "article"}),
        (CBAuthor, {"doc_type": "article"}),
        # It has forgotten to say that it is another.
        (CBArticle, {"stars": models.IntegerField(null=True)}),
        # Its default is the name of the class.
        (CouchbaseModel, {"doc_type": "cbeverything"}),
    ],
    ids=["unrelated", "child of another", "child with fields", "the default"],
)
def test_two_classes_with_one_doc_type(declared, base, body):
    other = _declare(base, **body)
    (message,) = (found for found in ours() if found.id == "cbtools.W007")
    assert message.obj is other
    assert repr(other.type_name()) in message.msg


@pytest.mark.parametrize(
    ("base", "body"),
    [
        (CouchbaseModel, {"doc_type": "blog"}),
        (CouchbaseModel, {}),
        (CBArticle, {"doc_type": "blog", "stars": models.IntegerField(null=True)}),
        # Those that share it on purpose.
        (CBArticle, {"doc_type": "article", "stars": models.IntegerField(null=True)}),
        (CBArticle, {"shout": lambda self: self.title.upper()}),
        # It is never a document.
        (CouchbaseNestedModel, {"doc_type": "article"}),
        (CBPayment, {}),
    ],
    ids=["own", "default", "child's own", "repeated", "methods only", "nested", "nested child"],
)
def test_doc_types_that_differ_or_are_shared_on_purpose(declared, base, body):
    _declare(base, **body)
    assert [message for message in ours() if message.id == "cbtools.W007"] == []


# ------------------------------------------------------------------- settings


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
        {"SYNC_GATEWAY_USER": "", "SYNC_GATEWAY_PASSWORD": ""},
    ],
    "W006": [
        {"SYNC_GATEWAY_ADMIN_URL": "https://sync.example.com:4985"},
        {"SYNC_GATEWAY_ADMIN_URL": "https://admin.example.com:4984"},
        {"SYNC_GATEWAY_ADMIN_URL": None},
    ],
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


# --------------------------------------------------------------------- router


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


# ----------------------------------------------------------- embedded gateway


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


# ------------------------------------------------------------ never raise, never tell

SECRET = "s3cr3t"
URLS = st.builds(
    "{}://{}{}{}{}".format,
    st.sampled_from(["http", "https", "HTTP", "couchbases", "", "ftp"]),
    st.sampled_from(["", f"user:{SECRET}@", f":{SECRET}/@", f"user:[{SECRET}]@", f"u:#{SECRET}@"]),
    st.sampled_from(["a.example.com", "localhost", "[::1]", "[", "[x]", "", "1.2.3.4", "ü", "."]),
    st.sampled_from(["", ":80", ":x", ":99999999", ":-1"]),
    st.sampled_from(["", "/path", "?tls_verify=none", "?ssl", "#x"]),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary()
    | URLS
    | st.sampled_from(["plain", "default", SECRET, SECRET.upper(), object(), conf, {1}, len])
)
ODD = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(
            st.sampled_from(["verify", "tls_verify", "cert", ""]) | st.integers(), inner, max_size=3
        )
    ),
    max_leaves=6,
)
SETTINGS = st.dictionaries(st.sampled_from([*conf.DEFAULTS, "DEBUG"]), ODD)
DATABASES = st.dictionaries(
    st.sampled_from(["default", "couchbase", "plain"]),
    st.sampled_from([EMBEDDED, PLAIN, {}]) | ODD,
)


@given(SETTINGS, DATABASES)
@example({"COUCHBASE_DATABASE": []}, {"default": None})
def test_no_setting_breaks_the_checks(values, databases):
    with override_settings(**values), mock.patch.object(django_settings, "DATABASES", databases):
        for check in checks.registry.registry.get_checks(True):
            if "cbtools" in check.tags and check is not check_documents:
                for message in check(app_configs=None, databases=None):
                    assert message.id.startswith("cbtools.")
                    assert isinstance(str(message), str)


@given(st.fixed_dictionaries({
    name: URLS | st.lists(URLS, max_size=2)
    for name in ("SYNC_GATEWAY_URL", "SYNC_GATEWAY_ADMIN_URL", "COUCHBASE_HOSTS")
}), st.sampled_from(["plain", "default"]))  # fmt: skip
def test_no_message_has_a_secret(urls, alias):
    passwords = {name: SECRET for name in conf.DEFAULTS if name.endswith(("_USER", "_PASSWORD"))}
    with override_settings(**urls, **passwords, COUCHBASE_DATABASE=alias):
        messages = ours()
        assert messages
        assert SECRET not in "".join(f"{message} {message!r}" for message in messages)


def run(*command, **environment):
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=EXAMPLE, env=env, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"DATABASES": {"default": EMBEDDED}}, "cbtools.W009"),
        (
            GATEWAY
            | {
                "DATABASES": {"default": PLAIN, "plain": PLAIN},
                "COUCHBASE_HOSTS": "couchbases://db.example.com?tls_verify=none",
            },
            "cbtools.W004",
        ),
    ],
    ids=["embedded", "gateway and cluster"],
)
def test_nothing_is_asked_and_nothing_heavy_is_loaded(values, expected):
    program = f"""
import sys

def refuse(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "sqlite3.connect"):
        raise AssertionError(f"{{event}} {{args}}")

sys.addaudithook(refuse)
import django
from django.conf import settings
from django.core import checks

settings.configure(INSTALLED_APPS=["django_cbtools"], **{values!r})
django.setup()
for message in checks.run_checks(tags=["cbtools"], include_deployment_checks=True):
    print(message.id)
print({{"couchbase", "py_mini_racer", "requests"}} & set(sys.modules))
"""
    done = run("-c", program)
    assert done.stdout.split() == [expected, "set()"], done.stdout


# ------------------------------------------------------------------ where they show


def test_silenced(settings):
    settings.SYNC_GATEWAY_URL = "https://sync.example.com"
    settings.SILENCED_SYSTEM_CHECKS = []
    with pytest.raises(SystemCheckError, match=r"cbtools\.E002"):
        call_command("check", tags=["cbtools"])
    settings.SILENCED_SYSTEM_CHECKS = ["cbtools.E002"]
    call_command("check", tags=["cbtools"])


@pytest.mark.parametrize("options", [[], ["--deploy"], ["--database", "default"]])
def test_the_example_passes(options):
    environment = {"DJANGO_SETTINGS_MODULE": "example_project.settings"}
    done = run("manage.py", "check", "--tag", "cbtools", *options, **environment)
    assert done.returncode == 0
    assert "no issues" in done.stdout, done.stdout


def _source_ids(source):
    return set(re.findall(r'id="(cbtools\.[EW]\d{3})"', source))


def test_each_id_is_in_the_readme():
    text = (ROOT / "README.rst").read_text("utf-8")
    section = re.search(r"^System checks\n=+\n(.*?)^=+$", text, re.MULTILINE | re.DOTALL)
    entries = re.findall(
        r"^``(cbtools\.[EW]\d{3})``( \*\(deploy\)\*)?\n    \S", section[1], re.MULTILINE
    )
    assert [key for key, _ in entries] == sorted({key for key, _ in entries})
    sources = (ROOT / "django_cbtools").rglob("*.py")
    assert {key for key, _ in entries} == _source_ids(
        "".join(p.read_text("utf-8") for p in sources)
    )
    deploy = "".join(
        inspect.getsource(check)
        for check in checks.registry.registry.deployment_checks
        if "cbtools" in check.tags
    )
    assert {key for key, mark in entries if mark} == _source_ids(deploy)


# ------------------------------------------------------------------- test kit


def test_couchbase_views_fixture(couchbase_views):
    saved = CBArticle(channels=["c"])
    saved.save()
    assert query_view("by_type", "article") == [saved.uid]
