"""System checks never raise, tell no secret, and ask nobody."""

from __future__ import annotations

from unittest import mock

import pytest
from django.conf import settings as django_settings
from django.core import checks
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from django_cbtools import conf
from django_cbtools.checks import check_documents
from tests.checks.found import EMBEDDED, GATEWAY, PLAIN, ours, run

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


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
