"""Where system checks show, and the test kit."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from django_cbtools.models import query_view
from tests.checks.found import run
from tests.testapp.models import CBArticle

# Django's checks of JSON fields ask the databases, all of them, what they can do.
pytestmark = pytest.mark.django_db(databases="__all__")


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


# ------------------------------------------------------------------- test kit


def test_couchbase_views_fixture(couchbase_views):
    saved = CBArticle(channels=["c"])
    saved.save()
    assert query_view("by_type", "article") == [saved.uid]


# ------------------------------------------------------- what is not installed

WITHOUT_APP = """
import django
from django.conf import settings
from django.core import checks

APPS = ["django.contrib.auth", "django.contrib.contenttypes"]
database = {"ENGINE": "django_cbtools.backends.embedded", "NAME": ":memory:"}
settings.configure(INSTALLED_APPS=APPS, DATABASES={"default": database})
django.setup()
print([message.id for message in checks.run_checks() if message.id.startswith("cbtools")])
"""


def test_an_engine_without_the_app_is_told():
    assert run("-c", WITHOUT_APP).stdout == "['cbtools.W023']\n"


def test_what_to_install_for_rest_framework():
    program = (
        'import sys; sys.modules["rest_framework"] = None; import django_cbtools.rest_framework'
    )
    assert "pip install djangorestframework" in run("-c", program).stdout
